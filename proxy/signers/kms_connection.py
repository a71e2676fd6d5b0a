"""The connection to AWS KMS: its JSON API over the proxy's own link, signed as AWS wants it.

The link gives what the SDK's client does not: the call's deadline down to the last byte, the ledger, one bound of connections,
and no thread that outlives its call (docs/adr/0012).
"""

import json
from collections.abc import Mapping
from functools import partial
from ipaddress import ip_address
from typing import TypeVar

import structlog
from pydantic import ValidationError

from proxy.call import Call
from proxy.errors import SettingsError, SignerError, SignerUnavailable
from proxy.outbound import (
    Judgement,
    Link,
    LinkError,
    LinkGarbled,
    LinkRefused,
    Links,
    judged,
    origin,
)
from proxy.settings import KMSSettings
from proxy.signers.kms_answers import KMSAnswer
from proxy.signers.kms_failures import error_code, failure

DESTINATION = "kms"
"""Its name on the ledger, and the backend's name."""

_LARGEST_ANSWER = 262_144
_CONTENT_TYPE = "application/x-amz-json-1.1"

_READS = frozenset({"DescribeKey", "GetPublicKey", "ListAliases"})
_CREATIONS = frozenset({"CreateAlias", "CreateKey"})

_MOST_WHEN_THROTTLED = 8
"""Attempts: throttling is normal here, and passes with the second."""

_log = structlog.get_logger("proxy.signers")

_AnswerT = TypeVar("_AnswerT", bound=KMSAnswer)


class KMSConnection:
    """Requests to KMS in one region.

    Args:
        settings: Region, endpoint and timeout.
        in_flight: How many requests at a time.
        links: Where its breaker is.

    Raises:
        SettingsError: The endpoint is neither ``https`` nor on loopback, the region is unknown, or a file cannot be used.
    """

    def __init__(self, settings: KMSSettings, in_flight: int, links: Links) -> None:
        # Importing botocore takes half a second, which only those wait for who use it.
        from proxy.signers.kms_authorization import AWSAuthorization

        self._authorization = AWSAuthorization("kms", settings.region)
        self._url = _checked(settings.endpoint_url or self._authorization.endpoint_url())
        self._dependency = links.dependency(DESTINATION)
        self._link = Link(
            DESTINATION,
            timeout_seconds=settings.timeout_seconds,
            max_response_bytes=_LARGEST_ANSWER,
            connections=in_flight,
            tls=links.tls(DESTINATION, settings.ca),
        )

    async def ask(self, call: Call, action: str, body: Mapping[str, object], kind: type[_AnswerT]) -> _AnswerT:
        """Ask for one action, again after a pause where the service says that it could not, within the call's deadline.

        Args:
            call: Deadline and ledger; every attempt is recorded.
            action: ``Sign``, ``GetPublicKey`` …
            body: Its parameters.
            kind: What must come back.

        Raises:
            SignerUnavailable: No connection, no answer in time, a broken one, throttled or failing to the end, or left alone
                for a while.
            SignerError: Access denied, any other failure, or an answer that is none.
            KeyNotFound, AlgorithmNotAllowed, InvalidParameter: As the service says.
            DeadlineExceeded: The call's time is over.
        """
        data = json.dumps(body, separators=(",", ":")).encode()
        target = {"Content-Type": _CONTENT_TYPE, "X-Amz-Target": f"TrentService.{action}"}

        async def attempt() -> _AnswerT:
            headers = await self._authorization.headers(call, self._url, data, target)
            answer = await self._link.exchange(call, "POST", self._url, body=data, more_headers=headers)
            try:
                return kind.model_validate_json(answer.body or b"{}")
            except ValidationError as error:
                raise LinkGarbled(f"it is no {kind.__name__}") from error

        try:
            return await self._dependency.ask(
                call, attempt, repeatable=action in _READS, judge=partial(_judged, creates=action in _CREATIONS)
            )
        except LinkRefused as error:
            _log.warning("kms.refused", action=action, status=error.answer.status, errorCode=error_code(error.answer)[:64])
            raise failure(error.answer).error from error
        except LinkGarbled as error:
            raise SignerError("the key service's answer does not follow its API") from error
        except LinkError as error:
            raise SignerUnavailable("the key service cannot be reached", retry_after=error.retry_after) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._authorization.close()
        await self._link.close()


def _judged(error: LinkError, *, creates: bool) -> Judgement:
    """What a failure says, by the service's codes. Of what it says it could not do, nothing came but perhaps a new key."""
    if not isinstance(error, LinkRefused):
        return judged(error)
    failed = failure(error.answer)
    return Judgement(
        works=failed.of_key or not failed.transient,
        passing=failed.throttled or failed.transient,
        undone=not (failed.transient and creates),
        attempts=_MOST_WHEN_THROTTLED if failed.throttled else None,
    )


def _checked(url: str) -> str:
    try:
        scheme, host, _ = origin(url)
    except ValueError as error:
        raise SettingsError(f"kms.endpoint_url {url!r}: {error}") from error
    if scheme != "https" and not _is_loopback(host):
        raise SettingsError(f"kms.endpoint_url {url!r}: https is needed beyond loopback")
    return url.rstrip("/") + "/"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
