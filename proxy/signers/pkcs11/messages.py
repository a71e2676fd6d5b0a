"""What the pool and a token process tell each other, as messages of ``proxy.processes``.

The first message is always :class:`OpenToken`. Each message has one answer, the one named with it or :class:`CallFailed`; only
:class:`Sign` may have several :class:`Signed` that add up, and ends with a :class:`CallFailed` where there are too few.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from proxy.model.algorithms import KeyAlgorithm
from proxy.model.pkcs11_uri import PKCS11URI


class Mechanism(StrEnum):
    """The mechanisms that sign here, none of which hashes (PKCS #11 v2.40 mechanisms, 2.1.6, 2.1.10, 2.3.6)."""

    RSA_PKCS = "CKM_RSA_PKCS"
    RSA_PKCS_PSS = "CKM_RSA_PKCS_PSS"
    ECDSA = "CKM_ECDSA"


@dataclass(frozen=True, slots=True)
class OpenToken:
    """Load the module, find the token, log in. Answered by :class:`TokenOpened`."""

    module: str
    token: PKCS11URI
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenOpened:
    """The token that is open: everything that a URI may say of it, and which mechanisms it has."""

    token: PKCS11URI
    mechanisms: tuple[Mechanism, ...]


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Where a private key is on the token.

    Attributes:
        object_id: ``CKA_ID``.
        label: ``CKA_LABEL``; what is no UTF-8 of it is replaced.
        key_id: Of its public key, by :func:`proxy.signers.pkcs11.objects.key_id`; ids and labels need not be unique on a token.
    """

    object_id: bytes
    label: str
    key_id: str


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A private key that may sign: where it is, and DER of the SubjectPublicKeyInfo that belongs to it."""

    place: KeyPlace
    public_key: bytes


@dataclass(frozen=True, slots=True)
class FindKeys:
    """Look for private keys by label and id, ``None`` for any. Answered by :class:`KeysFound`."""

    label: str | None = None
    object_id: bytes | None = None


@dataclass(frozen=True, slots=True)
class KeysFound:
    """The keys that may sign, and why others that may are left out."""

    keys: tuple[TokenKey, ...]
    unusable: tuple[str, ...] = ()


class Sign(NamedTuple):
    """Sign octets of a digest's length, or a DigestInfo, one after the other. Answered by :class:`Signed`.

    The two messages that cross for every signature are tuples of plain values: pickling them costs a tenth.

    Attributes:
        object_id: Of the key's place, as the next two.
        label: The same.
        key_id: The same.
        mechanism: Value of the :class:`Mechanism`.
        hash_algorithm: Of PSS: of MGF1, and the salt's length.
        data: All of it that the token is handed for each signature.
    """

    object_id: bytes
    label: str
    key_id: str
    mechanism: str
    hash_algorithm: str | None
    data: tuple[bytes, ...]


class Signed(NamedTuple):
    """The next values, as the mechanism has them: those that were made at once, or within a moment."""

    values: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class CreateKey:
    """Make a key pair for signing that stays on the token, unless its label is taken. Answered by :class:`KeyCreated`."""

    algorithm: KeyAlgorithm
    label: str
    object_id: bytes


@dataclass(frozen=True, slots=True)
class KeyCreated:
    """The new key."""

    key: TokenKey


@dataclass(frozen=True, slots=True)
class LookAround:
    """Find out whether the session still sees the token's objects. Answered by :class:`KeysSeen`."""


@dataclass(frozen=True, slots=True)
class KeysSeen:
    """Whether there is any private key."""

    any: bool


@dataclass(frozen=True, slots=True)
class CallFailed:
    """It did not come about.

    Attributes:
        name: Of the exception in the token process: python-pkcs11's name for the ``CKR_…`` value, or one of ``worker``'s own.
        text: What it says; never a secret.
    """

    name: str
    text: str = ""
