"""CRLs of many entries, in less time than a builder takes that copies its list with each of them."""

from collections.abc import Iterable

from asn1crypto import core
from asn1crypto import crl as asn1_crl
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.pki import DAY, NOW, Holder, crl

_STANDS_FOR = 1 << 80
"""The serial number in the entry that the others are made from; it takes eleven bytes, as theirs must."""


def large_crl(issuer: Holder, serial_numbers: Iterable[int]) -> bytes:
    """DER of a CRL, current at ``NOW``, with an entry for each serial number from 2^80 to 2^86.

    The issuer's key is one of P-256.
    """
    parts = asn1_crl.CertificateList.load(crl(issuer, [(_STANDS_FOR, NOW - DAY)]))
    to_be_signed = parts["tbs_cert_list"]
    entries = to_be_signed["revoked_certificates"].dump()
    entry, model = to_be_signed["revoked_certificates"][0].dump(), core.Integer(_STANDS_FOR).dump()
    many = b"".join(entry.replace(model, core.Integer(number).dump()) for number in serial_numbers)
    signed = _sequence(to_be_signed.contents.replace(entries, _sequence(many)))
    assert isinstance(issuer.key, ec.EllipticCurvePrivateKey)
    value = issuer.key.sign(signed, ec.ECDSA(hashes.SHA256()))
    return _sequence(signed + parts["signature_algorithm"].dump() + core.OctetBitString(value).dump())


def _sequence(contents: bytes) -> bytes:
    """DER of a SEQUENCE, its length in as few bytes as it takes (X.690, 10.1)."""
    length = len(contents)
    octets = length.to_bytes((length.bit_length() + 7) // 8) if length >= 0x80 else b""
    return bytes([0x30, 0x80 | len(octets) if octets else length]) + octets + contents
