"""The service itself: where it listens, its limits, its engine processes, its spool, its log."""

from typing import Literal

from pydantic import AwareDatetime, Field, model_validator

from proxy.settings.base import FilePath, PositiveSeconds, Section


class ListenerSettings(Section):
    """Where the service listens and how callers prove who they are.

    ``mode``: ``mutual-tls`` terminates TLS here; ``load-balancer`` takes the client certificate from the headers of an AWS
    Application Load Balancer, from ``trusted_addresses`` alone. ``certificate_header`` says which one, by the load balancer's
    mutual TLS mode: ``leaf`` (verify) or ``chain`` (pass-through, verified here). The other header is never looked at: a load
    balancer may pass on one that a caller made up.
    """

    host: str = "0.0.0.0"  # noqa: S104 - a container's service port; the security group decides who reaches it
    port: int = Field(8443, ge=0, le=65_535)
    mode: Literal["mutual-tls", "load-balancer"] = "mutual-tls"
    certificate: FilePath | None = None
    key: FilePath | None = None
    client_ca: FilePath | None = None
    client_crl: FilePath | None = None
    trusted_addresses: tuple[str, ...] = ()
    certificate_header: Literal["leaf", "chain"] = "leaf"

    @model_validator(mode="after")
    def _complete(self) -> "ListenerSettings":
        if self.mode == "mutual-tls" and (self.certificate is None or self.key is None or self.client_ca is None):
            raise ValueError("mutual-tls needs certificate, key and client_ca")
        if self.mode == "load-balancer" and (not self.trusted_addresses or self.client_ca is None):
            raise ValueError("load-balancer needs trusted_addresses and client_ca")
        return self


class AdminSettings(Section):
    """The listener of the operations' side: health by dependency. Loopback unless set otherwise."""

    host: str = "127.0.0.1"
    port: int | None = Field(None, ge=0, le=65_535)


class LimitSettings(Section):
    """Bounds on what callers may send and how much is done at a time. Sizes in bytes, times in seconds.

    ``coalesce_milliseconds``: how long a digest may wait for others that can go to the signer with it, while the signer is at
    work for the same client and certificate; 0 sends each alone.
    """

    document_bytes: int = Field(200_000_000, ge=1)
    json_body_bytes: int = Field(60_000_000, ge=1)
    parameter_bytes: int = Field(65_536, ge=1)
    seal_image_bytes: int = Field(2_000_000, ge=1)
    requests_in_flight: int = Field(30, ge=1)
    upstream_in_flight: int = Field(30, ge=1)
    coalesce_milliseconds: float = Field(5.0, ge=0, le=1000)
    queue: int = Field(256, ge=0)
    queue_seconds: PositiveSeconds = 30.0
    per_client: int = Field(300, ge=1)
    request_seconds: PositiveSeconds = 120.0
    upload_stall_seconds: PositiveSeconds = 30.0
    shutdown_seconds: PositiveSeconds = 25.0


class EngineSettings(Section):
    """The processes that parse documents. ``processes`` 0 means one a CPU.

    ``cpu_seconds`` and ``wall_seconds`` bound the reading of a document as it came. A hostile one is to have its answer within
    ten seconds, its upload included.
    """

    processes: int = Field(0, ge=0, le=64)
    cpu_seconds: PositiveSeconds = 6.0
    wall_seconds: PositiveSeconds = 7.0
    memory_bytes: int = Field(1_500_000_000, ge=200_000_000)


class SpoolSettings(Section):
    """Where documents lie while they are worked on."""

    directory: FilePath | None = None


class MaintenanceSettings(Section):
    """This proxy's own announced maintenance; from ``starts`` to ``ends`` operations answer ``MAINTENANCE``.

    ``file``: while it is there, it says so instead, for a service that is not to be restarted for it: TOML with the same keys.
    """

    starts: AwareDatetime | None = None
    ends: AwareDatetime | None = None
    message: str | None = None
    file: FilePath | None = None


class ReloadSettings(Section):
    """What may be replaced while the service runs: ``seconds`` between two looks at files.

    ``secrets_seconds`` between two looks at secrets that become files; each look reads every one of them.
    """

    seconds: PositiveSeconds = 5.0
    secrets_seconds: PositiveSeconds = 300.0


class LogSettings(Section):
    """Structured logs: JSON lines on standard error, or readable text for a terminal."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    style: Literal["json", "text"] = "json"
