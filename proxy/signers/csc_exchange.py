"""One request to a provider, and its answer: the one place where failures of the link and of the provider get their names.

What is asked again, and when the provider is left alone, is ``proxy.outbound.Dependency``'s.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import structlog
from pydantic import ValidationError

from proxy.call import Call
from proxy.errors import Maintenance, SignerError, SignerUnavailable
from proxy.outbound import (
    Answer,
    Dependency,
    Judgement,
    Link,
    LinkError,
    LinkGarbled,
    LinkRefused,
    judged,
)
from proxy.signers.csc_answers import CSCAnswer
from proxy.signers.csc_failures import error_code, failure, is_pending

LARGEST_ANSWER = 4_000_000
LARGE_ANSWER = 1 << 18
"""Bytes of JSON beyond which an answer (a list with many chains) is parsed off the event loop."""

_log = structlog.get_logger("proxy.signers")

_AnswerT = TypeVar("_AnswerT", bound=CSCAnswer)


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent.

    Attributes:
        http_method: ``POST`` or ``GET``.
        url: Where to.
        body: As it goes out.
        recorded: The same without its secrets, for the ledger.
        content_type: Of the body.
        name: The API method, for the log.
        headers: What authorizes the request.
    """

    http_method: str
    url: str
    body: bytes = field(repr=False)
    recorded: bytes
    content_type: str | None
    name: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class CSCExchange:
    """Sends requests to one provider.

    Args:
        link: The connections.
        dependency: What is known of how the provider is doing.
    """

    def __init__(self, link: Link, dependency: Dependency) -> None:
        self._link = link
        self._dependency = dependency

    async def perform(self, call: Call, request: Request, kind: type[_AnswerT], *, repeatable: bool) -> _AnswerT:
        """Send a request, again where that may help and does no harm, within the call's deadline.

        Args:
            call: Deadline and ledger; every attempt is recorded.
            request: What to send.
            kind: What must come back.
            repeatable: Doing it twice does no harm. If not, it is sent again only where it was turned away or did not arrive.

        Raises:
            TokenRefused, SADRefused, AuthDataRefused: As named; all are SignerErrors.
            SignerUnavailable: No connection, no answer in time, a broken one, throttled or failing to the end, or left alone
                for a while.
            Maintenance, CertificateNotFound, AlgorithmNotAllowed: As the provider says.
            SignerError: Any other failure, or an answer that is none.
            DeadlineExceeded: The call's time is over.
        """

        async def attempt() -> _AnswerT:
            answer = await self._link.exchange(
                call,
                request.http_method,
                request.url,
                body=request.body,
                content_type=request.content_type,
                accept="application/json",
                more_headers=request.headers,
                recorded=request.recorded,
            )
            return await _read(answer, kind)

        try:
            return await self._dependency.ask(call, attempt, repeatable=repeatable, judge=_judged)
        except LinkRefused as error:
            if is_pending(error.answer):
                return await _read(Answer(error.answer.status, {}, b""), kind)
            _log.warning("csc.refused", method=request.name, status=error.answer.status, errorCode=error_code(error.answer))
            raise failure(error.answer) from error
        except LinkGarbled as error:
            raise SignerError("the provider's answer does not follow the CSC API") from error
        except LinkError as error:
            raise SignerUnavailable("the provider cannot be reached", retry_after=error.retry_after) from error


async def _read(answer: Answer, kind: type[_AnswerT]) -> _AnswerT:
    """What an answer says; one without a body has no members. Raises LinkGarbled where it is not of the API."""
    try:
        if len(answer.body) > LARGE_ANSWER:
            return await asyncio.to_thread(kind.model_validate_json, answer.body)
        return kind.model_validate_json(answer.body or b"{}")
    except ValidationError as error:
        raise LinkGarbled(f"it is no {kind.__name__}") from error


def _judged(error: LinkError) -> Judgement:
    """What a failure says, by the provider's codes: one in maintenance works, and says when to come back."""
    if isinstance(error, LinkRefused) and isinstance(failure(error.answer), Maintenance):
        return Judgement(works=True, passing=False, undone=True)
    return judged(error)
