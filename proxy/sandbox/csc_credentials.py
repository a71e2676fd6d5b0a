"""The keys that the provider of remote signatures holds, and how it names their algorithms (CSC API v2.0, clauses 5 and 11.5).

Written from the specification, and not with what the proxy knows of it: one misreading shall not stand on both sides.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from asn1crypto import algos
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.sandbox.authority import load_chain
from proxy.sandbox.folder import StateFolder
from proxy.sandbox.keys import PrivateKey, load_key
from proxy.sandbox.profiles import SIGNING

HASHES: dict[str, hashes.SHA256 | hashes.SHA384 | hashes.SHA512] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}
"""By ``hashAlgorithmOID``."""

RSA_ENCRYPTION = "1.2.840.113549.1.1.1"
RSASSA_PSS = "1.2.840.113549.1.1.10"
EC_PUBLIC_KEY = "1.2.840.10045.2.1"
IMPLIED_HASHES = {
    "1.2.840.113549.1.1.11": "2.16.840.1.101.3.4.2.1",
    "1.2.840.113549.1.1.12": "2.16.840.1.101.3.4.2.2",
    "1.2.840.113549.1.1.13": "2.16.840.1.101.3.4.2.3",
    "1.2.840.10045.4.3.2": "2.16.840.1.101.3.4.2.1",
    "1.2.840.10045.4.3.3": "2.16.840.1.101.3.4.2.2",
    "1.2.840.10045.4.3.4": "2.16.840.1.101.3.4.2.3",
}
"""``signAlgo`` values that say which hash they are with."""

PREFIX = "csc-"
"""Of the sandbox's credential ids: the central signer holds the same keys under their plain names."""


@dataclass(frozen=True, slots=True)
class HeldCredential:
    """A credential.

    Attributes:
        credential_id: Its name.
        key: Its private key.
        chain: Its certificate, then the issuers.
        pin: What authorizes it.
        scal: ``1``, or ``2``: an authorization is bound to the hashes.
        multisign: Signatures by one authorization.
    """

    credential_id: str
    key: PrivateKey
    chain: tuple[x509.Certificate, ...]
    pin: str
    scal: str = "2"
    multisign: int = 100

    def algorithms(self, *, key_type_only: bool) -> list[str]:
        """``key/algo``."""
        is_rsa = isinstance(self.key, rsa.RSAPrivateKey)
        if key_type_only:
            return [RSA_ENCRYPTION if is_rsa else EC_PUBLIC_KEY]
        family = "1.2.840.113549." if is_rsa else "1.2.840.10045."
        specific = [oid for oid in IMPLIED_HASHES if oid.startswith(family)]
        return [*specific, RSA_ENCRYPTION, RSASSA_PSS] if is_rsa else specific

    def info(self, *, certificates: str, authentication: bool, key_type_only: bool) -> dict[str, object]:
        """What ``credentials/info`` says; ``certificates`` is ``none``, ``single`` or ``chain``."""
        key: dict[str, object] = {
            "status": "enabled",
            "algo": self.algorithms(key_type_only=key_type_only),
            "len": self.key.key_size,
        }
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            key["curve"] = {256: "1.2.840.10045.3.1.7", 384: "1.3.132.0.34", 521: "1.3.132.0.35"}[self.key.key_size]
        shown = {"none": (), "single": self.chain[:1], "chain": self.chain}[certificates]
        cert: dict[str, object] = {"status": "valid"}
        if shown:
            cert["certificates"] = [base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in shown]
        auth: dict[str, object] = {"mode": "explicit"}
        if authentication:
            auth |= {"expression": "PIN", "objects": [{"type": "Password", "id": "PIN", "format": "A", "label": "PIN"}]}
        return {"key": key, "cert": cert, "auth": auth, "SCAL": self.scal, "multisign": self.multisign, "lang": "en"}

    def sign(self, digest: bytes, hash_oid: str, sign_algo: str, *, raw_ecdsa: bool) -> bytes:
        """The value over a digest: PKCS#1 octets, or ECDSA in DER or as r‖s. This computes."""
        hashed = HASHES[hash_oid]
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            value = self.key.sign(digest, ec.ECDSA(Prehashed(hashed)))
            if not raw_ecdsa:
                return value
            size = (self.key.key_size + 7) // 8
            return b"".join(number.to_bytes(size) for number in decode_dss_signature(value))
        if sign_algo == RSASSA_PSS:
            return self.key.sign(digest, padding.PSS(padding.MGF1(hashed), hashed.digest_size), Prehashed(hashed))
        return self.key.sign(digest, padding.PKCS1v15(), Prehashed(hashed))


def are_pss_parameters(der: bytes, hash_oid: str) -> bool:
    """Whether these are ``RSASSA-PSS-params`` (RFC 8017, A.2.3) with one hash for all, and a salt as long as it."""
    try:
        parameters = algos.RSASSAPSSParams.load(der, strict=True)
        mask = parameters["mask_gen_algorithm"]
        said = (
            parameters["hash_algorithm"]["algorithm"].dotted,
            mask["algorithm"].native,
            mask["parameters"]["algorithm"].dotted,
            parameters["salt_length"].native,
            parameters["trailer_field"].native,
        )
    except (ValueError, TypeError, KeyError):
        return False
    return said == (hash_oid, "mgf1", hash_oid, HASHES[hash_oid].digest_size, "trailer_field_bc")


def sandbox_credentials(folder: StateFolder, pin: str) -> Sequence[HeldCredential]:
    """A credential for each of the sandbox's signing keys: persons authorize one signature at a time.

    Raises:
        SettingsError: The folder holds no PKI.
    """
    held = []
    for profile in SIGNING:
        files = folder.signing(profile.name)
        is_person = profile.name.startswith("natural-person")
        held.append(
            HeldCredential(
                credential_id=PREFIX + profile.name,
                key=load_key(files.key),
                chain=load_chain(files.certificate),
                pin=pin,
                scal="2" if is_person else "1",
                multisign=1 if is_person else 100,
            )
        )
    return held
