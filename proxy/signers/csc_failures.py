"""What a provider's refusals mean (CSC API v2.0, clause 10 and the error cases of clause 11). The one table of them.

Most refusals are ``invalid_request`` with a sentence, so the sentence is read where it tells apart what has to be told apart:
providers word theirs after the specification. Nothing a provider says goes on: it could repeat what it was sent.
"""

import re

from pydantic import ValidationError

from proxy.errors import (
    AlgorithmNotAllowed,
    CertificateNotFound,
    Maintenance,
    ProxyError,
    SignerError,
    SignerUnavailable,
)
from proxy.outbound import Answer
from proxy.signers.csc_answers import FailureAnswer

_PAUSE = 1.0
"""Seconds after which a caller may come back, where the provider does not say."""

_TOKEN_CODES = frozenset({"expired_token", "invalid_token"})
_AUTH_DATA_CODES = frozenset({"invalid_authentication_data", "invalid_otp", "invalid_pin"})
_ACCESS_CODES = frozenset({"access_denied", "invalid_client", "invalid_grant", "invalid_scope", "unauthorized_client"})

_LOCKED = re.compile(r"\blocked\b")
_BAD = "(invalid|expired|not valid|revoked|unknown)"
_BAD_TOKEN = re.compile(rf"access.?token.*{_BAD}|{_BAD}.*access.?token")
_BAD_SAD = re.compile(rf"\bsad\b.*{_BAD}|{_BAD}.*(\bsad\b|signature activation data)")


class TokenRefused(SignerError):
    """The access token has expired or is not known any more: nothing was done."""


class SADRefused(SignerError):
    """The signature activation data has expired or is not known any more: nothing was signed with it."""


class AuthDataRefused(SignerError):
    """The authentication data (a PIN) is wrong, or the credential is locked because it was wrong before."""


def failure(answer: Answer) -> ProxyError:
    """What an answer other than 2xx means."""
    code, sentence = _said(answer)
    status = answer.status
    if status == 429:
        return SignerUnavailable("the provider takes no more requests now", retry_after=answer.retry_after or _PAUSE)
    if status == 503 and "maintenance" in f"{code} {sentence}":
        return Maintenance("the provider is in maintenance", retry_after=answer.retry_after)
    if status >= 500 and status != 501:
        return SignerUnavailable("the provider is not available", retry_after=answer.retry_after or _PAUSE)
    return _refusal(status, code, sentence)


def is_pending(answer: Answer) -> bool:
    """Whether it says that what was asked for is being done (11.12), by a status that says otherwise."""
    return error_code(answer) == "accepted_request"


def error_code(answer: Answer) -> str:
    """The provider's code, for the log; empty where there is none."""
    return _said(answer)[0]


def _refusal(status: int, code: str, sentence: str) -> ProxyError:
    if _BAD_SAD.search(sentence):
        return SADRefused("the provider refuses the authorization it gave")
    if status == 401 or code in _TOKEN_CODES or _BAD_TOKEN.search(sentence):
        return TokenRefused("the provider refuses the proxy's access token")
    if code in _AUTH_DATA_CODES or _LOCKED.search(sentence):
        return AuthDataRefused("the provider refuses the credential's authentication data")
    if status == 403 or code in _ACCESS_CODES:
        return SignerError("the provider refuses the proxy this use of the credential")
    if status == 501:
        return SignerError("the provider does not offer what a signature needs")
    if "disabled" in sentence:
        return SignerError("the provider has disabled the credential")
    if "credentialid" in sentence:
        return CertificateNotFound("there is no certificate of this id")
    if "signalgo" in sentence or "hashalgo" in sentence:
        return AlgorithmNotAllowed("the provider does not permit this combination of algorithms")
    return SignerError(f"the provider failed (HTTP {status})")


def _said(answer: Answer) -> tuple[str, str]:
    """The code, and the sentence in lower case; empty where the answer has none."""
    try:
        body = FailureAnswer.model_validate_json(answer.body)
    except ValidationError:
        return "", ""
    error: dict[str, object] = {}
    if isinstance(body.error, dict):
        error, code = body.error, str(body.error.get("code") or body.error.get("error") or "")
    else:
        code = body.error or body.code
    sentences = (body.error_description, body.message, body.detail, *map(error.get, ("message", "error_description")))
    return code[:64], " ".join(sentence for sentence in sentences if isinstance(sentence, str)).lower()[:1000]
