"""May this credential sign now? Asked before any digest leaves.

Chain to an anchor where anchors are set, validity of every certificate on it, and revocation of all but the anchor where a
source is set. Paths are kept here and answers by their source, so that a signature costs none of it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import pairwise

import structlog

from proxy.call import Call
from proxy.errors import (
    CertificateExpired,
    CertificateNotYetValid,
    CertificateRevoked,
    RevocationUnavailable,
    SignerError,
)
from proxy.model import Credential, RevocationInfo, RevocationState
from proxy.ports import Clock, RevocationSource
from proxy.trust.certificate_warnings import WarningCode, warnings_about
from proxy.trust.certificates import check_signing_usage, issued_by, read_certificate, subject
from proxy.trust.failures import PathExpired, PathFailure, PathNotYetValid, UsageRefused
from proxy.trust.issuers import IssuerFetcher
from proxy.trust.memory import Memory
from proxy.trust.paths import CertificationPath, PathFinder, check_validity

_REMEMBERED = 256

_log = structlog.get_logger("proxy.trust")


@dataclass(frozen=True, slots=True)
class CheckedCredential:
    """A credential that may sign.

    Attributes:
        credential: As the backend gave it.
        path: DER of the certification path, leaf first; it ends with the anchor, or, where no anchors are set, where the
            backend's chain ends.
        not_before: From when every certificate below the anchor is valid.
        not_after: Until when they are.
        revocation: One answer for every certificate below the anchor, leaf first; empty where no source is set.
    """

    credential: Credential
    path: tuple[bytes, ...]
    not_before: datetime
    not_after: datetime
    revocation: tuple[RevocationInfo, ...]


class CredentialChecker:
    """Checks credentials.

    Args:
        finder: Finds paths; without anchors in it a chain only has to be consistent.
        source: Revocation data, asked each time: it knows how old an answer may be. ``None`` where it is switched off.
        clock: When a path is to be found again.
        cache_seconds: For how long one is kept.
        issuers: Completes chains; ``None`` where they have to be complete.
    """

    def __init__(
        self,
        finder: PathFinder,
        source: RevocationSource | None,
        clock: Clock,
        cache_seconds: float,
        issuers: IssuerFetcher | None = None,
    ) -> None:
        self._finder = finder
        self._source = source
        self._issuers = issuers
        self._clock = clock
        self._cache_time = timedelta(seconds=cache_seconds)
        self._paths: Memory[bytes, CertificationPath] = Memory(clock, _REMEMBERED)
        self._warned: set[tuple[bytes, WarningCode]] = set()

    async def check(self, call: Call, credential: Credential, at: datetime) -> CheckedCredential:
        """Check a credential for signing at the moment ``at``.

        Args:
            call: Deadline and ledger.
            credential: From a signer backend.
            at: Now, by the clock.

        Returns:
            The credential with what was found out about it.

        Raises:
            CertificateExpired, CertificateNotYetValid, CertificateRevoked: It, or one of its issuers, is.
            RevocationUnavailable: Whether it is revoked cannot be found out.
            SignerError: It does not chain to an anchor, its key is not for signing, or it cannot be read.
            DeadlineExceeded: The call's time is over.
        """
        path = await self._known_path(call, credential, at)
        revocation = await self._revocation(call, credential, path, at)
        return CheckedCredential(credential, path.certificates, path.not_before, path.not_after, revocation)

    async def _known_path(self, call: Call, credential: Credential, at: datetime) -> CertificationPath:
        async def load() -> tuple[CertificationPath, datetime]:
            chain = credential.chain
            if self._issuers is not None:
                chain = await self._issuers.complete(call, credential.certificate, chain, at)
            path = await asyncio.to_thread(self._path, credential, chain, at)
            self.warn(credential, at)
            return path, self._clock.now() + self._cache_time

        key = sha256(b"".join(sha256(der).digest() for der in (credential.certificate, *credential.chain))).digest()
        path = await self._paths.recall(call, key, load)
        if not path.not_before <= at <= path.not_after:
            self._paths.forget(key)
            path = await self._paths.recall(call, key, load)
        return path

    async def _revocation(
        self, call: Call, credential: Credential, path: CertificationPath, at: datetime
    ) -> tuple[RevocationInfo, ...]:
        if self._source is None:
            return ()
        if len(path.certificates) < 2 and credential.certificate not in self._finder.anchors.certificates:
            raise RevocationUnavailable("the signing certificate came without its issuer, so nobody can be asked about it")
        answers = []
        # From the anchor down: the source trusts no certificate before it knows the issuers above.
        for certificate, issuer in reversed([*pairwise(path.certificates)]):
            info = await self._source.revocation(call, certificate, issuer, at=at)
            if info.state is RevocationState.REVOKED:
                raise CertificateRevoked(f"{subject(read_certificate(certificate))} is revoked")
            answers.append(info)
        return tuple(reversed(answers))

    async def find_path(self, certificate: bytes, chain: Sequence[bytes], at: datetime) -> None:
        """That a certificate which is not used yet chains to an anchor, where anchors are set.

        Args:
            certificate: DER.
            chain: DER of its issuers.
            at: A moment at which it is valid.

        Raises:
            PathFailure: It does not, or an issuer is not valid then.
        """
        if self._finder.anchors:
            await asyncio.to_thread(self._finder.find, certificate, chain, at)

    def warn(self, credential: Credential, at: datetime) -> None:
        """Log what deserves a look about a credential, each thing once."""
        leaf = read_certificate(credential.certificate)
        for warning in warnings_about(leaf, at):
            if (credential.certificate, warning.code) not in self._warned:
                self._warned.add((credential.certificate, warning.code))
                _log.warning(
                    "certificate.warning",
                    certificateId=credential.certificate_id,
                    subject=subject(leaf),
                    code=warning.code,
                    detail=warning.detail,
                )

    def _path(self, credential: Credential, chain: Sequence[bytes], at: datetime) -> CertificationPath:
        """The one place where a path's failure gets its code."""
        try:
            anchored = bool(self._finder.anchors)
            path = self._finder.find(credential.certificate, chain, at) if anchored else _consistent(credential, at)
            check_signing_usage(read_certificate(credential.certificate))
        except PathExpired as error:
            raise CertificateExpired(str(error)) from error
        except PathNotYetValid as error:
            raise CertificateNotYetValid(str(error)) from error
        except (PathFailure, UsageRefused) as error:
            raise SignerError(f"the signing certificate is not trusted here: {error}") from error
        return path


def _consistent(credential: Credential, at: datetime) -> CertificationPath:
    """Without anchors: each certificate of the chain issued the one before, and all are valid at ``at``."""
    try:
        certificates = [read_certificate(der) for der in (credential.certificate, *credential.chain)]
    except ValueError as error:
        raise PathFailure(str(error)) from error
    for certificate in certificates:
        check_validity(certificate, at)
    for certificate, issuer in pairwise(certificates):
        if not issued_by(certificate, issuer):
            raise PathFailure(f"{subject(certificate)} was not issued by the certificate that follows it")
    return CertificationPath(
        (credential.certificate, *credential.chain),
        max(certificate.not_valid_before_utc for certificate in certificates),
        min(certificate.not_valid_after_utc for certificate in certificates),
    )
