"""Who the proxy is to AWS: credentials by AWS's own chain, and requests signed with them (Signature Version 4).

The chain is botocore's: environment, shared files, web identity, the ECS task's role, and an EC2 instance's role where nothing
else was found. Looking it up and renewing it block, so that is done in one thread, by one lookup at a time, and ahead of the
expiry while requests go on with what there is.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import structlog
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials, RefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from proxy.aws.failures import NoCredentials
from proxy.call import Call
from proxy.errors import SettingsError

_DOMAINS = {"aws": "amazonaws.com", "aws-us-gov": "amazonaws.com", "aws-cn": "amazonaws.com.cn"}
"""Where the regional endpoints of a partition are."""

_RENEW_AHEAD = 900
_RENEW_NOW = 60
"""Seconds before their end at which credentials are renewed beside the requests, and before them."""

_LARGE = 1 << 17
"""Bytes from which on a body's digest is made in a thread: a tenth of a millisecond is no reason for one."""

_log = structlog.get_logger("proxy.aws")


class AWSAuthorization:
    """Signs requests to one service in one region.

    Args:
        service: As in the service's host name.
        region: The AWS region.
    """

    def __init__(self, service: str, region: str) -> None:
        self._service = service
        self._region = region
        self._session = Session()
        self._found: Credentials | None = None
        self._usable: ReadOnlyCredentials | None = None
        self._thread = ThreadPoolExecutor(1, "aws-credentials")
        self._renewal: asyncio.Future[None] | None = None

    def endpoint_url(self) -> str:
        """The service's public endpoint in the region.

        Raises:
            SettingsError: None is known.
        """
        try:
            domain = _DOMAINS[self._session.get_partition_for_region(self._region)]
        except (BotoCoreError, KeyError) as error:
            raise SettingsError(
                f"no public endpoint of {self._service} is known in the region {self._region!r}: set its endpoint_url"
            ) from error
        return f"https://{self._service}.{self._region}.{domain}/"

    async def headers(
        self, call: Call, url: str, body: bytes, headers: Mapping[str, str], *, method: str = "POST"
    ) -> dict[str, str]:
        """The headers that a request carries so that AWS knows whose it is.

        Args:
            call: Its deadline bounds the wait for credentials.
            url: Absolute, percent-encoded where it must be.
            body: The request body.
            headers: Those to sign too; they come back with the others.
            method: HTTP method.

        Raises:
            NoCredentials: There are none.
            DeadlineExceeded: The call's time is over.
        """
        credentials = await self._current(call)
        request = AWSRequest(method, url, headers=dict(headers), data=body)
        request.context["sha256"] = await _sha256(body)
        signing = _S3Auth if self._service == "s3" else _Auth
        signing(credentials, self._service, self._region).add_auth(request)
        return dict(request.headers.items())

    def forget(self) -> None:
        """AWS does not take the credentials any more: find them anew, from the beginning of the chain."""
        self._found = self._usable = None
        self._session = Session()

    async def close(self) -> None:
        """Begin no further lookup."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _current(self, call: Call) -> ReadOnlyCredentials:
        if self._usable is None or self._ends_within(_RENEW_NOW):
            async with call.deadline.enforce():
                await asyncio.shield(self._renewing())
        elif self._ends_within(_RENEW_AHEAD):
            _ = self._renewing()
        if self._usable is None:
            raise NoCredentials("AWS's chain of credentials gives none")
        return self._usable

    def _ends_within(self, seconds: int) -> bool:
        return isinstance(self._found, RefreshableCredentials) and bool(self._found.refresh_needed(seconds))

    def _renewing(self) -> "asyncio.Future[None]":
        """The lookup that is under way, or a new one."""
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.get_running_loop().run_in_executor(self._thread, self._renew)
        return self._renewal

    def _renew(self) -> None:
        """In the thread. On failure what there was stays, for as long as AWS takes it."""
        try:
            self._found = self._found or self._session.get_credentials()
            if self._found is not None:
                self._usable = self._found.get_frozen_credentials()
        except (BotoCoreError, ClientError, OSError, RuntimeError) as error:
            # RuntimeError is what botocore has for credentials that were renewed and are over already.
            _log.warning("aws.no_credentials", service=self._service, failure=type(error).__name__)


async def _sha256(body: bytes) -> str:
    """In hex. A large body is digested where that holds up nobody."""
    if len(body) > _LARGE:
        return await asyncio.to_thread(_hex_digest, body)
    return _hex_digest(body)


def _hex_digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


class _Auth(SigV4Auth):  # type: ignore[misc]  # untyped
    """Signs with a digest of the body that has been made."""

    def payload(self, request: AWSRequest) -> str:
        """Hex SHA-256 of the body."""
        return str(request.context["sha256"])


class _S3Auth(_Auth, S3SigV4Auth):  # type: ignore[misc]  # untyped
    """The same for S3, which has the digest in a header and paths as they are."""
