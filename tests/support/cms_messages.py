"""CMS signatures as others make them: right, or wrong in one chosen place."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding

from tests.support.pki import Holder

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - old signatures were made with it
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_CONTENT_TIME_STAMP = "1.2.840.113549.1.9.16.2.20"
_ADOBE_REVOCATION = "1.2.840.113583.1.1.8"


class _Attribute(core.Sequence):  # type: ignore[misc]  # asn1crypto has no type information
    """An attribute of any type, its values as DER."""

    class _Values(core.SetOf):  # type: ignore[misc]  # the same
        _child_spec = core.Any

    _fields = [("type", core.ObjectIdentifier), ("values", _Values)]  # noqa: RUF012 - the form asn1crypto wants


@dataclass(frozen=True)
class Message:
    """How a CMS signature is made; the defaults make one that any verifier takes.

    ``None`` in a field named after a part means what is right there.
    """

    signer: Holder
    chain: tuple[bytes, ...] = ()
    digest_algorithm: str = "sha256"
    pss: bool = False
    mask_algorithm: str | None = None
    salt_length: int | None = None
    plain_rsa: bool = False
    content: bytes | None = None
    content_type: str | None = None
    message_digest: bytes | None = None
    drop: tuple[str, ...] = ()
    repeat: str | None = None
    ess: str = "v2"
    ess_certificate: bytes | None = None
    ess_algorithm: str = "sha256"
    by_key_identifier: bool = False
    signing_time: datetime | None = None
    protected_digest: str | None = None
    protected_signature: str | None = None
    content_token: bytes | None = None
    adobe_revocation: bytes | None = None
    reversed_attributes: bool = False
    signed_order: str = "as sent"
    without_attributes: bool = False
    signers: int = 1
    spoil: bool = False
    tokens: tuple[bytes, ...] = ()
    with_certificates: bool = True
    indefinite: bool = False

    def but(self, **changes: Any) -> "Message":
        return replace(self, **changes)

    def over(self, document: bytes) -> bytes:
        """DER of the ``ContentInfo``."""
        attributes = self._attributes(document)
        raw = _set_of(attributes)
        signed = raw if self.signed_order == "as sent" else _set_of(sorted(attributes))
        value = self._sign(document if self.without_attributes else signed)
        if self.spoil:
            value = value[:-1] + bytes([value[-1] ^ 1])
        signer_info = cms.SignerInfo(
            {
                "version": "v1",
                "sid": self._identifier(),
                "digest_algorithm": {"algorithm": self.digest_algorithm},
                "signed_attrs": None if self.without_attributes else cms.CMSAttributes.load(raw),
                "signature_algorithm": self._algorithm(),
                "signature": value,
                "unsigned_attrs": self._unsigned() or None,
            }
        )
        certificates = (self.signer.der, *self.chain) if self.with_certificates else ()
        encapsulated = {"content_type": "data", **({} if self.content is None else {"content": self.content})}
        signed_data = cms.SignedData(
            {
                "version": "v1",
                "digest_algorithms": [{"algorithm": self.digest_algorithm}],
                "encap_content_info": encapsulated,
                "certificates": [asn1_x509.Certificate.load(der) for der in certificates] or None,
                "signer_infos": [signer_info] * self.signers,
            }
        )
        made: bytes = cms.ContentInfo({"content_type": "signed_data", "content": signed_data}).dump()
        return _indefinite(made) if self.indefinite else made

    def _attributes(self, document: bytes) -> list[bytes]:
        digest = self.message_digest or hashlib.new(self.digest_algorithm, self.content or document).digest()
        values: list[tuple[str, bytes]] = [
            ("1.2.840.113549.1.9.3", core.ObjectIdentifier(self.content_type or "1.2.840.113549.1.7.1").dump()),
            ("1.2.840.113549.1.9.4", core.OctetString(digest).dump()),
        ]
        certificate = self.ess_certificate or self.signer.der
        if self.ess == "v1":
            first = {"cert_hash": hashlib.sha1(certificate, usedforsecurity=False).digest()}
            values.append(("1.2.840.113549.1.9.16.2.12", tsp.SigningCertificate({"certs": [first]}).dump()))
        if self.ess == "v2":
            hashed = hashlib.new(self.ess_algorithm, certificate).digest()
            second = {"hash_algorithm": {"algorithm": self.ess_algorithm}, "cert_hash": hashed}
            values.append(("1.2.840.113549.1.9.16.2.47", tsp.SigningCertificateV2({"certs": [second]}).dump()))
        if self.signing_time is not None:
            values.append(("1.2.840.113549.1.9.5", cms.Time({"utc_time": self.signing_time}).dump()))
        if self.protected_digest is not None:
            signature = self._algorithm() if self.protected_signature is None else {"algorithm": self.protected_signature}
            protection = cms.CMSAlgorithmProtection(
                {"digest_algorithm": {"algorithm": self.protected_digest}, "signature_algorithm": signature}
            )
            values.append(("1.2.840.113549.1.9.52", protection.dump()))
        if self.content_token is not None:
            values.append((_CONTENT_TIME_STAMP, self.content_token))
        if self.adobe_revocation is not None:
            values.append((_ADOBE_REVOCATION, self.adobe_revocation))
        made = [_attribute(oid, value) for oid, value in values if oid not in self.drop]
        made += [_attribute(oid, value) for oid, value in values if oid == self.repeat]
        made.sort()
        return made[::-1] if self.reversed_attributes else made

    def _identifier(self) -> cms.SignerIdentifier:
        certificate = asn1_x509.Certificate.load(self.signer.der)
        if self.by_key_identifier:
            return cms.SignerIdentifier("subject_key_identifier", certificate.key_identifier)
        named = {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
        return cms.SignerIdentifier("issuer_and_serial_number", cms.IssuerAndSerialNumber(named))

    def _unsigned(self) -> list[cms.CMSAttribute]:
        tokens = [cms.ContentInfo.load(token) for token in self.tokens]
        return [cms.CMSAttribute({"type": "signature_time_stamp_token", "values": tokens})] if tokens else []

    def _algorithm(self) -> dict[str, Any]:
        if isinstance(self.signer.key, ec.EllipticCurvePrivateKey):
            return {"algorithm": f"{self.digest_algorithm}_ecdsa"}
        if not self.pss:
            return {"algorithm": "rsassa_pkcs1v15" if self.plain_rsa else f"{self.digest_algorithm}_rsa"}
        algorithm = _HASHES[self.digest_algorithm]
        parameters = algos.RSASSAPSSParams(
            {
                "hash_algorithm": {"algorithm": self.digest_algorithm},
                "mask_gen_algorithm": {
                    "algorithm": "mgf1",
                    "parameters": {"algorithm": self.mask_algorithm or self.digest_algorithm},
                },
                "salt_length": algorithm.digest_size if self.salt_length is None else self.salt_length,
            }
        )
        return {"algorithm": "rsassa_pss", "parameters": parameters}

    def _sign(self, data: bytes) -> bytes:
        key = self.signer.key
        algorithm = _HASHES[self.digest_algorithm]
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key.sign(data, ec.ECDSA(algorithm))
        pss = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
        return key.sign(data, pss if self.pss else padding.PKCS1v15(), algorithm)


def value_of(contents: bytes) -> bytes:
    """The signature value in a CMS."""
    value: bytes = cms.ContentInfo.load(contents)["content"]["signer_infos"][0]["signature"].native
    return value


def _attribute(oid: str, value: bytes) -> bytes:
    made: bytes = _Attribute({"type": oid, "values": [core.Any.load(value)]}).dump()
    return made


def _set_of(attributes: list[bytes]) -> bytes:
    made: bytes = core.OctetString(b"".join(attributes)).dump()
    return b"\x31" + made[1:]


def _indefinite(der: bytes) -> bytes:
    """The outermost SEQUENCE, and the [0] inside it, of indefinite length."""
    info = cms.ContentInfo.load(der)
    oid, content = info["content_type"].dump(), info["content"].untag().dump()
    made: bytes = b"\x30\x80" + oid + b"\xa0\x80" + content + b"\x00\x00\x00\x00"
    return made
