"""Every way in which python-pkcs11 says that something failed has a meaning, and a PIN that was refused is not used up."""

import pkcs11
import pytest

from proxy.errors import AlgorithmNotAllowed, SignerError, SignerUnavailable
from proxy.signers.pkcs11 import token
from proxy.signers.pkcs11.failures import _MEANING, _UNKNOWN, Aftermath, meaning
from proxy.signers.pkcs11.messages import CallFailed

EXCEPTIONS = sorted(
    name
    for name, kind in vars(pkcs11).items()
    if isinstance(kind, type) and issubclass(kind, pkcs11.PKCS11Error) and kind is not pkcs11.PKCS11Error
)
OWN = ("ModuleNotLoaded", "TokenNotFound", "TokenAmbiguous", "TokenGone", "KeyGone", "LabelTaken")

NEVER_MET = {
    "AnotherUserAlreadyLoggedIn",  # a process logs in once, as one user
    "UserAlreadyLoggedIn",
    "UserTooManyTypes",
    "SessionExists",
    "SessionReadOnlyExists",
    "SessionReadWriteSOExists",
    "PinTooWeak",  # no PIN is set here,
    "EncryptedDataInvalid",  # nothing decrypted,
    "EncryptedDataLenRange",
    "KeyNotWrappable",  # wrapped,
    "KeyUnextractable",
    "UnwrappingKeyHandleInvalid",
    "UnwrappingKeySizeRange",
    "UnwrappingKeyTypeInconsistent",
    "WrappedKeyInvalid",
    "WrappedKeyLenRange",
    "WrappingKeyHandleInvalid",
    "WrappingKeySizeRange",
    "WrappingKeyTypeInconsistent",
    "SignatureInvalid",  # verified,
    "SignatureLenRange",
    "PublicKeyInvalid",
    "KeyIndigestible",  # or hashed
    "KeyNeeded",
    "KeyNotNeeded",
    "ExceededMaxIterations",
    "NoEvent",
    "RandomNoRNG",
    "RandomSeedNotSupported",
    "AttributeSensitive",  # taken for an attribute that is not there
    "MultipleObjectsReturned",  # python-pkcs11's own, of calls that are not made
    "MultipleTokensReturned",
    "NoSuchKey",
    "NoSuchToken",
}
"""What is in no call that is made here. Should it come all the same, it is treated as what is not known."""


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_every_exception_has_a_meaning_or_cannot_come(name: str) -> None:
    assert (name in _MEANING) != (name in NEVER_MET)


@pytest.mark.parametrize("name", OWN)
def test_so_have_ours(name: str) -> None:
    assert issubclass(getattr(token, name), Exception)
    assert name in _MEANING


def test_nothing_is_named_that_does_not_exist() -> None:
    others = {"MemoryError", "KeyFunctionNotPermitted"}
    assert set(_MEANING) | NEVER_MET == {*EXCEPTIONS, *OWN, *others}


@pytest.mark.parametrize("name", [name for name in EXCEPTIONS if name.startswith("Pin") and name != "PinTooWeak"])
def test_a_pin_that_was_refused_is_not_tried_again(name: str) -> None:
    failure = meaning(CallFailed(name))
    assert failure.no_second_login
    assert failure.of_the_settings
    assert failure.kind is SignerError


def test_a_pin_that_is_locked_is_named() -> None:
    assert "locked out" in meaning(CallFailed("PinLocked")).detail


def test_what_is_not_known_is_not_tried_again_at_a_login_and_costs_its_process_otherwise() -> None:
    for failed in (CallFailed("PKCS11Error", "Unmapped error code 0x80000001"), CallFailed("SomethingElse", "0x68")):
        assert meaning(failed) == _UNKNOWN
    assert _UNKNOWN.no_second_login
    assert _UNKNOWN.aftermath is Aftermath.DOUBTFUL


def test_a_value_without_a_name() -> None:
    assert meaning(CallFailed("PKCS11Error", "Unmapped error code 0x68")).kind is AlgorithmNotAllowed


def test_a_caller_is_told_when_to_come_back_where_it_is_of_use() -> None:
    for name, failure in _MEANING.items():
        error = failure.error
        assert error is not failure.error
        assert (error.retry_after is not None) == isinstance(error, SignerUnavailable), name
        assert not failure.no_second_login or not isinstance(error, SignerUnavailable), name
