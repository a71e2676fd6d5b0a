"""The connection to AWS KMS: its JSON API over the proxy's own link, signed as AWS wants it.

The link gives what the SDK's client does not: the call's deadline down to the last byte, the ledger, one bound of connections,
and no thread that outlives its call (docs/adr/0012).
"""

import asyncio
import json
import secrets
from collections.abc import Mapping
from ipaddress import ip_address
from typing import TypeVar

import structlog
from pydantic import ValidationError

from proxy.call import Call
from proxy.errors import SettingsError, SignerError, SignerUnavailable
from proxy.outbound import Link, LinkError, LinkGarbled, LinkRefused, client_tls, origin
from proxy.settings import KMSSettings
from proxy.signers.kms_answers import KMSAnswer
from proxy.signers.kms_failures import Failure, error_code, failure

DESTINATION = "kms"
"""Its name on the ledger, and the backend's name."""

_LARGEST_ANSWER = 262_144
_CONTENT_TYPE = "application/x-amz-json-1.1"

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_MOST_WHEN_THROTTLED = 8
_MOST_WHEN_TRANSIENT = 3
"""Attempts, the first one included."""

_random = secrets.SystemRandom()
_log = structlog.get_logger("proxy.signers")

_AnswerT = TypeVar("_AnswerT", bound=KMSAnswer)


class KMSConnection:
    """Requests to KMS in one region.

    Args:
        settings: Region, endpoint and timeout.
        in_flight: How many requests at a time.

    Raises:
        SettingsError: The endpoint is neither ``https`` nor on loopback, the region is unknown, or a file cannot be used.
    """

    def __init__(self, settings: KMSSettings, in_flight: int) -> None:
        # Importing botocore takes half a second, which only those wait for who use it.
        from proxy.signers.kms_authorization import AWSAuthorization

        self._authorization = AWSAuthorization("kms", settings.region)
        self._url = _checked(settings.endpoint_url or self._authorization.endpoint_url())
        self._places = asyncio.Semaphore(in_flight)
        self._link = Link(
            DESTINATION,
            timeout_seconds=settings.timeout_seconds,
            max_response_bytes=_LARGEST_ANSWER,
            connections=in_flight,
            tls=client_tls(settings.ca),
        )

    async def ask(
        self, call: Call, action: str, body: Mapping[str, object], kind: type[_AnswerT], *, repeatable: bool = True
    ) -> _AnswerT:
        """Ask for one action, again after a pause where the service says that it could not, within the call's deadline.

        Args:
            call: Deadline and ledger; every attempt is recorded.
            action: ``Sign``, ``GetPublicKey`` …
            body: Its parameters.
            kind: What must come back.
            repeatable: Doing it twice does no harm. If not, only what was throttled is asked again.

        Raises:
            SignerUnavailable: No connection, no answer in time, a broken one, or throttled or failing to the end.
            SignerError: Access denied, any other failure, or an answer that is none.
            KeyNotFound, AlgorithmNotAllowed, InvalidParameter: As the service says.
            DeadlineExceeded: The call's time is over.
        """
        data = json.dumps(body, separators=(",", ":")).encode()
        attempt = 1
        while True:
            answered = await self._exchange(call, action, data, kind)
            if not isinstance(answered, Failure):
                return answered
            pause = _random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt))
            if attempt >= _most_attempts(answered, repeatable) or pause >= call.deadline.remaining:
                raise answered.error
            await asyncio.sleep(pause)
            attempt += 1

    async def _exchange(self, call: Call, action: str, body: bytes, kind: type[_AnswerT]) -> _AnswerT | Failure:
        target = {"Content-Type": _CONTENT_TYPE, "X-Amz-Target": f"TrentService.{action}"}
        try:
            async with call.deadline.enforce(), self._places:
                headers = await self._authorization.headers(call, self._url, body, target)
                answer = await self._link.exchange(call, "POST", self._url, body=body, more_headers=headers)
            return kind.model_validate_json(answer.body or b"{}")
        except LinkRefused as error:
            _log.warning("kms.refused", action=action, status=error.answer.status, errorCode=error_code(error.answer)[:64])
            return failure(error.answer)
        except LinkGarbled as error:
            raise SignerError("the key service's answer is no usable HTTP answer") from error
        except LinkError as error:
            raise SignerUnavailable("the key service cannot be reached") from error
        except ValidationError as error:
            raise SignerError("the key service's answer is not what was asked for") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._authorization.close()
        await self._link.close()


def _most_attempts(failed: Failure, repeatable: bool) -> int:
    if failed.throttled:
        return _MOST_WHEN_THROTTLED
    return _MOST_WHEN_TRANSIENT if failed.transient and repeatable else 1


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
