"""What a failure of AWS KMS means to the proxy's caller, and whether asking again makes sense.

The one place where its error codes (AWS KMS API Reference, the errors of each action; ``proxy.aws.failures`` has the common
ones) are read. Its messages name accounts, roles and keys, so none of them is handed on.
"""

from dataclasses import dataclass

from proxy.aws.failures import ACCESS, THROTTLED, TRANSIENT, error_code
from proxy.errors import AlgorithmNotAllowed, InvalidParameter, KeyNotFound, ProxyError, SignerError, SignerUnavailable
from proxy.outbound import Answer

_PAUSE = 1.0
"""Seconds after which a caller may come back while the service is throttling or failing."""

_KEY_UNAVAILABLE = "KeyUnavailableException"
_TRANSIENT = TRANSIENT | {"DependencyTimeoutException", "KMSInternalException", _KEY_UNAVAILABLE}


class KeyStateRefused(SignerError):
    """The key is in a state in which it cannot sign: its own trouble, not the service's."""


_MEANING: dict[str, tuple[type[ProxyError], str]] = {
    "NotFoundException": (KeyNotFound, "there is no key of this id"),
    "InvalidArnException": (KeyNotFound, "there is no key of this id"),
    "DisabledException": (KeyStateRefused, "the key is disabled"),
    "KMSInvalidStateException": (KeyStateRefused, "the key is in no state to sign"),
    "InvalidKeyUsageException": (AlgorithmNotAllowed, "the key is not for this use"),
    "UnsupportedOperationException": (AlgorithmNotAllowed, "the key service does not do this with the key"),
    "AlreadyExistsException": (InvalidParameter, "another key has this label"),
    "InvalidAliasNameException": (InvalidParameter, "the label cannot be used"),
    "LimitExceededException": (SignerError, "the key service's quota of keys is used up"),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure of the service.

    Attributes:
        error: What the caller is told if it stays.
        throttled: Nothing was done, for there were too many requests.
        transient: Asking again may help, though something may have been done.
        of_key: It is one key's trouble, not the service's.
    """

    error: ProxyError
    throttled: bool = False
    transient: bool = False
    of_key: bool = False


def failure(answer: Answer) -> Failure:
    """What an answer other than 2xx means."""
    code = error_code(answer)
    if code in THROTTLED or (not code and answer.status == 429):
        return Failure(SignerUnavailable("the key service is throttling", retry_after=_PAUSE), throttled=True)
    if code in _MEANING:
        kind, text = _MEANING[code]
        return Failure(kind(text))
    if code in ACCESS:
        return Failure(SignerError("the key service refuses the proxy this use of the key"))
    if code in _TRANSIENT or answer.status >= 500:
        return Failure(
            SignerUnavailable("the key service is not available", retry_after=_PAUSE),
            transient=True,
            of_key=code == _KEY_UNAVAILABLE,
        )
    return Failure(SignerError(f"the key service failed (HTTP {answer.status})"))


def state_failure(key_state: str) -> ProxyError | None:
    """Why a key of this ``KeyState`` cannot sign; ``None`` where it can (AWS KMS Developer Guide, key states)."""
    match key_state:
        case "Enabled" | "Updating":
            return None
        case "Disabled":
            return KeyStateRefused("the key is disabled")
        case "PendingDeletion" | "PendingReplicaDeletion":
            return KeyStateRefused("the key is scheduled for deletion")
        case "PendingImport" | "Creating":
            return KeyStateRefused("the key has no key material yet")
        case "Unavailable":
            return SignerUnavailable("the key store that holds the key is not connected")
    return KeyStateRefused("the key is in no state to sign")
