"""Revocation data from the network: the OCSP responders and CRL distribution points that a certificate names.

OCSP first, by POST (RFC 6960, appendix A); a CRL (RFC 5280, 4.2.1.13) where there is no responder or none that can be believed.
URLs are taken only from a certificate that chains to an anchor, and lead only where :mod:`proxy.trust.reach` permits.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256

import structlog
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from proxy.call import Call
from proxy.errors import RevocationUnavailable, SettingsError
from proxy.model import RevocationInfo
from proxy.outbound import Answer, Link, LinkError, Links, origin
from proxy.ports import Clock
from proxy.settings import RevocationSettings
from proxy.trust import ocsp
from proxy.trust.certificates import read_certificate, subject
from proxy.trust.crl import VerifiedCRL, read_crl
from proxy.trust.failures import EvidenceRejected, PathFailure
from proxy.trust.memory import Memory
from proxy.trust.paths import PathFinder, same_authority
from proxy.trust.reach import address_policy

_MOST_URLS = 3
_REMEMBERED_CRLS = 64

_log = structlog.get_logger("proxy.revocation")


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
        self._links = links or Links()
        self._link = Link(
            "revocation",
            timeout_seconds=settings.timeout_seconds,
            max_response_bytes=settings.max_bytes,
            connections=connections,
            tls=self._links.tls("revocation", settings.ca),
            address_policy=address_policy(settings.allow),
        )
        self._lists: Memory[tuple[bytes, str], VerifiedCRL] = Memory(
            clock, _REMEMBERED_CRLS, failures=(LinkError, EvidenceRejected)
        )

    async def revocation(
        self, call: Call, certificate: bytes, issuer: bytes, *, at: datetime, issued_after: datetime | None = None
    ) -> RevocationInfo:
        """See :meth:`proxy.ports.RevocationSource.revocation`; OCSP answers are never older than the question here."""
        del issued_after
        await self._require_path(certificate, issuer, at)
        parsed = read_certificate(certificate)
        sources = [(self._ask_responder, url) for url in _ocsp_urls(parsed)]
        sources += [(self._look_up, url) for url in _crl_urls(parsed)]
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
        async def attempt() -> Answer:
            return await self._link.exchange(
                call,
                "POST",
                url,
                body=ocsp.build_request(certificate, issuer),
                content_type="application/ocsp-request",
                accept="application/ocsp-response",
                destination=host.name,
            )

        host = self._links.host(_destination("ocsp", url))
        answer = await host.ask(call, attempt, repeatable=True, once=once)
        return await asyncio.to_thread(ocsp.check_response, answer.body, certificate, issuer, at)

    async def _look_up(
        self, call: Call, url: str, certificate: bytes, issuer: bytes, at: datetime, *, once: bool
    ) -> RevocationInfo:
        async def attempt() -> Answer:
            return await self._link.exchange(call, "GET", url, accept="application/pkix-crl", destination=host.name)

        async def load() -> tuple[VerifiedCRL, datetime]:
            answer = await host.ask(call, attempt, repeatable=True, once=once)
            found = await asyncio.to_thread(read_crl, answer.body, issuer)
            found.check_current(at)
            return found, min(found.next_update, self._clock.now() + self._cache_time)

        host = self._links.host(_destination("crl", url))
        revocation_list = await self._lists.recall(call, (sha256(issuer).digest(), url), load)
        revocation_list.check_current(at)
        return await asyncio.to_thread(revocation_list.lookup, certificate)

    async def close(self) -> None:
        """Close the connections."""
        await self._link.close()


def _ocsp_urls(certificate: x509.Certificate) -> list[str]:
    """RFC 5280, 4.2.2.1."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return []
    return _usable(entry.access_location for entry in access if entry.access_method == AuthorityInformationAccessOID.OCSP)


def _crl_urls(certificate: x509.Certificate) -> list[str]:
    """RFC 5280, 4.2.1.13: points of this issuer's full lists."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return []
    return _usable(
        name for point in points if point.reasons is None and point.crl_issuer is None for name in point.full_name or ()
    )


def _usable(names: Iterable[x509.GeneralName]) -> list[str]:
    urls = []
    for name in names:
        if isinstance(name, x509.UniformResourceIdentifier):
            try:
                origin(name.value)
            except ValueError:
                continue  # ldap: and the like are common beside http:
            urls.append(name.value)
    return urls[:_MOST_URLS]


def _destination(kind: str, url: str) -> str:
    _, host, port = origin(url)
    return f"{kind}:{host}:{port}"
