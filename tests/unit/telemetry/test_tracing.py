"""Traces of ended calls, given to a collector over HTTP (OTLP) and read there."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from proxy.call import Call
from proxy.settings import TelemetrySettings
from proxy.telemetry.recorder import Telemetry
from proxy.telemetry.tracing import Tracing
from tests.support.pki import NOW, new_call

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
SAMPLED = f"00-{TRACE}-{CALLER}-01"


@dataclass
class Collector:
    """What came, and with which headers."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def named(self, name: str) -> Span:
        (found,) = (span for span in self.spans if span.name == name)
        return found


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    collector = Collector()

    async def take(request: web.Request) -> web.Response:
        message = ExportTraceServiceRequest.FromString(await request.read())
        for resource in message.resource_spans:
            for scope in resource.scope_spans:
                collector.spans.extend(scope.spans)
        collector.headers.append({name.lower(): value for name, value in request.headers.items()})
        return web.Response(content_type="application/x-protobuf")

    application = web.Application()
    application.router.add_post("/v1/traces", take)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    collector.url = f"http://127.0.0.1:{site.port}/v1/traces"
    try:
        yield collector
    finally:
        await runner.cleanup()


async def open_telemetry(**settings: object) -> Telemetry:
    return Telemetry(await asyncio.to_thread(Tracing, TelemetrySettings.model_validate(settings)))


def begun(telemetry: Telemetry, sent: str | None) -> Call:
    call = new_call()
    call.traceparent, call.parent_span = telemetry.begin(sent)
    return call


async def test_a_call_is_a_span_in_the_callers_trace_with_its_parts_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTOR_TOKEN", "token-1")
    async with collecting() as collector:
        telemetry = await open_telemetry(traces_url=collector.url, headers={"x-token": "env:COLLECTOR_TOKEN"})
        call = begun(telemetry, SAMPLED)
        call.facts.document_bytes = 1000
        with call.stage("sign"), call.exchange("central"):
            pass
        with pytest.raises(ConnectionError), call.exchange("tsa"):
            raise ConnectionError
        telemetry.call_ended(call, "TSA_UNAVAILABLE")
        await telemetry.close()
    root, stage, exchange, failed = (collector.named(name) for name in ("es", "sign", "central", "tsa"))
    assert call.traceparent is not None
    assert call.traceparent == f"00-{TRACE}-{root.span_id.hex()}-01"
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}
    assert root.parent_span_id.hex() == CALLER
    assert {part.parent_span_id for part in (stage, exchange, failed)} == {root.span_id}
    assert (root.kind, stage.kind, exchange.kind) == (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_INTERNAL, Span.SPAN_KIND_CLIENT)
    assert root.start_time_unix_nano == int(NOW.timestamp()) * 10**9
    assert stage.end_time_unix_nano - stage.start_time_unix_nano == call.spans[1].ended - call.spans[1].begun
    assert all(root.start_time_unix_nano <= part.end_time_unix_nano <= root.end_time_unix_nano for part in (stage, failed))
    assert (root.status.code, root.status.message) == (Status.STATUS_CODE_ERROR, "TSA_UNAVAILABLE")
    assert (failed.status.code, exchange.status.code) == (Status.STATUS_CODE_ERROR, Status.STATUS_CODE_UNSET)
    told = {entry.key: entry.value for entry in root.attributes}
    assert told["signproxy.transaction_id"].string_value == call.transaction_id
    assert told["signproxy.document_bytes"].int_value == 1000
    assert collector.headers[0]["x-token"] == "token-1"


async def test_calls_without_a_trace_get_one_each() -> None:
    async with collecting() as collector:
        telemetry = await open_telemetry(traces_url=collector.url)
        calls = [begun(telemetry, None) for _ in range(2)]
        for call in calls:
            telemetry.call_ended(call, None)
        await telemetry.close()
    assert {f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01" for span in collector.spans} == {
        call.traceparent for call in calls
    }
    assert len({span.trace_id for span in collector.spans}) == 2
    assert {span.parent_span_id for span in collector.spans} == {b""}


@pytest.mark.parametrize(("sent", "ratio"), [(SAMPLED[:-1] + "0", 1.0), (None, 0.0)])
async def test_what_is_not_to_be_traced_is_not_but_hands_its_trace_on(sent: str | None, ratio: float) -> None:
    async with collecting() as collector:
        telemetry = await open_telemetry(traces_url=collector.url, sample_ratio=ratio)
        call = begun(telemetry, sent)
        telemetry.call_ended(call, None)
        await telemetry.close()
    assert collector.spans == []
    assert call.traceparent is not None
    assert call.traceparent.endswith("-00")
    assert CALLER not in call.traceparent


async def test_a_collector_that_is_not_there_holds_nothing_up(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        telemetry = await open_telemetry(traces_url=f"http://127.0.0.1:{port}/v1/traces", timeout_seconds=0.2)
        telemetry.call_ended(begun(telemetry, None), None)
        async with asyncio.timeout(10):
            await telemetry.close()
    assert b'code="OK"' in telemetry.metrics.text("")[0]
