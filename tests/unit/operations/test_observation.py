"""Gauges of what an application stands on, read and written."""

import asyncio
from datetime import timedelta
from typing import cast

import pytest

from proxy.call import Call
from proxy.errors import SignerUnavailable
from proxy.model import BreakerState, Credential, LinkState
from proxy.operations.observation import Observation
from proxy.settings import TelemetrySettings
from proxy.signers.registry import SignerRegistry
from proxy.telemetry.recorder import Telemetry
from proxy.trust.certificates import read_certificate
from tests.support.keys import rsa_key, self_signed
from tests.support.pki import FixedClock

CERTIFICATE = self_signed(rsa_key())
END = read_certificate(CERTIFICATE).not_valid_after_utc


class Registry:
    """One certificate, unless it cannot be had."""

    failing = False

    async def list_credentials(self, call: Call) -> tuple[Credential, ...]:
        if self.failing:
            raise SignerUnavailable("it is gone")
        return (Credential("seal", CERTIFICATE, (), (), (), "central"),)


async def test_certificates_and_breakers_are_among_the_metrics() -> None:
    telemetry, registry = Telemetry(None), Registry()
    links = (LinkState("central", BreakerState.OPEN), LinkState("tsa:a", BreakerState.CLOSED))
    clock = FixedClock(END - timedelta(days=10))
    observation = Observation(telemetry, cast(SignerRegistry, registry), lambda: links, clock)
    try:
        text = (await telemetry.scrape(""))[0].decode()
        end = f"{END.timestamp():.0f}"
        line = next(line for line in text.splitlines() if line.startswith("signproxy_certificate_not_after"))
        assert line.startswith('signproxy_certificate_not_after_timestamp_seconds{backend="central",certificate_id="seal"} ')
        assert f"{float(line.split()[1]):.0f}" == end
        assert 'signproxy_breaker_open{destination="central"} 1.0' in text
        assert 'signproxy_breaker_open{destination="tsa:a"} 0.0' in text
        registry.failing = True
        assert line in (await telemetry.scrape(""))[0].decode(), "the last state stays"
        telemetry.metrics.watch("requests", "Requests.", ("state",), lambda: {("working",): 3.0, ("waiting",): 2.0})
        assert observation.gauges() == {
            "RequestsWorking": 3.0,
            "RequestsWaiting": 2.0,
            "BreakersOpen": 1.0,
            "CertificateDaysLeft": 10.0,
        }
    finally:
        await telemetry.close()


async def test_gauges_are_written_where_a_namespace_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry = Telemetry(None)
    observation = Observation(telemetry, cast(SignerRegistry, Registry()), lambda: (), FixedClock(END))
    settings = TelemetrySettings(embedded_metrics="SigningProxy", gauge_seconds=0.01)
    written = ""
    try:
        async with observation.written(settings), asyncio.timeout(10):
            while written.count("service.gauges") < 2:
                await asyncio.sleep(0.01)
                written += "".join(capsys.readouterr())
        async with observation.written(TelemetrySettings()):
            await asyncio.sleep(0.02)
    finally:
        await telemetry.close()
    assert "CertificateDaysLeft" in written
    assert "service.gauges" not in "".join(capsys.readouterr())
