"""Subjects of certification requests: from RFC 4514 text, or from attributes by their names.

Whatever the way, a value stays one value: text of the caller that looks like another attribute is escaped or refused, and what
would not be seen as it is (control and formatting characters) is refused.
"""

import unicodedata
from collections.abc import Iterable

from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

from proxy.errors import InvalidParameter

LONGEST = 1024
"""Characters of a subject as text."""

_LONGEST_VALUE = 256
_MOST_ATTRIBUTES = 20

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's general categories of what cannot be seen in a name."""

_PRINTABLE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")
"""PrintableString (X.680, 41.4)."""

_PRINTABLE_ATTRIBUTES = frozenset({NameOID.COUNTRY_NAME, NameOID.SERIAL_NUMBER, NameOID.DN_QUALIFIER})
_ASCII_ATTRIBUTES = frozenset({NameOID.EMAIL_ADDRESS, NameOID.DOMAIN_COMPONENT})

_UPPER_BOUNDS = {
    NameOID.COUNTRY_NAME: 2,
    NameOID.COMMON_NAME: 64,
    NameOID.ORGANIZATION_NAME: 64,
    NameOID.ORGANIZATIONAL_UNIT_NAME: 64,
    NameOID.SERIAL_NUMBER: 64,
    NameOID.TITLE: 64,
    NameOID.LOCALITY_NAME: 128,
    NameOID.STATE_OR_PROVINCE_NAME: 128,
    NameOID.EMAIL_ADDRESS: 255,
}
"""Characters of values (RFC 5280, appendix A.1)."""

_SHORT_NAMES = {
    "SERIALNUMBER": NameOID.SERIAL_NUMBER,
    "SN": NameOID.SURNAME,
    "GN": NameOID.GIVEN_NAME,
    "organizationIdentifier": NameOID.ORGANIZATION_IDENTIFIER,
}
"""Beside those of RFC 4514; RFC 4519 and X.520 name them so."""

ATTRIBUTES = {
    "countryName": NameOID.COUNTRY_NAME,
    "stateOrProvinceName": NameOID.STATE_OR_PROVINCE_NAME,
    "localityName": NameOID.LOCALITY_NAME,
    "organizationName": NameOID.ORGANIZATION_NAME,
    "organizationIdentifier": NameOID.ORGANIZATION_IDENTIFIER,
    "organizationalUnitName": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "surname": NameOID.SURNAME,
    "givenName": NameOID.GIVEN_NAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "commonName": NameOID.COMMON_NAME,
}
"""Attributes by the names of X.520, in the order in which a subject has them."""


def subject_of_text(text: str) -> bytes:
    """DER of a Name from RFC 4514 text, the most specific part first: ``CN=Seal,O=Example,C=JP``.

    Raises:
        InvalidParameter: It is none, is empty, or a value is too long or cannot be seen as it is.
    """
    if len(text) > LONGEST:
        raise _refusal(f"more than {LONGEST} characters")
    try:
        name = x509.Name.from_rfc4514_string(text, _SHORT_NAMES | ATTRIBUTES)
    except ValueError as error:
        raise _refusal(str(error) or "no RFC 4514 name") from error
    return _checked(name)


def subject_of_attributes(attributes: Iterable[tuple[ObjectIdentifier, str]]) -> bytes:
    """DER of a Name of these attributes, in their order, the most general first.

    Raises:
        InvalidParameter: There is none, or a value is empty, too long, or cannot be seen as it is.
    """
    try:
        name = x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])
    except ValueError as error:
        raise _refusal(str(error)) from error
    return _checked(name)


def _checked(name: x509.Name) -> bytes:
    attributes = list(name)
    if not 0 < len(attributes) <= _MOST_ATTRIBUTES:
        raise _refusal(f"1 to {_MOST_ATTRIBUTES} attributes")
    for attribute in attributes:
        _check(attribute.oid, attribute.value)
    return name.public_bytes()


def _check(oid: ObjectIdentifier, value: str | bytes) -> None:
    if not isinstance(value, str) or not 0 < len(value) <= _UPPER_BOUNDS.get(oid, _LONGEST_VALUE):
        raise _refusal(f"a value of {oid.dotted_string} is empty or too long")
    if any(unicodedata.category(character) in _UNSEEN for character in value) or value != value.strip():
        raise _refusal("a value has characters that cannot be seen")
    if oid in _PRINTABLE_ATTRIBUTES and not _PRINTABLE.issuperset(value):
        raise _refusal(f"a value of {oid.dotted_string} may have letters, digits and simple punctuation of ASCII alone")
    if oid in _ASCII_ATTRIBUTES and not value.isascii():
        raise _refusal(f"a value of {oid.dotted_string} is ASCII")
    if oid == NameOID.COUNTRY_NAME and not (len(value) == 2 and value.isalpha() and value.isupper()):
        raise _refusal("a country is two capital letters (ISO 3166-1)")


def _refusal(reason: str) -> InvalidParameter:
    return InvalidParameter(f"the subject cannot be asked for: {reason}", fields={"subject": reason})


def subject_text(subject: bytes) -> str:
    """A subject (DER) as RFC 4514 text."""
    return x509.Name.from_bytes(subject).rfc4514_string()
