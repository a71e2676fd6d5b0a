"""Issuers that a signing certificate came without, fetched from where the certificates say (``caIssuers``, RFC 5280, 4.2.2.1).

Off unless the settings say otherwise, and for the certificates of signer backends alone: what a caller or a document shows is
never followed. A fetched certificate is no more trusted than one that came with the chain: it must have signed the one below
it, and in the end a path must reach an anchor, or nothing that was fetched is used.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from proxy.call import Call
from proxy.errors import SettingsError
from proxy.outbound import LinkError, Links
from proxy.ports import Clock
from proxy.settings import RevocationSettings
from proxy.trust.access_points import issuer_urls
from proxy.trust.certificates import is_ca, issued_by, read_certificate
from proxy.trust.failures import EvidenceRejected, PathFailure, PathUntrusted
from proxy.trust.fetching import Fetcher
from proxy.trust.memory import Memory
from proxy.trust.paths import PathFinder

MOST_STEPS = 4
"""Issuers that are fetched for one certificate."""

LARGEST_ANSWER = 200_000
"""Bytes of a certificate, or of a message that holds some."""

_MOST_CERTIFICATES = 32
_REMEMBERED = 64
_TYPES = "application/pkix-cert, application/pkcs7-mime"

_log = structlog.get_logger("proxy.trust")


class IssuerFetcher:
    """Completes chains.

    Args:
        settings: Allow-list, anchors of TLS, bounds, and for how long is kept what was fetched.
        finder: Decides what is complete.
        clock: For how long what was fetched is kept.
        connections: How many at a time.
        links: Where the hosts' breakers are; its own alone, if none are given.

    Raises:
        SettingsError: There are no anchors that a chain could reach; or a setting cannot be used.
    """

    def __init__(
        self, settings: RevocationSettings, finder: PathFinder, clock: Clock, connections: int, links: Links | None = None
    ) -> None:
        if not finder.anchors:
            raise SettingsError("trust.fetch_issuers needs trust.anchors")
        self._finder = finder
        self._clock = clock
        self._cache_time = timedelta(seconds=settings.cache_seconds)
        self._fetcher = Fetcher("issuers", settings, connections, links)
        self._fetched: Memory[str, tuple[bytes, ...]] = Memory(clock, _REMEMBERED, failures=(LinkError,))

    async def complete(self, call: Call, certificate: bytes, chain: tuple[bytes, ...], at: datetime) -> tuple[bytes, ...]:
        """A chain with what it lacks to reach an anchor; as it was, where it lacks nothing or that cannot be had.

        Args:
            call: Deadline and ledger.
            certificate: DER of a signing certificate.
            chain: DER of the issuers it came with.
            at: The moment at which the path has to be valid.

        Raises:
            DeadlineExceeded: The call's time is over.
        """
        known = chain
        while await asyncio.to_thread(self._is_incomplete, certificate, known, at):
            issuer = None
            if len(known) < len(chain) + MOST_STEPS:
                issuer = await self._issuer(call, await asyncio.to_thread(_last_known, certificate, known))
            if issuer is None:
                return chain
            known = (*known, issuer)
        return known

    def _is_incomplete(self, certificate: bytes, chain: tuple[bytes, ...], at: datetime) -> bool:
        """Whether there is no path, so that another issuer might make one. What has expired is not mended by another."""
        try:
            self._finder.find(certificate, chain, at)
        except PathUntrusted:
            return True
        except PathFailure:
            return False
        return False

    async def _issuer(self, call: Call, certificate: bytes) -> bytes | None:
        for url in issuer_urls(read_certificate(certificate)):
            try:
                found = await self._fetched.recall(call, url, lambda url=url: self._load(call, url))  # type: ignore[misc]
                issuer = await asyncio.to_thread(_issuer_among, found, certificate)
            except LinkError as error:
                _log.warning("issuer.not_fetched", transactionId=call.transaction_id, url=url, reason=str(error))
                continue
            if issuer is not None:
                return issuer
        return None

    async def _load(self, call: Call, url: str) -> tuple[tuple[bytes, ...], datetime]:
        async def read(answer: bytes) -> tuple[bytes, ...]:
            return await asyncio.to_thread(_certificates, answer)

        found = await self._fetcher.fetch(call, "aia", url, read, accept=_TYPES, max_bytes=LARGEST_ANSWER)
        return found, self._clock.now() + self._cache_time

    async def close(self) -> None:
        """Close the connections."""
        await self._fetcher.close()


def _certificates(answer: bytes) -> tuple[bytes, ...]:
    """DER of the one certificate, or of those in a CMS message that is there for them (RFC 5280, 4.2.2.1).

    Raises:
        EvidenceRejected: It is neither.
    """
    try:
        read_certificate(answer)
    except ValueError:
        pass  # then it must be the other of the two
    else:
        return (answer,)
    try:
        found = pkcs7.load_der_pkcs7_certificates(answer)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise EvidenceRejected(f"neither a DER certificate nor a CMS message with some: {error}") from error
    return tuple(certificate.public_bytes(Encoding.DER) for certificate in found[:_MOST_CERTIFICATES])


def _issuer_among(candidates: Iterable[bytes], certificate: bytes) -> bytes | None:
    issued = read_certificate(certificate)
    for der in candidates:
        try:
            candidate = read_certificate(der)
        except ValueError:
            continue  # one that cannot be read is no issuer
        if der != certificate and is_ca(candidate) and issued_by(issued, candidate):
            return der
    return None


def _last_known(certificate: bytes, chain: tuple[bytes, ...]) -> bytes:
    """How far up the chain leads from the certificate."""
    last, left = certificate, list(chain)
    while (issuer := _issuer_among(left, last)) is not None:
        left.remove(issuer)
        last = issuer
    return last
