"""A JSON API of AWS over the proxy's own link: KMS, DynamoDB. An action is a POST with its name in a header (AWS JSON)."""

from dataclasses import dataclass
from pathlib import Path

from proxy.aws.failures import error_code
from proxy.aws.signed_link import SignedLink
from proxy.call import Call
from proxy.outbound import Links


@dataclass(frozen=True, slots=True)
class Service:
    """Which API it is.

    Attributes:
        name: As in its host name, and on the ledger.
        target: What stands before an action's name in ``X-Amz-Target``.
        version: Of the protocol, as in its media type.
        setting: Names its endpoint in the settings.
        largest_answer: The longest body, in bytes.
    """

    name: str
    target: str
    version: str
    setting: str
    largest_answer: int


class JSONAPI:
    """Requests to one service in one region.

    Args:
        service: Which one.
        region: The AWS region.
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
        service: Service,
        region: str,
        *,
        endpoint_url: str | None,
        ca: Path | None,
        timeout_seconds: float,
        in_flight: int,
        links: Links,
    ) -> None:
        self._target = service.target
        self._content_type = f"application/x-amz-json-{service.version}"
        self._link = SignedLink(
            service.name,
            region,
            setting=service.setting,
            endpoint_url=endpoint_url,
            ca=ca,
            timeout_seconds=timeout_seconds,
            largest_answer=service.largest_answer,
            in_flight=in_flight,
            links=links,
            error_code=error_code,
        )
        self.url = self._link.url
        self.dependency = self._link.dependency

    async def exchange(self, call: Call, action: str, body: bytes) -> bytes:
        """One attempt at an action, for :meth:`proxy.outbound.Dependency.ask` to make. Gives the answer's body.

        Raises:
            LinkError: One of its leaves. Credentials that are over are looked for anew by the next attempt.
            DeadlineExceeded: The call's time is over.
        """
        target = {"Content-Type": self._content_type, "X-Amz-Target": f"{self._target}.{action}"}
        return (await self._link.exchange(call, "POST", self.url, body, target)).body

    async def close(self) -> None:
        """Close the connections."""
        await self._link.close()
