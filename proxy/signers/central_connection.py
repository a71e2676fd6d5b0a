"""The connection to the central signer: JSON over mutual TLS.

Signing, certificates and the revocation relay share it, and with it the bound of requests in flight and the one mapping of what
goes wrong to the error tree.
"""

import asyncio
import json
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from proxy.call import Call
from proxy.errors import (
    AlgorithmNotAllowed,
    CertificateExpired,
    CertificateKeyMismatch,
    CertificateNotFound,
    CertificateNotYetValid,
    CertificateRevoked,
    DeadlineExceeded,
    InProgress,
    InvalidParameter,
    KeyNotFound,
    Maintenance,
    MethodNotAllowed,
    NotFound,
    NotSupported,
    OperationNotPermitted,
    ProxyError,
    RevocationUnavailable,
    SettingsError,
    ShuttingDown,
    SignatureInvalid,
    SignerError,
    SignerUnavailable,
)
from proxy.outbound import (
    Answer,
    Judgement,
    Link,
    LinkError,
    LinkGarbled,
    LinkRefused,
    Links,
    judged,
    origin,
)
from proxy.settings import CentralSettings
from proxy.signers.central_answers import CentralAnswer, ProblemAnswer

DESTINATION = "central"
"""Its name on the ledger, and the backend's name."""

_LARGEST_ANSWER = 4_000_000
LARGE_ANSWER = 1 << 18
"""Bytes of JSON beyond which an answer (a relayed CRL) is parsed off the event loop."""

_PROBLEM_TYPE = "application/problem+json"

_SAME_CODE: dict[str, tuple[type[ProxyError], str]] = {
    kind.code: (kind, text)
    for kind, text in (
        (Maintenance, "the central signer is in maintenance"),
        (CertificateNotFound, "there is no certificate of this id"),
        (KeyNotFound, "there is no key of this id"),
        (CertificateKeyMismatch, "the certificate does not hold the public key of this key id"),
        (AlgorithmNotAllowed, "the central signer does not permit this combination of algorithms"),
        (CertificateExpired, "the central signer says that the certificate or one of its issuers has expired"),
        (CertificateNotYetValid, "the central signer says that the certificate or one of its issuers is not valid yet"),
        (CertificateRevoked, "the central signer says that the certificate or one of its issuers is revoked"),
        (NotSupported, "the central signer does not support this"),
    )
}
"""Codes that mean the same to the proxy's caller as to the central signer's. The text is ours: nothing internal leaks."""

_OF_WHAT_IT_STANDS_ON = frozenset(
    kind.code
    for kind in (
        Maintenance,
        NotSupported,
        SignerError,
        SignerUnavailable,
        SignatureInvalid,
        RevocationUnavailable,
        DeadlineExceeded,
    )
)
"""Codes with which it fails and works: it has looked after its own links, which another attempt would only load more."""

_NOT_OFFERED = frozenset({NotFound.code, MethodNotAllowed.code, OperationNotPermitted.code})
"""Codes of a service that has no such operation, or none for this proxy."""

_AnswerT = TypeVar("_AnswerT", bound=CentralAnswer)


class NotOffered(SignerError):
    """The central signer has no such operation, or does not grant it to the proxy."""


class CentralConnection:
    """Requests to one central signer.

    Args:
        settings: URL, TLS files and timeout.
        in_flight: How many requests at a time, all users together.
        links: Where its breaker is.

    Raises:
        SettingsError: The URL is not ``https``, or a file cannot be used.
    """

    def __init__(self, settings: CentralSettings, in_flight: int, links: Links) -> None:
        try:
            origin(settings.url, schemes=frozenset({"https"}))
        except ValueError as error:
            raise SettingsError(f"central.url {settings.url!r}: {error}") from error
        self._base = settings.url.rstrip("/")
        self._dependency = links.dependency(DESTINATION)
        self._link = Link(
            DESTINATION,
            timeout_seconds=settings.timeout_seconds,
            max_response_bytes=_LARGEST_ANSWER,
            connections=in_flight,
            tls=links.tls(DESTINATION, settings.ca, settings.client_certificate, settings.client_key),
            hand_on_trace=True,
        )

    async def get(self, call: Call, path: str, answer: type[_AnswerT]) -> _AnswerT:
        """GET a path below the base URL, percent-encoded. Raises as :meth:`post`."""
        return await self._exchange(call, "GET", path, b"", answer, repeatable=True)

    async def post(
        self,
        call: Call,
        path: str,
        body: dict[str, Any],
        answer: type[_AnswerT],
        *,
        max_response_bytes: int | None = None,
        fresh: bool = False,
        repeatable: bool = False,
        idempotency_key: str | None = None,
    ) -> _AnswerT:
        """POST JSON, written compactly.

        Args:
            call: Deadline and ledger; the wait for a place counts.
            path: Below the base URL.
            body: What is sent.
            answer: What must come back.
            max_response_bytes: Bound of the answer where the usual one is too small.
            fresh: The answer shall not come from a cache.
            repeatable: It is a question: asked twice it changes nothing.
            idempotency_key: Under which the central signer does it once.

        Raises:
            SignerUnavailable: No connection, no answer in time, a broken one, 429 or 503, still at work on the first, or left
                alone for a while.
            SignerError: Any other failure, or an answer that is none.
            ProxyError: The same code that the central signer answered with, where it means the same here.
            DeadlineExceeded: The call's time is over.
        """
        data = json.dumps(body, separators=(",", ":")).encode()
        return await self._exchange(
            call,
            "POST",
            path,
            data,
            answer,
            max_response_bytes,
            fresh=fresh,
            repeatable=repeatable or idempotency_key is not None,
            idempotency_key=idempotency_key,
        )

    async def _exchange(
        self,
        call: Call,
        method: str,
        path: str,
        body: bytes,
        kind: type[_AnswerT],
        max_response_bytes: int | None = None,
        *,
        fresh: bool = False,
        repeatable: bool,
        idempotency_key: str | None = None,
    ) -> _AnswerT:
        """The one place where a failure of the central signer gets its code."""

        async def attempt() -> _AnswerT:
            answer = await self._link.exchange(
                call,
                method,
                self._base + path,
                body=body,
                content_type="application/json" if body else None,
                accept="application/json",
                max_response_bytes=max_response_bytes,
                fresh=fresh,
                more_headers=None if idempotency_key is None else {"Idempotency-Key": idempotency_key},
            )
            return await _read(answer, kind)

        try:
            return await self._dependency.ask(call, attempt, repeatable=repeatable, judge=_judged)
        except LinkRefused as error:
            raise problem(error.answer) from error
        except LinkGarbled as error:
            raise SignerError("the central signer's answer does not follow the contract") from error
        except LinkError as error:
            raise SignerUnavailable("the central signer cannot be reached", retry_after=error.retry_after) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._link.close()


async def _read(answer: Answer, kind: type[_AnswerT]) -> _AnswerT:
    """What an answer says. Raises LinkGarbled where it is not of the contract."""
    if answer.content_type != "application/json":
        raise LinkGarbled("it is something else than JSON")
    try:
        if len(answer.body) > LARGE_ANSWER:
            return await asyncio.to_thread(kind.model_validate_json, answer.body)
        return kind.model_validate_json(answer.body)
    except ValidationError as error:
        # Without what came: that may be a signature's value.
        raise LinkGarbled(f"it is no {kind.__name__}") from error


def _judged(error: LinkError) -> Judgement:
    """What a failure says, by the contract's codes."""
    code = _code(error.answer) if isinstance(error, LinkRefused) else ""
    if code in _OF_WHAT_IT_STANDS_ON:
        return Judgement(works=True, passing=False, undone=False)
    if code == InProgress.code:
        return Judgement(works=True, passing=True, undone=False)
    if code == ShuttingDown.code:
        # One task of several: another one serves the next attempt.
        return Judgement(works=True, passing=True, undone=True)
    return judged(error)


def _code(answer: Answer) -> str:
    """The problem's code; empty where there is none, and the status is all it says."""
    if answer.content_type != _PROBLEM_TYPE:
        return ""
    try:
        return ProblemAnswer.model_validate_json(answer.body).code
    except ValidationError:
        return ""


def problem(answer: Answer) -> ProxyError:
    """The error that an answer other than 2xx means."""
    code = _code(answer)
    if code in _SAME_CODE:
        kind, text = _SAME_CODE[code]
        return kind(text, retry_after=answer.retry_after)
    if code == InvalidParameter.code:
        return InvalidParameter("the central signer refuses a parameter")
    if code == InProgress.code:
        return SignerUnavailable("the central signer is still at work on this request", retry_after=answer.retry_after)
    if code in _NOT_OFFERED:
        return NotOffered("the central signer does not offer this to the proxy")
    if answer.status in {429, 503}:
        return SignerUnavailable("the central signer is busy or not available", retry_after=answer.retry_after)
    return SignerError(f"the central signer failed (HTTP {answer.status})")


def segment(text: str) -> str | None:
    """An id as one path segment; ``None`` where it cannot be one (RFC 3986, 3.3 and 5.2.4)."""
    return None if text in {"", ".", ".."} else quote(text, safe="")
