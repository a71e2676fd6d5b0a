"""What is watched while the service runs, beyond calls: how long the signing certificates last, what the links are like.

Gauges of them are among the metrics; for CloudWatch they are written into the log now and then.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

import structlog

from proxy.call import Call, Deadline
from proxy.errors import ProxyError
from proxy.model import BreakerState, LinkState
from proxy.ports import Clock
from proxy.settings import TelemetrySettings
from proxy.signers.registry import SignerRegistry
from proxy.telemetry.embedded import of_gauges
from proxy.telemetry.recorder import Telemetry
from proxy.trust.certificates import read_certificate

_SECONDS = 5.0
"""How long the backends may take to tell their certificates; a scrape waits for them."""

_DAY = 86_400.0

_log = structlog.get_logger("proxy.operations")


class Observation:
    """Gauges of what an application stands on.

    Args:
        telemetry: Has them read.
        registry: Whose certificates.
        links: How every destination is doing.
        clock: Now.
    """

    def __init__(
        self, telemetry: Telemetry, registry: SignerRegistry, links: Callable[[], tuple[LinkState, ...]], clock: Clock
    ) -> None:
        self._telemetry = telemetry
        self._registry = registry
        self._links = links
        self._clock = clock
        self._ends: dict[tuple[str, ...], datetime] = {}
        telemetry.before_each_scrape(self.refresh)
        telemetry.metrics.watch(
            "certificate_not_after_timestamp_seconds",
            "End of validity of the signing certificates.",
            ("certificate_id", "backend"),
            self._certificates,
        )
        telemetry.metrics.watch(
            "breaker_open", "Whether a destination is not asked because it kept failing.", ("destination",), self._breakers
        )

    async def refresh(self) -> None:
        """Ask for the certificates; the backends remember them for a while. What fails leaves the last state."""
        call = Call(str(uuid.uuid4()), "", "expiry", self._clock.now(), Deadline.after(_SECONDS))
        try:
            async with call.deadline.enforce():
                credentials = await self._registry.list_credentials(call)
        except ProxyError as error:
            _log.warning("observation.no_certificates", code=error.code, detail=error.detail)
            return
        self._ends = {
            (one.certificate_id, one.backend): read_certificate(one.certificate).not_valid_after_utc for one in credentials
        }

    def _certificates(self) -> Mapping[tuple[str, ...], float]:
        return {labels: end.timestamp() for labels, end in self._ends.items()}

    def _breakers(self) -> Mapping[tuple[str, ...], float]:
        return {(link.name,): float(link.state is not BreakerState.CLOSED) for link in self._links()}

    def gauges(self) -> dict[str, float]:
        """The gauges that alarms stand on, by their names in CloudWatch."""
        requests = self._telemetry.metrics.read("requests")
        found = {
            "RequestsWorking": requests.get(("working",), 0.0),
            "RequestsWaiting": requests.get(("waiting",), 0.0),
            "BreakersOpen": sum(self._breakers().values()),
        }
        if self._ends:
            left = min(self._ends.values()) - self._clock.now()
            found["CertificateDaysLeft"] = round(left.total_seconds() / _DAY, 2)
        return found

    @asynccontextmanager
    async def written(self, settings: TelemetrySettings) -> AsyncIterator[None]:
        """Write the gauges into the log while the body runs, if the settings name a namespace for them."""
        writing = None
        if settings.embedded_metrics is not None:
            writing = asyncio.create_task(self._write(settings.embedded_metrics, settings.gauge_seconds))
        try:
            yield
        finally:
            if writing is not None:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)

    async def _write(self, namespace: str, seconds: float) -> None:
        while True:
            await self.refresh()
            _log.info("service.gauges", **of_gauges(namespace, self.gauges(), self._clock.now()))
            await asyncio.sleep(seconds)
