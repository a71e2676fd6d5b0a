"""Just enough DER (ITU-T X.690) to write a CMS structure; reading is left to asn1crypto."""

from collections.abc import Iterable

SEQUENCE = 0x30
SET = 0x31
OCTET_STRING = 0x04
NULL = b"\x05\x00"


def tlv(tag: int, content: bytes) -> bytes:
    """One value with a single-byte tag and definite length (X.690, 8.1.3)."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def sequence(*parts: bytes) -> bytes:
    """A SEQUENCE of values that are encoded already."""
    return tlv(SEQUENCE, b"".join(parts))


def set_of(parts: Iterable[bytes], tag: int = SET) -> bytes:
    """A SET OF in DER order (X.690, 11.6); ``tag`` for an implicitly tagged one."""
    return tlv(tag, b"".join(sorted(parts)))


def explicit(number: int, content: bytes) -> bytes:
    """A context-specific constructed tag around a value."""
    return tlv(0xA0 | number, content)


def octet_string(content: bytes) -> bytes:
    """An OCTET STRING."""
    return tlv(OCTET_STRING, content)


def integer(value: int) -> bytes:
    """A non-negative INTEGER."""
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER from its dotted form (X.690, 8.19)."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    content = bytearray()
    for arc in (first * 40 + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        content.extend(reversed(groups))
    return tlv(0x06, bytes(content))
