"""Metrics of ended calls, as Prometheus reads them."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from proxy.call import Call
from proxy.telemetry.recorder import Telemetry
from tests.support.pki import new_call

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest_asyncio.fixture
async def telemetry() -> AsyncIterator[Telemetry]:
    made = Telemetry(None)
    yield made
    await made.close()


async def samples(telemetry: Telemetry) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text, _ = await telemetry.scrape("")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


async def test_a_call_counts_with_its_stages_its_exchanges_and_what_left(telemetry: Telemetry) -> None:
    call = new_call()
    call.facts.document_bytes, call.facts.digests = 1000, ["00"]
    with call.stage("sign"), call.exchange("central"):
        call.ledger.record("central", b"12345", 678)
    with pytest.raises(ConnectionError), call.exchange("tsa"):
        raise ConnectionError
    telemetry.call_ended(call, None)
    failed = new_call()
    telemetry.call_ended(failed, "TSA_UNAVAILABLE")
    found = await samples(telemetry)

    def value(name: str, **labels: str) -> float:
        return found[f"signproxy_{name}", tuple(sorted(labels.items()))]

    assert value("calls_total", operation="es", client="tests", code="OK") == 1
    assert value("calls_total", operation="es", client="tests", code="TSA_UNAVAILABLE") == 1
    assert value("call_duration_seconds_count", operation="es") == 2
    assert value("stage_duration_seconds_count", operation="es", stage="sign") == 1
    assert value("exchanges_total", destination="central", outcome="ok") == 1
    assert value("exchanges_total", destination="tsa", outcome="ConnectionError") == 1
    assert value("exchange_bytes_total", destination="central", direction="sent") == 5
    assert value("exchange_bytes_total", destination="central", direction="received") == 678
    assert value("document_bytes_total", operation="es") == 1000
    assert value("digests_total", operation="es") == 1


async def test_an_exchange_for_several_calls_counts_once_and_its_bytes_by_share(telemetry: Telemetry) -> None:
    calls = [new_call() for _ in range(3)]
    several = Call.for_several(calls)
    with several.stage("sign"), several.exchange("central"):
        several.ledger.record("central", bytes(100), 700)
    for call, own, counted in zip(calls, (1, 1, 2), (True, False, False), strict=True):
        call.take_over(several, digests=4, own_digests=own, counted=counted)
        telemetry.call_ended(call, None)
    found = await samples(telemetry)
    where = ("destination", "central")
    assert found["signproxy_exchanges_total", (where, ("outcome", "ok"))] == 1
    assert found["signproxy_exchange_duration_seconds_count", (where,)] == 1
    assert found["signproxy_exchange_bytes_total", (where, ("direction", "sent"))] == 100
    assert found["signproxy_exchange_bytes_total", (where, ("direction", "received"))] == 700
    assert found["signproxy_stage_duration_seconds_count", (("operation", "es"), ("stage", "sign"))] == 3


async def test_a_task_that_gave_no_answer_counts_by_why(telemetry: Telemetry) -> None:
    for cause in ("died", "memory", "died"):
        telemetry.task_lost("pades.examine_document", cause)
    found = await samples(telemetry)
    task = ("task", "pades.examine_document")
    assert found["signproxy_engine_tasks_lost_total", (("cause", "died"), task)] == 2
    assert found["signproxy_engine_tasks_lost_total", (("cause", "memory"), task)] == 1


async def test_durations_are_in_seconds(telemetry: Telemetry) -> None:
    call = new_call()
    with call.stage("upload"):
        pass
    span = call.spans[0]
    telemetry.call_ended(call, None)
    found = await samples(telemetry)
    told = found["signproxy_stage_duration_seconds_sum", (("operation", "es"), ("stage", "upload"))]
    assert told == pytest.approx((span.ended - span.begun) / 1e9)


async def test_a_gauge_is_read_when_it_is_asked_for_and_brought_up_to_date_before(telemetry: Telemetry) -> None:
    waiting: dict[tuple[str, ...], float] = {("slots",): 1.0}

    async def refresh() -> None:
        waiting["slots",] += 1

    telemetry.before_each_scrape(refresh)
    telemetry.metrics.watch("requests", "Requests.", ("state",), lambda: waiting)
    assert (await samples(telemetry))["signproxy_requests", (("state", "slots"),)] == 2
    assert (await samples(telemetry))["signproxy_requests", (("state", "slots"),)] == 3


async def test_openmetrics_for_who_asks_for_it(telemetry: Telemetry) -> None:
    text, media_type = await telemetry.scrape(OPENMETRICS)
    assert media_type.startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")
    assert (await telemetry.scrape("*/*"))[1].startswith("text/plain")


async def test_a_call_that_cannot_be_counted_stops_nothing(telemetry: Telemetry, capsys: pytest.CaptureFixture[str]) -> None:
    broken = new_call()
    broken.spans = None  # type: ignore[assignment]  # as no call is
    telemetry.call_ended(broken, None)
    telemetry.call_ended(new_call(), None)
    found = await samples(telemetry)
    assert found["signproxy_call_duration_seconds_count", (("operation", "es"),)] == 2
    assert "telemetry.call_not_counted" in "".join(capsys.readouterr())


async def test_closing_counts_what_is_in_line() -> None:
    telemetry = Telemetry(None)
    for _ in range(100):
        telemetry.call_ended(new_call(), None)
    await telemetry.close()
    text, _ = await asyncio.to_thread(telemetry.metrics.text, "")
    assert b'signproxy_call_duration_seconds_count{operation="es"} 100.0' in text
