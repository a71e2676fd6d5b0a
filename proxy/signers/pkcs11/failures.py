"""What a failure of the token means to the proxy's caller, whether asking again may help, and what becomes of its process.

The one place where names of ``CKR_…`` values (PKCS #11 v2.40, 5.1) are read, as python-pkcs11 has them, and the few of
``token``. What a module says beyond them goes to the log alone.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

from proxy.errors import (
    AlgorithmNotAllowed,
    InvalidParameter,
    KeyNotFound,
    NotSupported,
    ProxyError,
    ShuttingDown,
    SignerError,
    SignerUnavailable,
)
from proxy.outbound import Judgement, LinkError
from proxy.signers.pkcs11.messages import CallFailed

_PAUSE = 1.0
"""Seconds after which a caller may come back while the token is not available."""


class Aftermath(Enum):
    """What becomes of the process in which a call failed."""

    NOTHING = auto()
    """The token answered; the process serves on."""
    DOUBTFUL = auto()
    """Nobody knows what state it is in: another takes its place."""
    ALL_LOST = auto()
    """Its session is over, and so may be those of all others that are open: others take their places."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What a failed call means.

    Attributes:
        kind: The class of the error tree.
        detail: Its text.
        aftermath: What becomes of the process.
        again: Whether to make the call once more, in another process, may help.
        no_second_login: At a login: it is not tried again with the same PIN, for so a token locks its user out.
        of_the_settings: Nothing but other settings will help.
        known: Nothing new: it comes of a loss that has been taken notice of.
    """

    kind: type[ProxyError]
    detail: str
    aftermath: Aftermath = Aftermath.NOTHING
    again: bool = True
    no_second_login: bool = False
    of_the_settings: bool = False
    known: bool = False

    @property
    def error(self) -> ProxyError:
        """The exception, made anew: one is raised once."""
        return self.kind(self.detail, retry_after=_PAUSE if self.kind is SignerUnavailable else None)


class TokenFailed(LinkError):
    """A call of the token did not come about; what it means."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


def judged(error: LinkError) -> Judgement:
    """What a failed call says of the token: one that refuses works."""
    assert isinstance(error, TokenFailed)
    failure = error.failure
    works = None if failure.known else failure.kind is not SignerUnavailable and failure is not _UNKNOWN
    again = failure.again and failure.aftermath is not Aftermath.NOTHING
    return Judgement(works=works, passing=again, undone=False)


PROCESS_ENDED = Failure(SignerUnavailable, "the connection to the token broke", Aftermath.DOUBTFUL)
"""The token process ended by itself, or was killed from outside."""

NO_ANSWER = Failure(SignerUnavailable, "the token does not answer", Aftermath.DOUBTFUL, again=False)
"""It took longer than the settings allow; the process was killed for it."""

STOPPED = Failure(ShuttingDown, "the service is stopping")
"""The pool was closed."""

NO_PIN = Failure(SignerError, "the token's PIN cannot be read", of_the_settings=True)
"""The secret that the settings name is not there."""

_LOST = Failure(SignerUnavailable, "the session with the token was lost", Aftermath.ALL_LOST)
_FAILED = Failure(SignerUnavailable, "the token failed", Aftermath.DOUBTFUL)
_UNABLE = Failure(AlgorithmNotAllowed, "the token does not do this with the key")
_UNCHANGED = Failure(NotSupported, "the token takes no new keys")
_REFUSED = Failure(SignerError, "the token refused the request", no_second_login=True)
_UNKNOWN = Failure(SignerError, "the token failed in a way that is not known", Aftermath.DOUBTFUL, no_second_login=True)


def _login(detail: str) -> Failure:
    return Failure(SignerError, detail, no_second_login=True, of_the_settings=True)


_MEANING: dict[str, Failure] = {
    # The token's own, of the session with it.
    "SessionClosed": _LOST,
    "SessionHandleInvalid": _LOST,
    "UserNotLoggedIn": _LOST,
    "DeviceRemoved": _LOST,
    "TokenNotPresent": _LOST,
    "TokenNotRecognised": _LOST,
    "SlotIDInvalid": _LOST,
    "TokenGone": _LOST,
    # A handle that stays invalid once it is looked up again: the session sees what it should not.
    "KeyHandleInvalid": _LOST,
    "ObjectHandleInvalid": _LOST,
    "KeyGone": Failure(KeyNotFound, "there is no key of this id", Aftermath.DOUBTFUL),
    # Of the device, and of the library on the way to it.
    "DeviceError": _FAILED,
    "DeviceMemory": _FAILED,
    "FunctionFailed": _FAILED,
    "FunctionCancelled": _FAILED,
    "FunctionRejected": _FAILED,
    "GeneralError": _FAILED,
    "HostMemory": _FAILED,
    "MemoryError": _FAILED,
    "OperationActive": _FAILED,
    "OperationNotInitialized": _FAILED,
    "SessionCount": Failure(SignerUnavailable, "the token has no room for another session", Aftermath.DOUBTFUL),
    # Of the login.
    "PinIncorrect": _login("the token refuses the PIN"),
    "PinInvalid": _login("the token refuses the PIN"),
    "PinLenRange": _login("the token refuses the PIN"),
    "PinExpired": _login("the token's PIN has expired"),
    "PinLocked": _login("the token's user is locked out after too many wrong PINs"),
    "UserPinNotInitialized": _login("the token's user has no PIN yet"),
    # Of what was asked for.
    "FunctionNotSupported": _UNABLE,
    "KeySizeRange": _UNABLE,
    "KeyTypeInconsistent": _UNABLE,
    "MechanismInvalid": _UNABLE,
    "MechanismParamInvalid": _UNABLE,
    "DomainParamsInvalid": _UNABLE,
    "KeyFunctionNotPermitted": _UNABLE,
    "SessionReadOnly": _UNCHANGED,
    "TokenWriteProtected": _UNCHANGED,
    "ArgumentsBad": _REFUSED,
    "AttributeTypeInvalid": _REFUSED,
    "AttributeValueInvalid": _REFUSED,
    "AttributeReadOnly": _REFUSED,
    "DataInvalid": _REFUSED,
    "DataLenRange": _REFUSED,
    "TemplateIncomplete": _REFUSED,
    "TemplateInconsistent": _REFUSED,
    "LabelTaken": Failure(InvalidParameter, "another key has this label"),
    # Of the settings.
    "ModuleNotLoaded": Failure(SignerError, "the PKCS #11 module cannot be loaded", of_the_settings=True),
    "TokenAmbiguous": Failure(SignerError, "several tokens are the one that is named", of_the_settings=True),
    "TokenNotFound": Failure(SignerUnavailable, "the token is not there", Aftermath.DOUBTFUL),
}

_UNNAMED = {"0x68": "KeyFunctionNotPermitted"}
"""Values that python-pkcs11 has no name for, and that mean something here."""


def meaning(failed: CallFailed) -> Failure:
    """What the failure of a call means."""
    unnamed = re.search("0x[0-9a-f]+", failed.text) if failed.name == "PKCS11Error" else None
    return _MEANING.get(_UNNAMED.get(unnamed[0], "") if unnamed else failed.name, _UNKNOWN)
