"""A time-stamping authority for tests: it makes any RFC 3161 token, right or wrong in one chosen place, and serves it."""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding

from tests.support.pki import NOW, Holder

POLICY = "2.999.1.1"

_HASHES: dict[str, hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512] = {
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_serials = count(1)


@dataclass(frozen=True)
class Stamp:
    """How a token is made; the defaults make a correct one.

    ``None`` in a field named after a part of the token means what is right there.
    """

    tsa: Holder
    chain: tuple[bytes, ...] = ()
    gen_time: datetime = NOW
    policy: str | None = None
    nonce: int | None = None
    drop_nonce: bool = False
    imprint: bytes | None = None
    imprint_algorithm: str | None = None
    version: int = 1
    extensions: tuple[tuple[str, bool], ...] = ()
    digest_algorithm: str = "sha256"
    pss: bool = False
    plain_rsa: bool = False
    signature_algorithm: str | None = None
    content_type: str = "tst_info"
    message_digest: bytes | None = None
    drop_attributes: tuple[str, ...] = ()
    repeat_attribute: str | None = None
    ess: tuple[str, ...] = ("v2",)
    ess_hash_algorithm: str = "sha256"
    ess_certificate: bytes | None = None
    ess_serial: int | None = None
    ess_issuer: bytes | None = None
    ess_with_issuer: bool = True
    by_key_identifier: bool = False
    with_certificates: bool | None = None
    signers: int = 1
    spoil_signature: bool = False

    def but(self, **changes: Any) -> "Stamp":
        return replace(self, **changes)

    def token(self, query: bytes) -> bytes:
        """DER of the ``ContentInfo``."""
        request = tsp.TimeStampReq.load(query)
        content = self._tst_info(request).dump()
        signer = self._signer_info(content)
        wanted = request["cert_req"].native if self.with_certificates is None else self.with_certificates
        certificates = (self.tsa.der, *self.chain) if wanted else ()
        signed_data = {
            "version": "v3",
            "digest_algorithms": [{"algorithm": self.digest_algorithm}],
            "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(content)},
            "certificates": [asn1_x509.Certificate.load(der) for der in certificates] or None,
            "signer_infos": [signer] * self.signers,
        }
        token: bytes = cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(signed_data)}).dump()
        return token

    def reply(self, query: bytes, status: str = "granted") -> bytes:
        """DER of the ``TimeStampResp``."""
        token = cms.ContentInfo.load(self.token(query))
        response: bytes = tsp.TimeStampResp({"status": {"status": status}, "time_stamp_token": token}).dump()
        return response

    def _tst_info(self, request: tsp.TimeStampReq) -> tsp.TSTInfo:
        imprint = request["message_imprint"]
        nonce = request["nonce"].native if self.nonce is None else self.nonce
        return tsp.TSTInfo(
            {
                "version": self.version,
                "policy": self.policy or (request["req_policy"].dotted if request["req_policy"].native else POLICY),
                "message_imprint": {
                    "hash_algorithm": {"algorithm": self.imprint_algorithm or imprint["hash_algorithm"]["algorithm"].native},
                    "hashed_message": self.imprint or imprint["hashed_message"].native,
                },
                "serial_number": next(_serials),
                "gen_time": self.gen_time,
                "accuracy": {"seconds": 1},
                "nonce": None if self.drop_nonce else nonce,
                "extensions": [
                    {"extn_id": oid, "critical": critical, "extn_value": b"\x05\x00"} for oid, critical in self.extensions
                ]
                or None,
            }
        )

    def _signer_info(self, content: bytes) -> cms.SignerInfo:
        attributes = cms.CMSAttributes([*self._attributes(content)])
        value = self._sign(attributes.dump())
        if self.spoil_signature:
            value = value[:-1] + bytes([value[-1] ^ 1])
        certificate = asn1_x509.Certificate.load(self.tsa.der)
        identifier = (
            cms.SignerIdentifier("subject_key_identifier", certificate.key_identifier)
            if self.by_key_identifier
            else cms.SignerIdentifier(
                "issuer_and_serial_number",
                cms.IssuerAndSerialNumber({"issuer": certificate.issuer, "serial_number": certificate.serial_number}),
            )
        )
        return cms.SignerInfo(
            {
                "version": "v3" if self.by_key_identifier else "v1",
                "sid": identifier,
                "digest_algorithm": {"algorithm": self.digest_algorithm},
                "signed_attrs": attributes,
                "signature_algorithm": self._algorithm(),
                "signature": value,
            }
        )

    def _attributes(self, content: bytes) -> list[cms.CMSAttribute]:
        digest = self.message_digest or hashlib.new(self.digest_algorithm, content).digest()
        certificate = asn1_x509.Certificate.load(self.ess_certificate or self.tsa.der)
        issuer = certificate.issuer if self.ess_issuer is None else asn1_x509.Name.load(self.ess_issuer)
        issuer_serial = {
            "issuer": [asn1_x509.GeneralName("directory_name", issuer)],
            "serial_number": self.ess_serial or certificate.serial_number,
        }
        named = {"issuer_serial": issuer_serial} if self.ess_with_issuer else {}
        attributes = [("content_type", self.content_type), ("message_digest", digest)]
        if "v1" in self.ess:
            first = {"cert_hash": hashlib.sha1(certificate.dump(), usedforsecurity=False).digest(), **named}
            attributes.append(("signing_certificate", tsp.SigningCertificate({"certs": [first]})))
        if "v2" in self.ess:
            hashed = hashlib.new(self.ess_hash_algorithm, certificate.dump()).digest()
            second = {"hash_algorithm": {"algorithm": self.ess_hash_algorithm}, "cert_hash": hashed, **named}
            attributes.append(("signing_certificate_v2", tsp.SigningCertificateV2({"certs": [second]})))
        made = [
            cms.CMSAttribute({"type": name, "values": [value]})
            for name, value in attributes
            if name not in self.drop_attributes
        ]
        return made + [entry for entry in made if entry["type"].native == self.repeat_attribute]

    def _algorithm(self) -> dict[str, Any]:
        if self.signature_algorithm is not None:
            return {"algorithm": self.signature_algorithm}
        if isinstance(self.tsa.key, ec.EllipticCurvePrivateKey):
            return {"algorithm": f"{self.digest_algorithm}_ecdsa"}
        if not self.pss:
            return {"algorithm": "rsassa_pkcs1v15" if self.plain_rsa else f"{self.digest_algorithm}_rsa"}
        parameters = algos.RSASSAPSSParams(
            {
                "hash_algorithm": {"algorithm": self.digest_algorithm},
                "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": self.digest_algorithm}},
                "salt_length": _HASHES[self.digest_algorithm].digest_size,
            }
        )
        return {"algorithm": "rsassa_pss", "parameters": parameters}

    def _sign(self, attributes: bytes) -> bytes:
        algorithm = _HASHES[self.digest_algorithm]
        if isinstance(self.tsa.key, ec.EllipticCurvePrivateKey):
            return self.tsa.key.sign(attributes, ec.ECDSA(algorithm))
        pss = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
        return self.tsa.key.sign(attributes, pss if self.pss else padding.PKCS1v15(), algorithm)


def rejection(status: str = "rejection", failure: str | None = None, text: str | None = None) -> bytes:
    """DER of a ``TimeStampResp`` without a token."""
    info = tsp.PKIStatusInfo(
        {
            "status": status,
            "status_string": None if text is None else [text],
            "fail_info": None if failure is None else {failure},
        }
    )
    body: bytes = info.dump()
    return b"\x30" + bytes([len(body)]) + body if len(body) < 128 else b"\x30\x81" + bytes([len(body)]) + body


@dataclass
class TSAServer:
    """Where it listens, what it was sent, and how it answers.

    ``answer`` takes the request's body and returns the reply's; ``status`` and ``content_type`` are HTTP's.
    """

    answer: Callable[[bytes], bytes]
    url: str = ""
    status: int = 200
    content_type: str = "application/timestamp-reply"
    headers: dict[str, str] = field(default_factory=dict)
    queries: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def tsa_server(answer: Callable[[bytes], bytes]) -> AsyncIterator[TSAServer]:
    state = TSAServer(answer)

    async def handle(request: web.Request) -> web.Response:
        assert request.content_type == "application/timestamp-query"
        state.queries.append(await request.read())
        return web.Response(
            body=state.answer(state.queries[-1]),
            status=state.status,
            headers={"Content-Type": state.content_type, **state.headers},
        )

    application = web.Application()
    application.add_routes([web.post("/tsa", handle)])
    async with TestServer(application) as server:
        state.url = str(server.make_url("/tsa"))
        yield state


def encoded_name(name: x509.Name) -> bytes:
    return name.public_bytes()
