"""Certificates: list, one, chain, registration, and the revocation data about them (contract, operations 1, 2, 2a)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives import hashes

from proxy.call import Call
from proxy.errors import InvalidParameter
from proxy.model import Credential, HashAlgorithm, SignAlgorithm, SignerCertificates, ValidationData
from proxy.ports import Clock
from proxy.signers.registry import SignerRegistry
from proxy.trust.certificates import key_algorithm, read_certificate
from proxy.trust.failures import PathFailure
from proxy.trust.validation_material import MaterialSource


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What a caller may know of a signing certificate. Names are RFC 4514, the serial number is hex, hashes are hex."""

    certificate_id: str
    subject: str
    issuer: str
    serial_number: str
    not_before: datetime
    not_after: datetime
    key_algorithm: str
    sign_algorithms: tuple[SignAlgorithm, ...]
    hash_algorithms: tuple[HashAlgorithm, ...]
    backend: str
    certificate_sha256: str


def facts_of(credential: Credential) -> CertificateFacts:
    """Read a credential's certificate."""
    certificate = read_certificate(credential.certificate)
    return CertificateFacts(
        certificate_id=credential.certificate_id,
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial_number=f"{certificate.serial_number:x}",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key_algorithm=key_algorithm(certificate),
        sign_algorithms=credential.sign_algorithms,
        hash_algorithms=credential.hash_algorithms,
        backend=credential.backend,
        certificate_sha256=certificate.fingerprint(hashes.SHA256()).hex(),
    )


class Certificates:
    """Reads certificates from all backends, and passes registrations on to them."""

    def __init__(self, *, registry: SignerRegistry, material: MaterialSource, clock: Clock) -> None:
        self._registry = registry
        self._material = material
        self._clock = clock

    async def list(self, call: Call, allowed: Callable[[str], bool]) -> tuple[CertificateFacts, ...]:
        """All certificates whose id ``allowed`` accepts, by id. Raises what the backends raise."""
        credentials = await self._registry.list_credentials(call)
        return tuple(
            facts_of(credential)
            for credential in sorted(credentials, key=lambda item: item.certificate_id)
            if allowed(credential.certificate_id)
        )

    async def chain(self, call: Call, certificate_id: str) -> Credential:
        """The certificate with its chain and algorithms. Raises CertificateNotFound and what the backends raise."""
        _, credential = await self._registry.find(call, certificate_id)
        return credential

    async def get(self, call: Call, certificate_id: str) -> CertificateFacts:
        """One certificate. Raises as :meth:`chain`."""
        return facts_of(await self.chain(call, certificate_id))

    async def register(self, call: Call, key_id: str, certificate: bytes, chain: Sequence[bytes]) -> CertificateFacts:
        """Bind an issued certificate to its key.

        Raises:
            InvalidParameter: Certificate or chain are not DER certificates, or the chain does not build.
            KeyNotFound, CertificateKeyMismatch, NotSupported: As the backends say.
            SignerError, SignerUnavailable, Maintenance, DeadlineExceeded: A backend failed.
        """
        for field, items in (("certificate", [certificate]), ("chain", chain)):
            for der in items:
                try:
                    read_certificate(der)
                except ValueError as error:
                    raise InvalidParameter("not a certificate", fields={field: "not a DER certificate"}) from error
        async with call.deadline.enforce():
            credential = await self._registry.register(call, key_id, certificate, chain)
        call.facts.certificate_id = credential.certificate_id
        return facts_of(credential)

    async def revocation_of(self, call: Call, certificate_id: str, *, fresh: bool = False) -> ValidationData:
        """Revocation data for a signing certificate and its issuers.

        Raises:
            CertificateNotFound: No such id.
            RevocationUnavailable: A certificate with a source has no answer.
        """
        credential = await self.chain(call, certificate_id)
        return await self.relay_revocation(call, (credential.certificate, *credential.chain), fresh=fresh)

    async def relay_revocation(self, call: Call, certificates: tuple[bytes, ...], *, fresh: bool = False) -> ValidationData:
        """Revocation data for certificates (DER, any order) that chain to a trusted anchor; ``fresh`` goes past our cache.

        Raises:
            InvalidParameter: One is not a certificate, or does not chain to an anchor.
            RevocationUnavailable: A certificate with a source has no answer.
        """
        async with call.deadline.enforce():
            now = self._clock.now()
            signers = [SignerCertificates(certificate, certificates) for certificate in certificates]
            try:
                collected = await self._material.collect(
                    call, signers, at=now, issued_after=now if fresh else None, refuse_revoked=False
                )
            except PathFailure as error:
                raise InvalidParameter(
                    "only certificates that chain to a trust anchor are asked about", fields={"certificates": str(error)}
                ) from error
        return collected.data
