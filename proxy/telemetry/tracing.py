"""Traces by OpenTelemetry: spans are made of a call after it has ended, from what it timed on its way.

W3C Trace Context: a call that comes with a ``traceparent`` belongs to that trace, and what it asks of others names this call as
the parent. The ids are drawn when the call begins, the spans made in the telemetry thread with just those ids.

Imported where traces are wanted alone: the library takes half a second and ten megabytes.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from proxy import __version__
from proxy.call import Call
from proxy.secrets import SecretReference
from proxy.settings import TelemetrySettings

_SAMPLED = 1


class Tracing:
    """Makes spans of ended calls, and gives them to a collector.

    Args:
        settings: Which collector, and how many calls are traced.
        exporter: Instead of the collector.

    Raises:
        SettingsError: A header's secret cannot be read.
    """

    def __init__(self, settings: TelemetrySettings, exporter: SpanExporter | None = None) -> None:
        self._threshold = int(settings.sample_ratio * (1 << 64))
        self._ids = _GivenIds()
        resource = Resource.create({"service.name": settings.service_name, "service.version": __version__})
        # Which calls are traced is decided here: the sampler is only asked for spans that are to be.
        self._provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter or _exporter(settings)))
        self._tracer = self._provider.get_tracer("hash-signing-proxy", __version__)

    def begin(self, traceparent: str | None) -> tuple[str, str | None]:
        """The trace context of a call that begins.

        Args:
            traceparent: What the caller sent, well-formed, if it did.

        Returns:
            The ``traceparent`` to hand on, and the caller's span.
        """
        span_id = f"{secrets.randbits(64) or 1:016x}"
        if traceparent is not None:
            _, theirs, parent, flags = traceparent.split("-")[:4]
            return f"00-{theirs}-{span_id}-{int(flags, 16) & _SAMPLED:02x}", parent
        trace_id = secrets.randbits(128) or 1
        # The part of the id that is random by W3C Trace Context, level 2, decides, so that others decide the same.
        sampled = (trace_id & ((1 << 64) - 1)) < self._threshold
        return f"00-{trace_id:032x}-{span_id}-{int(sampled):02x}", None

    def record(self, call: Call, code: str | None, nanoseconds: int) -> None:
        """Make the spans of a call that took ``nanoseconds``, if it is one of those that are traced."""
        if call.traceparent is None or not int(call.traceparent[-2:], 16) & _SAMPLED:
            return
        _, trace_id, span_id, _ = call.traceparent.split("-")
        origin = _epoch_nanoseconds(call.started)
        parent = None if call.parent_span is None else _context(trace_id, call.parent_span)
        self._ids.give(int(trace_id, 16), int(span_id, 16))
        root = self._tracer.start_span(
            call.operation, context=parent, kind=trace.SpanKind.SERVER, start_time=origin, attributes=_attributes(call, code)
        )
        within = trace.set_span_in_context(root)
        for span in call.spans:
            of_exchange = span.kind == "exchange"
            part = self._tracer.start_span(
                span.name,
                context=within,
                kind=trace.SpanKind.CLIENT if of_exchange else trace.SpanKind.INTERNAL,
                start_time=origin + span.begun,
                attributes={"signproxy.outcome": span.outcome} if of_exchange else None,
            )
            if span.outcome != "ok":
                part.set_status(trace.StatusCode.ERROR, span.outcome)
            part.end(origin + span.ended)
        if code is not None:
            root.set_status(trace.StatusCode.ERROR, code)
        root.end(origin + nanoseconds)

    def close(self) -> None:
        """Give the collector what is still here, and stop."""
        self._provider.shutdown()


class _GivenIds(IdGenerator):
    """OpenTelemetry's generator of ids, which gives those of a call's own span first; all spans are made in one thread."""

    def __init__(self) -> None:
        self._trace_id: int | None = None
        self._span_id: int | None = None

    def give(self, trace_id: int, span_id: int) -> None:
        self._trace_id, self._span_id = trace_id, span_id

    def generate_trace_id(self) -> int:
        given, self._trace_id = self._trace_id, None
        return given or secrets.randbits(128) or 1

    def generate_span_id(self) -> int:
        given, self._span_id = self._span_id, None
        return given or secrets.randbits(64) or 1

    def is_trace_id_random(self) -> bool:
        return True


def _exporter(settings: TelemetrySettings) -> SpanExporter:
    return OTLPSpanExporter(
        endpoint=settings.traces_url,
        certificate_file=_text(settings.ca),
        headers=_read(settings.headers),
        timeout=settings.timeout_seconds,
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _read(headers: Mapping[str, SecretReference]) -> dict[str, str]:
    return {name: reference.read() for name, reference in headers.items()}


def _attributes(call: Call, code: str | None) -> dict[str, str | int]:
    """What a trace says of a call: nothing of its document but its size."""
    facts = call.facts
    told: dict[str, str | int | None] = {
        "signproxy.transaction_id": call.transaction_id,
        "signproxy.client": call.client,
        "signproxy.certificate_id": facts.certificate_id,
        "signproxy.form": facts.form,
        "signproxy.level": facts.level,
        "signproxy.document_bytes": facts.document_bytes,
        "signproxy.code": code,
    }
    return {name: value for name, value in told.items() if value is not None}


def _context(trace_id: str, span_id: str) -> Context:
    """The caller's span, as what ours is in."""
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
    remote = trace.SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(trace.NonRecordingSpan(remote))


def _epoch_nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1_000
