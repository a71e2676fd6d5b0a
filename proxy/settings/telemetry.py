"""What the service tells of itself: traces, and metrics in its log. Metrics for Prometheus are on the operators' listener."""

from collections.abc import Mapping

from pydantic import Field, field_validator

from proxy.secrets import SecretReference
from proxy.settings.base import FilePath, PositiveSeconds, Section


class TelemetrySettings(Section):
    """Traces by OpenTelemetry's protocol over HTTP (OTLP), to a collector that the operator names; without one none are made.

    ``traces_url`` is the whole URL (``http://127.0.0.1:4318/v1/traces``), ``headers`` what the collector authenticates by,
    ``ca`` the anchors of its certificate where they are not the system's. ``sample_ratio`` is the share of calls that are
    traced; of a call that comes with a ``traceparent`` its flag decides.

    ``embedded_metrics`` is the namespace of metrics that ride on log lines in CloudWatch's embedded metric format; without one
    there are none. ``gauge_seconds`` is how often gauges are written so.
    """

    traces_url: str | None = None
    headers: Mapping[str, SecretReference] = Field(default_factory=dict)
    ca: FilePath | None = None
    timeout_seconds: PositiveSeconds = 10.0
    sample_ratio: float = Field(1.0, ge=0, le=1)
    embedded_metrics: str | None = Field(None, pattern="^[A-Za-z0-9_/.-]{1,255}$")
    gauge_seconds: PositiveSeconds = 30.0
    service_name: str = Field("hash-signing-proxy", min_length=1, max_length=100)

    @field_validator("traces_url")
    @classmethod
    def _absolute(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError("traces_url is an absolute URL of http or https")
        return url
