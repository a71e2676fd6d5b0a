"""Certificates on request: a CSR (RFC 2986) in, a certificate of the development CA out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from proxy.errors import SettingsError
from proxy.ports import Clock
from proxy.sandbox import profiles
from proxy.sandbox.addresses import Addresses
from proxy.sandbox.authority import CertificationAuthority, Validity, pem
from proxy.sandbox.folder import StateFolder
from proxy.sandbox.profiles import YEAR

CLIENT = "client"
"""The profile of certificates for applications; the others are signers'."""
SIGNERS: Mapping[str, x509.Name] = {
    "legal-person": profiles.LEGAL_PERSON,
    "natural-person": profiles.NATURAL_PERSON,
    "eseal": profiles.ESEAL,
}
"""Profiles of signers, each with the subject a request without one gets."""
PROFILES = (*SIGNERS, CLIENT)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its chain: the issuers up to the root."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]

    @property
    def pem(self) -> bytes:
        """All of it, the certificate first."""
        return pem([self.certificate, *self.chain])


def issue_certificate(directory: Path, request: bytes, profile: str, clock: Clock) -> Issued:
    """Issue for three years; RSA keys get the RSA hierarchy, EC keys the P-256 one, clients the CA of client certificates.

    The subject is the request's, or the profile's own where the request's is empty. Extensions asked for are not taken over:
    what stands in a certificate is the profile's to say.

    Args:
        directory: A sandbox's folder; it need not be running.
        request: The CSR, PEM or DER.
        profile: One of ``PROFILES``.
        clock: From when it is valid.

    Raises:
        SettingsError: The folder holds no PKI, the request is none or its signature is wrong, or its key is of another kind.
    """
    folder = StateFolder.at(directory)
    csr = _load(request)
    key = csr.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise SettingsError("the request's key is neither RSA nor EC")
    now = clock.now().replace(microsecond=0)
    if profile == CLIENT:
        if not csr.subject:
            raise SettingsError("a request for a client certificate needs a subject")
        authority = CertificationAuthority.open(folder, "client-ca")
        extensions = profiles.client_extensions()
        subject = csr.subject
    else:
        authority = CertificationAuthority.open(folder, "rsa-issuing" if isinstance(key, rsa.RSAPublicKey) else "p256-issuing")
        services = Addresses.load(folder).services
        extensions = profiles.signing_extensions() + authority.revocation_extensions(services)
        subject = csr.subject or SIGNERS[profile]
    return Issued(authority.issue(subject, key, _validity(now), extensions), authority.chain)


def _validity(now: datetime) -> Validity:
    return Validity(now - profiles.BACKDATED, now + 3 * YEAR)


def _load(request: bytes) -> x509.CertificateSigningRequest:
    load = x509.load_pem_x509_csr if b"-----BEGIN" in request else x509.load_der_x509_csr
    try:
        csr = load(request)
        genuine = csr.is_signature_valid
    except ValueError as error:
        raise SettingsError(f"not a certificate signing request: {error}") from error
    if not genuine:
        raise SettingsError("the request's signature is not its key's")
    return csr
