"""Fetching what certificates point to, by the rules of docs/trust.md: an OCSP answer, a CRL, an issuer's certificate.

The one link that leads where a certificate says and not where the operator does. Addresses are judged by
:mod:`proxy.trust.reach` before each connection; nothing is followed, decoded, or read beyond its bounds.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from proxy.call import Call
from proxy.outbound import Judgement, Link, LinkError, Links, LinkUntrue, judged, origin
from proxy.settings import RevocationSettings
from proxy.trust.failures import EvidenceRejected, NothingToSay
from proxy.trust.reach import address_policy

_T = TypeVar("_T")


class Fetcher:
    """Asks hosts that certificates name. Whose certificates these may be is for the caller to know.

    Args:
        name: What for, in words of operators.
        settings: Allow-list, anchors of TLS, bounds.
        connections: How many at a time.
        links: Where the hosts' breakers are; its own alone, if none are given.

    Raises:
        SettingsError: The allow-list or the anchors cannot be used.
    """

    def __init__(self, name: str, settings: RevocationSettings, connections: int, links: Links | None = None) -> None:
        self._links = links or Links()
        self._max_bytes = settings.max_bytes
        self._link = Link(
            name,
            timeout_seconds=settings.timeout_seconds,
            max_response_bytes=settings.max_bytes,
            connections=connections,
            tls=self._links.tls(name, settings.ca),
            address_policy=address_policy(settings.allow),
        )

    async def fetch(
        self,
        call: Call,
        kind: str,
        url: str,
        read: Callable[[bytes], Awaitable[_T]],
        *,
        accept: str,
        question: bytes = b"",
        question_type: str | None = None,
        max_bytes: int | None = None,
        once: bool = False,
    ) -> _T:
        """GET what is there, or POST a question.

        Args:
            call: Deadline and ledger.
            kind: What is asked for: ``ocsp``, ``crl``, ``aia``. With host and port it names the destination on the ledger.
            url: One that :func:`proxy.trust.access_points.is_usable` lets pass.
            read: Makes of the answer what it is to be, or raises EvidenceRejected; a host whose answers are none is left alone.
            accept: Media type of the answer.
            question: What is sent, if anything.
            question_type: Its media type.
            max_bytes: The largest answer, where that is less than the settings'.
            once: Make no second attempt: there is another place to ask.

        Raises:
            LinkError: One of its leaves; ``LinkUntrue`` where the answer was rejected.
            DeadlineExceeded: The call's time is over.
        """
        _, host, port = origin(url)
        dependency = self._links.passing(f"{kind}:{host}:{port}")

        async def attempt() -> _T:
            answer = await self._link.exchange(
                call,
                "POST" if question else "GET",
                url,
                body=question,
                content_type=question_type,
                accept=accept,
                destination=dependency.name,
                max_response_bytes=min(max_bytes or self._max_bytes, self._max_bytes),
            )
            try:
                return await read(answer.body)
            except EvidenceRejected as error:
                raise LinkUntrue(error) from error

        return await dependency.ask(call, attempt, repeatable=True, once=once, judge=_judged)

    async def close(self) -> None:
        """Close the connections."""
        await self._link.close()


def _judged(error: LinkError) -> Judgement:
    """To have nothing to say is an answer."""
    if isinstance(error, LinkUntrue) and isinstance(error.reason, NothingToSay):
        return Judgement(works=True, passing=False, undone=True)
    return judged(error)
