"""What a time-stamping authority says (RFC 3161, RFC 5816): a query's bytes in, a reply's bytes out. HTTP is ``tsa_server``'s.

It does what a careful authority does, so that a client can be tried on it: ``ESSCertIDv2``, an accuracy, one policy, serial
numbers that are never repeated, certificates only when asked for, and a refusal with its ``PKIFailureInfo`` for each thing a
query can have wrong.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.errors import SettingsError
from proxy.ports import Clock
from proxy.sandbox import profiles
from proxy.sandbox.authority import load_chain
from proxy.sandbox.folder import StateFolder
from proxy.sandbox.keys import load_key
from proxy.sandbox.serial_numbers import SerialNumbers

ACCURACY_SECONDS = 1
"""``genTime`` is whole seconds: the moment lies within one second of it."""
GRANTED = "granted"
_DIGEST_SIZES = {"sha256": 32, "sha384": 48, "sha512": 64}


class _Refusal(Exception):
    """The query gets no token.

    Args:
        failure: The bit of ``PKIFailureInfo`` (asn1crypto's name of it).
        text: What is wrong, for ``statusString``.
    """

    def __init__(self, failure: str, text: str) -> None:
        super().__init__(text)
        self.failure = failure
        self.text = text


class _RefusalReply(core.Sequence):  # type: ignore[misc]  # asn1crypto has no types
    """``TimeStampResp`` without its optional token, which asn1crypto's own class does not let be absent."""

    _fields = [("status", tsp.PKIStatusInfo)]  # noqa: RUF012 - how asn1crypto declares a structure


@dataclass(frozen=True, slots=True)
class Reply:
    """DER of a ``TimeStampResp``, and what it says: ``granted``, or the name of the failure (``bad_alg`` …)."""

    der: bytes
    outcome: str


class TokenIssuer:
    """A time-stamping authority. Its methods may be called from several threads.

    Args:
        key: Its private key, parsed once.
        chain: Its certificate, and the issuers to send along when certificates are asked for.
        policy_oid: The one policy it issues under.
        serial_numbers: Where tokens' numbers come from.
        clock: The time it attests.
    """

    def __init__(
        self,
        key: rsa.RSAPrivateKey,
        chain: Sequence[x509.Certificate],
        policy_oid: str,
        serial_numbers: SerialNumbers,
        clock: Clock,
    ) -> None:
        self._key = key
        self._chain = [asn1_x509.Certificate.load(item.public_bytes(Encoding.DER)) for item in chain]
        self._certificate = self._chain[0]
        self._policy_oid = policy_oid
        self._serial_numbers = serial_numbers
        self._clock = clock
        self._signing_certificate = tsp.SigningCertificateV2({"certs": [self._ess_cert_id()]})

    @classmethod
    def open(cls, folder: StateFolder, clock: Clock) -> "TokenIssuer":
        """The authority of a sandbox's folder; the root stays out of its tokens.

        Raises:
            SettingsError: The folder holds none.
        """
        files = folder.tsa()
        key = load_key(files.key)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise SettingsError(f"{files.key}: not the RSA key that the sandbox's authority has")
        chain = [item for item in load_chain(files.certificate) if item.subject != item.issuer]
        return cls(key, chain, profiles.TSA_POLICY_OID, SerialNumbers(folder.tsa_serial_numbers), clock)

    def reply(self, query: bytes) -> Reply:
        """Grant a token or refuse; it never raises for what a caller sent.

        Args:
            query: DER of a ``TimeStampReq``.
        """
        try:
            request = _parse(query)
            self._check(request)
        except _Refusal as refusal:
            status = {"status": "rejection", "status_string": [refusal.text], "fail_info": {refusal.failure}}
            return Reply(_RefusalReply({"status": status}).dump(), refusal.failure)
        token = self._token(self._tst_info(request), with_certificates=bool(request["cert_req"].native))
        return Reply(tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token}).dump(), GRANTED)

    def _check(self, request: tsp.TimeStampReq) -> None:
        if request["version"].native != "v1":
            raise _Refusal("bad_request", "the version is not 1")
        size = _DIGEST_SIZES.get(request["message_imprint"]["hash_algorithm"]["algorithm"].native)
        if size is None:
            raise _Refusal("bad_alg", "the imprint's hash algorithm is not SHA-256, SHA-384 or SHA-512")
        if len(request["message_imprint"]["hashed_message"].native) != size:
            raise _Refusal("bad_data_format", "the imprint's length does not fit its hash algorithm")
        if request["req_policy"].native not in {None, self._policy_oid}:
            raise _Refusal("unaccepted_policy", f"tokens are issued under {self._policy_oid} alone")
        if request["extensions"].native is not None:
            raise _Refusal("unaccepted_extensions", "no extension is supported")

    def _tst_info(self, request: tsp.TimeStampReq) -> tsp.TSTInfo:
        info = {
            "version": "v1",
            "policy": self._policy_oid,
            "message_imprint": request["message_imprint"],
            "serial_number": self._serial_numbers.take(),
            "gen_time": self._clock.now().replace(microsecond=0),
            "accuracy": {"seconds": ACCURACY_SECONDS},
            "tsa": asn1_x509.GeneralName(name="directory_name", value=self._certificate.subject),
        }
        if request["nonce"].native is not None:
            info["nonce"] = request["nonce"]
        return tsp.TSTInfo(info)

    def _token(self, tst_info: tsp.TSTInfo, *, with_certificates: bool) -> cms.ContentInfo:
        content = tst_info.dump()
        attributes = cms.CMSAttributes(
            [
                cms.CMSAttribute({"type": "content_type", "values": ["tst_info"]}),
                cms.CMSAttribute({"type": "message_digest", "values": [hashlib.sha256(content).digest()]}),
                cms.CMSAttribute({"type": "signing_certificate_v2", "values": [self._signing_certificate]}),
            ]
        )
        signer = cms.SignerInfo(
            {
                "version": "v1",
                "sid": cms.SignerIdentifier(
                    name="issuer_and_serial_number",
                    value={"issuer": self._certificate.issuer, "serial_number": self._certificate.serial_number},
                ),
                "digest_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
                "signed_attrs": attributes,
                "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "sha256_rsa"}),
                "signature": self._key.sign(attributes.dump(), padding.PKCS1v15(), SHA256()),
            }
        )
        signed_data = {
            "version": "v3",
            "digest_algorithms": [algos.DigestAlgorithm({"algorithm": "sha256"})],
            "encap_content_info": {"content_type": "tst_info", "content": cms.ParsableOctetString(content)},
            "signer_infos": [signer],
        }
        if with_certificates:
            signed_data["certificates"] = self._chain
        return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(signed_data)})

    def _ess_cert_id(self) -> tsp.ESSCertIDv2:
        """The certificate by its SHA-256, which is ``ESSCertIDv2``'s default and therefore not written, issuer and number."""
        issuer = asn1_x509.GeneralName(name="directory_name", value=self._certificate.issuer)
        return tsp.ESSCertIDv2(
            {
                "cert_hash": self._certificate.sha256,
                "issuer_serial": {"issuer": [issuer], "serial_number": self._certificate.serial_number},
            }
        )


def _parse(der: bytes) -> tsp.TimeStampReq:
    try:
        request = tsp.TimeStampReq.load(der, strict=True)
        _ = request.native  # asn1crypto parses lazily: this reads all of it
    except (ValueError, TypeError) as error:
        raise _Refusal("bad_data_format", "the query is not a TimeStampReq in DER") from error
    return request
