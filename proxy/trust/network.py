"""Revocation data from the network: the OCSP responders and CRL distribution points that a certificate names.

OCSP first, by POST (RFC 6960, appendix A); a CRL (RFC 5280, 4.2.1.13) where there is no responder or none that can be believed.
Only the URLs of a certificate that chains to an anchor are followed, by the rules of :mod:`proxy.trust.fetching`.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

import structlog

from proxy.call import Call
from proxy.errors import RevocationUnavailable, SettingsError
from proxy.model import RevocationInfo
from proxy.outbound import LinkError, Links
from proxy.ports import Clock
from proxy.settings import RevocationSettings
from proxy.trust import ocsp
from proxy.trust.access_points import crl_urls, ocsp_urls
from proxy.trust.certificates import read_certificate, subject
from proxy.trust.crl import VerifiedCRL, read_crl, weight_of
from proxy.trust.failures import EvidenceRejected, PathFailure
from proxy.trust.fetching import Fetcher
from proxy.trust.memory import Memory
from proxy.trust.paths import PathFinder, same_authority

_UNCHANGED = timedelta(days=1)
"""For how long after it was to be got anew a list is recognised, so that one that did not change is not parsed again."""

_LARGEST_RESPONSE = 200_000
"""Bytes of an OCSP response, which brings a few certificates at most."""

_log = structlog.get_logger("proxy.revocation")


@dataclass(frozen=True, slots=True)
class _Heard:
    """A list, and when it was got."""

    revocation_list: VerifiedCRL
    at: datetime


class NetworkRevocationSource:
    """Asks whom the certificate names (:class:`proxy.ports.RevocationSource`). Put a cache in front of it.

    Args:
        settings: Allow-list, anchors of TLS, bounds.
        finder: Decides which certificates' URLs count.
        clock: For how long a CRL is kept.
        connections: How many at a time.
        links: Where the hosts' breakers are; its own alone, if none are given.

    Raises:
        SettingsError: There are no anchors, so that no certificate's URLs may be followed; or a setting cannot be used.
    """

    def __init__(
        self, settings: RevocationSettings, finder: PathFinder, clock: Clock, connections: int, links: Links | None = None
    ) -> None:
        if not finder.anchors:
            raise SettingsError('revocation.source = "network" needs trust.anchors; set it to "off" to sign without checking')
        self._finder = finder
        self._clock = clock
        self._cache_time = timedelta(seconds=settings.cache_seconds)
        self._fetcher = Fetcher("revocation", settings, connections, links)
        self._lists: Memory[tuple[bytes, str], _Heard] = Memory(
            clock,
            settings.crl_memory_bytes,
            weigh=lambda heard: weight_of(heard.revocation_list),
            lingers=_UNCHANGED,
            failures=(LinkError, EvidenceRejected),
        )

    async def revocation(
        self, call: Call, certificate: bytes, issuer: bytes, *, at: datetime, issued_after: datetime | None = None
    ) -> RevocationInfo:
        """See :meth:`proxy.ports.RevocationSource.revocation`; OCSP answers are never older than the question here."""
        del issued_after
        await self._require_path(certificate, issuer, at)
        parsed = read_certificate(certificate)
        sources = [(self._ask_responder, url) for url in ocsp_urls(parsed)]
        sources += [(self._look_up, url) for url in crl_urls(parsed)]
        reasons = []
        retry_after: float | None = None
        while sources:
            ask, url = sources.pop(0)
            try:
                return await ask(call, url, certificate, issuer, at, once=bool(sources))
            except LinkError as error:
                reasons.append(f"{url}: {error}")
                retry_after = error.retry_after if retry_after is None else min(retry_after, error.retry_after or retry_after)
            except EvidenceRejected as error:
                reasons.append(f"{url}: {error}")
        _log.warning("revocation.unavailable", transactionId=call.transaction_id, subject=subject(parsed), reasons=reasons)
        raise RevocationUnavailable(
            f"no revocation data can be had for {subject(parsed)}"
            + ("" if reasons else ": its certificate names neither an OCSP responder nor a CRL that can be asked"),
            retry_after=retry_after,
        )

    async def _require_path(self, certificate: bytes, issuer: bytes, at: datetime) -> None:
        try:
            path = await asyncio.to_thread(self._finder.find, certificate, (issuer,), at)
        except PathFailure as error:
            raise RevocationUnavailable(f"revocation data is asked for trusted certificates only: {error}") from error
        if len(path.certificates) < 2 or not same_authority(path.certificates[1], issuer):
            raise RevocationUnavailable("revocation data is asked of the certificate's own issuer only")

    async def _ask_responder(
        self, call: Call, url: str, certificate: bytes, issuer: bytes, at: datetime, *, once: bool
    ) -> RevocationInfo:
        async def read(response: bytes) -> ocsp.OCSPAnswer:
            return await asyncio.to_thread(ocsp.read_response, response, certificate, issuer)

        answer = await self._fetcher.fetch(
            call,
            "ocsp",
            url,
            read,
            question=ocsp.build_request(certificate, issuer),
            question_type="application/ocsp-request",
            accept="application/ocsp-response",
            max_bytes=_LARGEST_RESPONSE,
            once=once,
        )
        ocsp.check_current(answer, issuer, at)
        return answer.info

    async def _look_up(
        self, call: Call, url: str, certificate: bytes, issuer: bytes, at: datetime, *, once: bool
    ) -> RevocationInfo:
        key = (sha256(issuer).digest(), url)

        async def read(der: bytes) -> VerifiedCRL:
            former = self._lists.last(key)
            if former is not None and former.revocation_list.der == der:
                return former.revocation_list
            return await asyncio.to_thread(read_crl, der, issuer)

        async def load() -> tuple[_Heard, datetime]:
            found = await self._fetcher.fetch(call, "crl", url, read, accept="application/pkix-crl", once=once)
            found.check_current(at)
            now = self._clock.now()
            return _Heard(found, now), min(found.next_update, now + self._cache_time)

        heard = await self._lists.recall(call, key, load)
        heard.revocation_list.check_current(at)
        return replace(await asyncio.to_thread(heard.revocation_list.lookup, certificate), heard=heard.at)

    async def close(self) -> None:
        """Close the connections."""
        await self._fetcher.close()
