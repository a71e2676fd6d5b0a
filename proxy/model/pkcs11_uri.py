"""PKCS #11 URIs (RFC 7512), as references to tokens and to private keys on them.

Read strictly: an attribute that is not known here could make a reference narrower than it is taken for, so it is refused. No
query attribute is taken: the module, and where the PIN is, are the settings' to say.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import unquote_to_bytes

_SCHEME = "pkcs11:"

_VALUE = re.compile(r"(?:[A-Za-z0-9._~:\[\]@!$'()*+,=&-]|%[0-9A-Fa-f]{2})*")
"""``*pk11-pchar`` of RFC 7512, 2.3."""

_T = TypeVar("_T")


def is_pkcs11_uri(text: str) -> bool:
    """Whether it is to be read as one: no label and no id begins like this."""
    return text[: len(_SCHEME)].lower() == _SCHEME


@dataclass(frozen=True, slots=True)
class PKCS11URI:
    """What a URI says of a token and of a private key. ``None`` where it says nothing.

    Attributes:
        token: ``label`` of ``CK_TOKEN_INFO``.
        manufacturer: ``manufacturerID``.
        serial: ``serialNumber``.
        model: ``model``.
        slot_id: ``CK_SLOT_ID``.
        object_label: ``CKA_LABEL``.
        object_id: ``CKA_ID``.
    """

    token: str | None = None
    manufacturer: str | None = None
    serial: str | None = None
    model: str | None = None
    slot_id: int | None = None
    object_label: str | None = None
    object_id: bytes | None = None

    @classmethod
    def of_token(cls, text: str) -> "PKCS11URI":
        """Read a reference to a token.

        Raises:
            ValueError: It is no such URI, or names an object.
        """
        read = cls._read(_attributes(text))
        if read.names_object:
            raise ValueError("a token's URI has no object, id or type")
        return read

    @classmethod
    def of_key(cls, text: str) -> "PKCS11URI":
        """Read a reference to a private key.

        Raises:
            ValueError: It is no such URI, names no object, or one of another type.
        """
        attributes = _attributes(text)
        if attributes.pop("type", "private") != "private":
            raise ValueError("a signing key's URI has type=private, or no type")
        read = cls._read(attributes)
        if not read.names_object:
            raise ValueError("a key's URI has an object, an id, or both")
        return read

    def fits(self, token: "PKCS11URI") -> bool:
        """Whether what is said of a token here is said of it there."""
        said = (
            (self.token, token.token),
            (self.manufacturer, token.manufacturer),
            (self.serial, token.serial),
            (self.model, token.model),
            (self.slot_id, token.slot_id),
        )
        return all(here is None or here == there for here, there in said)

    @property
    def names_object(self) -> bool:
        """Whether it says anything of a key."""
        return self.object_label is not None or self.object_id is not None

    @classmethod
    def _read(cls, attributes: dict[str, str]) -> "PKCS11URI":
        def take(name: str, convert: Callable[[str], _T]) -> _T | None:
            return convert(attributes.pop(name)) if name in attributes else None

        read = cls(
            token=take("token", _text),
            manufacturer=take("manufacturer", _text),
            serial=take("serial", _text),
            model=take("model", _text),
            slot_id=take("slot-id", _number),
            object_label=take("object", _text),
            object_id=take("id", unquote_to_bytes),
        )
        if attributes:
            raise ValueError(f"the attribute {min(attributes)!r} is not taken here")
        return read


def _attributes(text: str) -> dict[str, str]:
    """The path's attributes, still encoded. No message repeats a value: what is refused may hold a PIN."""
    if not is_pkcs11_uri(text):
        raise ValueError("a PKCS #11 URI begins with pkcs11:")
    path, _, query = text[len(_SCHEME) :].partition("?")
    if query:
        raise ValueError("no query attribute is taken in a PKCS #11 URI: the settings name the module and the PIN")
    attributes: dict[str, str] = {}
    for part in path.split(";"):
        name, equals, value = part.partition("=")
        if not equals or re.fullmatch("[a-z0-9_-]+", name) is None:
            raise ValueError("a PKCS #11 URI is made of name=value, with semicolons between")
        if _VALUE.fullmatch(value) is None:
            raise ValueError(f"the value of {name!r} is not encoded as RFC 7512 has it")
        if name in attributes:
            raise ValueError(f"the attribute {name!r} comes twice")
        attributes[name] = value
    return attributes


def _text(value: str) -> str:
    try:
        return unquote_to_bytes(value).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("a value that is not UTF-8") from error


def _number(value: str) -> int:
    if re.fullmatch("[0-9]{1,20}", value) is None:
        raise ValueError("slot-id is a number")
    return int(value)
