"""What an OCSP responder says (RFC 6960): a request's bytes in, a response's bytes out. HTTP is ``responder``'s.

One responder speaks for all authorities, each by its own delegated certificate; which one is asked is told by the names and
keys that a ``CertID`` hashes. Times are whole seconds, as RFC 5280 wants ``GeneralizedTime``.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asn1crypto import algos, core, ocsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.errors import SettingsError
from proxy.sandbox.authority import CertificationAuthority, load_chain
from proxy.sandbox.folder import StateFolder
from proxy.sandbox.keys import load_key

VALID_FOR = timedelta(hours=1)
"""From ``thisUpdate`` to ``nextUpdate``."""
MAX_NONCE_BYTES = 128
"""RFC 9654, 2.1."""
_REASONS = {
    x509.ReasonFlags.unspecified: "unspecified",
    x509.ReasonFlags.key_compromise: "key_compromise",
    x509.ReasonFlags.ca_compromise: "ca_compromise",
    x509.ReasonFlags.superseded: "superseded",
}
_CERT_ID_HASHES = ("sha1", "sha256", "sha384", "sha512")


class _Malformed(Exception):
    """The request is none: answered ``malformedRequest``."""


class _Unauthorized(Exception):
    """No authority here is asked: answered ``unauthorized`` (RFC 5019, 2.2.3)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response and what it says, for the counts: ``good``, ``revoked``, ``unknown`` a certificate, or the error's name."""

    der: bytes
    statuses: tuple[str, ...]


class Responder:
    """The delegated responder of one authority, with its key parsed once."""

    def __init__(self, folder: StateFolder, authority: CertificationAuthority) -> None:
        files = folder.responder(authority.name)
        key = load_key(files.key)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise SettingsError(f"{files.key}: not the EC key a responder of the sandbox has")
        self._key = key
        self._authority = authority
        self._certificate = asn1_x509.Certificate.load(load_chain(files.certificate)[0].public_bytes(Encoding.DER))
        issuer = asn1_x509.Certificate.load(authority.certificate.public_bytes(Encoding.DER))
        self._names = {name: hashlib.new(name, issuer.subject.dump()).digest() for name in _CERT_ID_HASHES}
        public_key = bytes(issuer.public_key["public_key"])
        self._keys = {name: hashlib.new(name, public_key).digest() for name in _CERT_ID_HASHES}

    def speaks_for(self, cert_id: ocsp.CertId) -> bool:
        """Whether the ``CertID`` names this authority."""
        name = cert_id["hash_algorithm"]["algorithm"].native
        asked = (cert_id["issuer_name_hash"].native, cert_id["issuer_key_hash"].native)
        return name in _CERT_ID_HASHES and asked == (self._names[name], self._keys[name])

    def respond(self, cert_ids: Sequence[ocsp.CertId], nonce: bytes | None, now: datetime) -> Answer:
        """A signed ``BasicOCSPResponse`` about certificates of this authority."""
        now = now.replace(microsecond=0)
        statuses = tuple(self._status(cert_id["serial_number"].native) for cert_id in cert_ids)
        data = ocsp.ResponseData(
            {
                "responder_id": ocsp.ResponderId(name="by_key", value=self._certificate.public_key.sha1),
                "produced_at": now,
                "responses": [
                    {
                        "cert_id": cert_id,
                        "cert_status": status,
                        "this_update": now,
                        "next_update": now + VALID_FOR,
                    }
                    for cert_id, status in zip(cert_ids, statuses, strict=True)
                ],
            }
        )
        if nonce is not None:
            data["response_extensions"] = [{"extn_id": "nonce", "extn_value": core.OctetString(nonce)}]
        basic = ocsp.BasicOCSPResponse(
            {
                "tbs_response_data": data,
                "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}),
                "signature": self._key.sign(data.dump(), ec.ECDSA(SHA256())),
                "certs": [self._certificate],
            }
        )
        response = ocsp.OCSPResponse(
            {
                "response_status": "successful",
                "response_bytes": {"response_type": "basic_ocsp_response", "response": basic},
            }
        )
        return Answer(response.dump(), tuple(status.name for status in statuses))

    def _status(self, serial_number: int) -> ocsp.CertStatus:
        revocation = self._authority.revocation(serial_number)
        if revocation is not None:
            information = {"revocation_time": revocation.revoked_at, "revocation_reason": _REASONS[revocation.reason]}
            return ocsp.CertStatus(name="revoked", value=ocsp.RevokedInfo(information))
        if self._authority.issued(serial_number):
            return ocsp.CertStatus(name="good", value=ocsp.StatusGood())
        return ocsp.CertStatus(name="unknown", value=ocsp.StatusUnknown())


class OCSPService:
    """All authorities' responders behind one address."""

    def __init__(self, responders: Sequence[Responder]) -> None:
        self._responders = tuple(responders)

    def answer(self, request: bytes, now: datetime) -> Answer:
        """The response to one request, errors of RFC 6960, 4.2.1 included; it never raises for what a caller sent.

        Args:
            request: DER of an ``OCSPRequest``.
            now: The moment of the answer.
        """
        try:
            cert_ids, nonce = _parse(request)
            return self._responder(cert_ids).respond(cert_ids, nonce, now)
        except _Malformed:
            return _error("malformed_request")
        except _Unauthorized:
            return _error("unauthorized")

    def _responder(self, cert_ids: Sequence[ocsp.CertId]) -> Responder:
        for responder in self._responders:
            if all(responder.speaks_for(cert_id) for cert_id in cert_ids):
                return responder
        raise _Unauthorized


def _parse(der: bytes) -> tuple[list[ocsp.CertId], bytes | None]:
    try:
        request = ocsp.OCSPRequest.load(der, strict=True)
        _ = request.native  # asn1crypto parses lazily: this reads all of it
        tbs = request["tbs_request"]
        cert_ids = [entry["req_cert"] for entry in tbs["request_list"]]
        nonce: bytes | None = None
        for extension in tbs["request_extensions"]:
            if extension["extn_id"].native == "nonce":
                nonce = extension["extn_value"].parsed.native
    except (ValueError, TypeError) as error:
        raise _Malformed from error
    if not cert_ids or (nonce is not None and not 1 <= len(nonce) <= MAX_NONCE_BYTES):
        raise _Malformed
    return cert_ids, nonce


def _error(status: str) -> Answer:
    return Answer(ocsp.OCSPResponse({"response_status": status}).dump(), (status,))
