"""Certificates: list, one, chain, registration, and the revocation data about them (contract, operations 1, 2, 2a)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from cryptography.hazmat.primitives import hashes

from proxy.call import Call
from proxy.errors import CertificateExpired, InvalidParameter
from proxy.model import Credential, HashAlgorithm, SignAlgorithm, SignerCertificates, ValidationData
from proxy.ports import Clock
from proxy.signers.bindings import check_certificates
from proxy.signers.registry import SignerRegistry
from proxy.trust.certificate_warnings import CertificateWarning, warnings_about
from proxy.trust.certificates import key_algorithm, read_certificate
from proxy.trust.credential_check import CredentialChecker
from proxy.trust.failures import PathFailure
from proxy.trust.validation_material import MaterialSource

_log = structlog.get_logger("proxy.operations")


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
    warnings: tuple[CertificateWarning, ...]


def facts_of(credential: Credential, now: datetime) -> CertificateFacts:
    """Read a credential's certificate, and what deserves a look about it ``now``."""
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
        warnings=warnings_about(certificate, now),
    )


class Certificates:
    """Reads certificates from all backends, and passes registrations on to them."""

    def __init__(self, *, registry: SignerRegistry, checker: CredentialChecker, material: MaterialSource, clock: Clock) -> None:
        self._registry = registry
        self._checker = checker
        self._material = material
        self._clock = clock

    async def list(self, call: Call, allowed: Callable[[str], bool]) -> tuple[CertificateFacts, ...]:
        """All certificates whose id ``allowed`` accepts, by id. Raises what the backends raise."""
        credentials = await self._registry.list_credentials(call)
        return tuple(
            facts_of(credential, self._clock.now())
            for credential in sorted(credentials, key=lambda item: item.certificate_id)
            if allowed(credential.certificate_id)
        )

    async def chain(self, call: Call, certificate_id: str) -> Credential:
        """The certificate with its chain and algorithms. Raises CertificateNotFound and what the backends raise."""
        _, credential = await self._registry.find(call, certificate_id)
        return credential

    async def get(self, call: Call, certificate_id: str) -> CertificateFacts:
        """One certificate. Raises as :meth:`chain`."""
        return facts_of(await self.chain(call, certificate_id), self._clock.now())

    async def register(
        self, call: Call, allowed: Callable[[str], bool], key_id: str, certificate: bytes, chain: Sequence[bytes]
    ) -> CertificateFacts:
        """Bind an issued certificate to its key.

        Args:
            call: Deadline, ledger, and who asks.
            allowed: Which certificates the client may use, by id. A certificate is a way to sign with its key, so the client
                must be allowed every one that the key has.
            key_id: The key.
            certificate: DER.
            chain: DER of the issuers, its own first.

        Raises:
            InvalidParameter: They are not DER certificates, the certificate is not for signatures, or the chain does not build,
                to an anchor where anchors are set.
            CertificateExpired: It is past its end.
            KeyNotFound: There is no such key, or it is not this client's.
            CertificateKeyMismatch, AlgorithmNotAllowed, NotSupported: As the backends say.
            SignerError, SignerUnavailable, Maintenance, DeadlineExceeded: A backend failed.
        """
        async with call.deadline.enforce():
            check_certificates(certificate, chain)
            await self._check_trusted(certificate, chain)
            credential = await self._registry.keys.register(call, allowed, key_id, certificate, chain)
        call.facts.certificate_id = credential.certificate_id
        _log.info(
            "certificate.registered",
            transactionId=call.transaction_id,
            client=call.client,
            certificateId=credential.certificate_id,
            keyId=key_id,
            backend=credential.backend,
        )
        now = self._clock.now()
        self._checker.warn(credential, now)
        return facts_of(credential, now)

    async def _check_trusted(self, certificate: bytes, chain: Sequence[bytes]) -> None:
        """One that is not valid yet may be registered ahead of its time."""
        leaf, now = read_certificate(certificate), self._clock.now()
        if now > leaf.not_valid_after_utc:
            raise CertificateExpired(f"the certificate expired on {leaf.not_valid_after_utc:%Y-%m-%d}")
        try:
            await self._checker.find_path(certificate, chain, max(now, leaf.not_valid_before_utc))
        except PathFailure as error:
            raise InvalidParameter("the chain does not lead to a trust anchor", fields={"chain": str(error)}) from error

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
