"""The connection to S3: its REST API over the proxy's own link, and the one place where its failures are read."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

import structlog

from proxy.aws.failures import ASKED_WITH_OTHER_CREDENTIALS, MOST_WHEN_THROTTLED, OVER, THROTTLED, TRANSIENT
from proxy.aws.signed_link import SignedLink
from proxy.call import Call
from proxy.outbound import Answer, Judgement, LinkError, LinkRefused, Links, judged

DESTINATION = "s3"

_LARGEST_ANSWER = 1_000_000
_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>")

_log = structlog.get_logger("proxy.stores")


class S3Connection:
    """Requests to the buckets of one region.

    Args:
        region: The AWS region.
        setting: Names its endpoint in the settings.
        endpoint_url: Instead of the public one.
        ca: PEM of the anchors of its certificate; the system's where ``None``.
        timeout_seconds: The longest one exchange may take.
        in_flight: How many requests at a time.
        links: Where its breaker is.

    Raises:
        SettingsError: The endpoint is neither ``https`` nor on loopback, the region is unknown, or a file cannot be used.
    """

    def __init__(
        self,
        region: str,
        *,
        setting: str,
        endpoint_url: str | None,
        ca: Path | None,
        timeout_seconds: float,
        in_flight: int,
        links: Links,
    ) -> None:
        self._by_host = endpoint_url is None
        self._link = SignedLink(
            DESTINATION,
            region,
            setting=setting,
            endpoint_url=endpoint_url,
            ca=ca,
            timeout_seconds=timeout_seconds,
            largest_answer=_LARGEST_ANSWER,
            in_flight=in_flight,
            links=links,
            error_code=error_code,
        )

    async def ask(
        self,
        call: Call,
        method: str,
        bucket: str,
        key: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        most_bytes: int | None = None,
        repeatable: bool = True,
    ) -> Answer:
        """Make one request, again where the service says that it could not.

        Args:
            call: Deadline and ledger.
            method: HTTP method.
            bucket: Its name.
            key: The object's.
            query: Sub-resource and parameters.
            body: The request body.
            headers: Signed with the others.
            most_bytes: Bound of the answer's body.
            repeatable: To do it twice is to do it once.

        Raises:
            LinkError: One of its leaves, of the last attempt.
            DeadlineExceeded: The call's time is over.
        """
        url = self._object_url(bucket, key, query)

        async def attempt() -> Answer:
            return await self._link.exchange(call, method, url, body, headers or {}, most_bytes=most_bytes)

        return await self._link.dependency.ask(call, attempt, repeatable=repeatable, judge=_judged)

    def _object_url(self, bucket: str, key: str, query: Mapping[str, str] | None) -> str:
        """Of an object: its bucket is part of the host, or with an endpoint of its own of the path."""
        base = self._link.url.replace("://", f"://{bucket}.", 1) if self._by_host else f"{self._link.url}{bucket}/"
        path = base + quote(key, safe="/-_.~")
        return path if not query else f"{path}?{urlencode(query, quote_via=quote)}"

    async def close(self) -> None:
        """Close the connections."""
        await self._link.close()


def error_code(answer: Answer) -> str:
    """The error's name in an XML body; empty where there is none, as in the answer to a ``HEAD``."""
    found = _CODE.search(answer.body)
    return "" if found is None else found[1].decode("ascii")


def _judged(error: LinkError) -> Judgement:
    """What a failure says, by the service's codes."""
    if not isinstance(error, LinkRefused):
        return judged(error)
    code = error_code(error.answer)
    if code in OVER:
        return ASKED_WITH_OTHER_CREDENTIALS
    if code in THROTTLED or (not code and error.answer.status in {429, 503}):
        return Judgement(works=True, passing=True, undone=True, attempts=MOST_WHEN_THROTTLED)
    fails = code in TRANSIENT or error.answer.status >= 500
    return Judgement(works=not fails, passing=fails, undone=not fails)
