"""The connection to AWS KMS: what is asked again, and what its failures are to the proxy's callers (docs/adr/0012)."""

import json
from collections.abc import Mapping
from functools import partial
from typing import TypeVar

import structlog
from pydantic import ValidationError

from proxy.aws.failures import ASKED_WITH_OTHER_CREDENTIALS, MOST_WHEN_THROTTLED, OVER, NoCredentials, error_code
from proxy.aws.json_api import JSONAPI, Service
from proxy.call import Call
from proxy.errors import SignerError, SignerUnavailable
from proxy.outbound import (
    Judgement,
    LinkError,
    LinkGarbled,
    LinkRefused,
    Links,
    judged,
)
from proxy.settings import KMSSettings
from proxy.signers.kms_answers import KMSAnswer
from proxy.signers.kms_failures import failure

DESTINATION = "kms"
"""Its name on the ledger, and the backend's name."""

_SERVICE = Service(DESTINATION, "TrentService", "1.1", "kms.endpoint_url", 262_144)

_READS = frozenset({"DescribeKey", "GetPublicKey", "ListAliases"})
_CREATIONS = frozenset({"CreateAlias", "CreateKey"})

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
        self._api = JSONAPI(
            _SERVICE,
            settings.region,
            endpoint_url=settings.endpoint_url,
            ca=settings.ca,
            timeout_seconds=settings.timeout_seconds,
            in_flight=in_flight,
            links=links,
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

        async def attempt() -> _AnswerT:
            answer = await self._api.exchange(call, action, data)
            try:
                return kind.model_validate_json(answer or b"{}")
            except ValidationError as error:
                raise LinkGarbled(f"it is no {kind.__name__}") from error

        try:
            return await self._api.dependency.ask(
                call, attempt, repeatable=action in _READS, judge=partial(_judged, creates=action in _CREATIONS)
            )
        except LinkRefused as error:
            _log.warning("kms.refused", action=action, status=error.answer.status, errorCode=error_code(error.answer)[:64])
            raise failure(error.answer).error from error
        except LinkGarbled as error:
            raise SignerError("the key service's answer does not follow its API") from error
        except NoCredentials as error:
            raise SignerError("the proxy has no credentials for the key service") from error
        except LinkError as error:
            raise SignerUnavailable("the key service cannot be reached", retry_after=error.retry_after) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()


def _judged(error: LinkError, *, creates: bool) -> Judgement:
    """What a failure says, by the service's codes. Of what it says it could not do, nothing came but perhaps a new key."""
    if not isinstance(error, LinkRefused):
        return judged(error)
    if error_code(error.answer) in OVER:
        return ASKED_WITH_OTHER_CREDENTIALS
    failed = failure(error.answer)
    return Judgement(
        works=failed.of_key or not failed.transient,
        passing=failed.throttled or failed.transient,
        undone=not (failed.transient and creates),
        attempts=MOST_WHEN_THROTTLED if failed.throttled else None,
    )
