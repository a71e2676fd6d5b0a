"""A link to one AWS service in one region whose requests are signed, whatever protocol they speak.

The link gives what the SDK's client does not: the call's deadline down to the last byte, the ledger, one bound of connections,
and no thread that outlives its call (docs/adr/0012).
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from proxy.aws.endpoints import checked_endpoint
from proxy.aws.failures import OVER
from proxy.call import Call
from proxy.outbound import Answer, Dependency, Link, LinkRefused, Links


class SignedLink:
    """Requests to one service.

    Args:
        service: As in its host name, and on the ledger.
        region: The AWS region.
        setting: Names its endpoint in the settings.
        endpoint_url: Instead of the public one.
        ca: PEM of the anchors of its certificate; the system's where ``None``.
        timeout_seconds: The longest one exchange may take.
        largest_answer: The longest body, in bytes.
        in_flight: How many requests at a time.
        links: Where its breaker is.
        error_code: The name of an error in an answer, by the service's protocol.

    Attributes:
        url: Of its endpoint, with a slash at its end.
        dependency: Its breaker.

    Raises:
        SettingsError: The endpoint is neither ``https`` nor on loopback, the region is unknown, or a file cannot be used.
    """

    def __init__(
        self,
        service: str,
        region: str,
        *,
        setting: str,
        endpoint_url: str | None,
        ca: Path | None,
        timeout_seconds: float,
        largest_answer: int,
        in_flight: int,
        links: Links,
        error_code: Callable[[Answer], str],
    ) -> None:
        # Importing botocore takes half a second, which only those wait for who use it.
        from proxy.aws.authorization import AWSAuthorization

        self._authorization = AWSAuthorization(service, region)
        self.url = checked_endpoint(setting, endpoint_url or self._authorization.endpoint_url())
        self._error_code = error_code
        self._link = Link(
            service,
            timeout_seconds=timeout_seconds,
            max_response_bytes=largest_answer,
            connections=in_flight,
            tls=links.tls(service, ca),
        )
        self.dependency: Dependency = links.dependency(service)

    async def exchange(
        self,
        call: Call,
        method: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        most_bytes: int | None = None,
    ) -> Answer:
        """One attempt at a request, for :meth:`proxy.outbound.Dependency.ask` to make.

        Args:
            call: Deadline and ledger.
            method: HTTP method.
            url: Absolute, percent-encoded where it must be.
            body: The request body.
            headers: Signed with the others.
            most_bytes: Bound of the answer's body, where not the usual one.

        Raises:
            LinkError: One of its leaves. Credentials that are over are looked for anew by the next attempt.
            DeadlineExceeded: The call's time is over.
        """
        signed = await self._authorization.headers(call, url, body, headers, method=method)
        try:
            return await self._link.exchange(call, method, url, body=body, more_headers=signed, max_response_bytes=most_bytes)
        except LinkRefused as error:
            if self._error_code(error.answer) in OVER:
                self._authorization.forget()
            raise

    async def close(self) -> None:
        """Close the connections."""
        await self._authorization.close()
        await self._link.close()
