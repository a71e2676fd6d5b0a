"""Metrics by Prometheus' conventions: names with units, counters that only rise. Written by the telemetry thread alone.

==============================================  =========  ==============================================================
name                                            kind       labels
==============================================  =========  ==============================================================
``signproxy_calls_total``                       counter    ``operation``, ``client``, ``code`` (``OK`` or the contract's code)
``signproxy_call_duration_seconds``             histogram  ``operation``
``signproxy_stage_duration_seconds``            histogram  ``operation``, ``stage``
``signproxy_document_bytes_total``              counter    ``operation``
``signproxy_digests_total``                     counter    ``operation``: digests handed to a signer or an authority
``signproxy_exchanges_total``                   counter    ``destination``, ``outcome`` (``ok`` or how it failed)
``signproxy_exchange_duration_seconds``         histogram  ``destination``
``signproxy_exchange_bytes_total``              counter    ``destination``, ``direction`` (``sent``, ``received``), bodies
``signproxy_attempts_repeated_total``           counter    ``destination``
``signproxy_engine_tasks_lost_total``           counter    ``task``, ``cause`` (``died``, ``failed`` or the bound it passed)
``signproxy_…`` gauges                          gauge      what the application watches (:meth:`Metrics.watch`)
==============================================  =========  ==============================================================
"""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from proxy import __version__
from proxy.call import Call

_DURATIONS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Seconds: from one stage of a small document to a call's whole time."""

Readings = Callable[[], Mapping[tuple[str, ...], float]]
"""Values of a gauge as they are, by the values of its labels."""


class Metrics:
    """The metrics of one application, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._watched: dict[str, Readings] = {}
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._calls = self._counter("calls", "Calls that ended, by how.", "operation", "client", "code")
        self._durations = self._histogram("call_duration_seconds", "From admission to record.", "operation")
        self._stages = self._histogram("stage_duration_seconds", "Stages of calls.", "operation", "stage")
        self._document_bytes = self._counter("document_bytes", "Documents received.", "operation")
        self._digests = self._counter("digests", "Digests handed to a signer or an authority.", "operation")
        self._exchanges = self._counter("exchanges", "Exchanges with dependencies, by how.", "destination", "outcome")
        self._exchange_durations = self._histogram("exchange_duration_seconds", "Exchanges with dependencies.", "destination")
        self._exchange_bytes = self._counter("exchange_bytes", "Bodies exchanged.", "destination", "direction")
        self._repeated = self._counter("attempts_repeated", "Attempts that failed and were made again.", "destination")
        self._lost = self._counter("engine_tasks_lost", "Tasks that an engine process gave no answer to.", "task", "cause")
        self.watch("build_info", "The running version.", ("version",), lambda: {(__version__,): 1.0})

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"signproxy_{name}", text, labels, registry=self._registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(f"signproxy_{name}", text, labels, registry=self._registry, buckets=_DURATIONS)

    def watch(self, name: str, text: str, labels: tuple[str, ...], readings: Readings) -> None:
        """Have a gauge ``signproxy_{name}`` read when metrics are asked for.

        Args:
            name: Ends with its unit, where it has one.
            text: What it says.
            labels: Names of its labels.
            readings: Its values then.
        """
        self._watched[name] = readings
        self._registry.register(_Watched(f"signproxy_{name}", text, labels, readings))

    def read(self, name: str) -> Mapping[tuple[str, ...], float]:
        """A gauge's values as they are; none for one that is not watched."""
        return self._watched[name]() if name in self._watched else {}

    def count_repeated(self, destination: str) -> None:
        """Count an attempt that failed and is made again."""
        self._repeated.labels(destination).inc()

    def count_lost(self, task: str, cause: str) -> None:
        """Count a task that an engine process gave no answer to."""
        self._lost.labels(task, cause).inc()

    def count(self, call: Call, code: str | None, seconds: float) -> None:
        """Count one ended call, its stages and its exchanges."""
        operation = call.operation
        self._calls.labels(operation, call.client, code or "OK").inc()
        self._durations.labels(operation).observe(seconds)
        if call.facts.document_bytes is not None:
            self._document_bytes.labels(operation).inc(call.facts.document_bytes)
        if call.facts.digests:
            self._digests.labels(operation).inc(len(call.facts.digests))
        for span in call.spans:
            took = (span.ended - span.begun) / 1e9
            if span.kind == "stage":
                self._stages.labels(operation, span.name).observe(took)
            elif span.counted:
                self._exchange_durations.labels(span.name).observe(took)
                self._exchanges.labels(span.name, span.outcome).inc()
        for exchange in call.ledger.exchanges:
            self._exchange_bytes.labels(exchange.destination, "sent").inc(float(exchange.sent * exchange.share))
            self._exchange_bytes.labels(exchange.destination, "received").inc(float(exchange.received * exchange.share))

    def text(self, accept: str) -> tuple[bytes, str]:
        """All metrics, in the exposition format that ``accept`` prefers, and its media type."""
        encoder, media_type = choose_encoder(accept)
        return encoder(self._registry), media_type


class _Watched(Collector):
    """A gauge whose values are read when they are asked for."""

    def __init__(self, name: str, text: str, labels: tuple[str, ...], readings: Readings) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._readings = readings

    def describe(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(self._name, self._text, labels=self._labels)

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(self._name, self._text, labels=self._labels)
        for labels, value in self._readings().items():
            family.add_metric(labels, value)
        yield family
