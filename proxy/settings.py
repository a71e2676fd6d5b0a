"""What an operator sets: one TOML file, overlaid by the environment, frozen once read.

The environment overlays single values: ``SIGNPROXY__LISTENER__PORT=8443`` sets ``listener.port``. Values are read as TOML
values where they parse as one, as text otherwise. Unknown keys are refused. Relative paths are relative to the file.
Secrets are references, never values: ``file:/run/secrets/pin`` or ``env:NAME``; files hold keys and certificates as PEM.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, model_validator

from proxy.errors import SettingsError
from proxy.model import HashAlgorithm
from proxy.secrets import SecretReference

PREFIX = "SIGNPROXY__"


def _resolve(path: Path, info: ValidationInfo) -> Path:
    base = (info.context or {}).get("base")
    return path if path.is_absolute() or base is None else Path(base) / path


FilePath = Annotated[Path, AfterValidator(_resolve)]
"""A path; relative ones are resolved against the settings file's folder."""

PositiveSeconds = Annotated[float, Field(gt=0, le=86_400)]


class Section(BaseModel):
    """Base of every section: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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
    """Bounds on what callers may send and how much is done at a time. Sizes in bytes, times in seconds."""

    document_bytes: int = Field(200_000_000, ge=1)
    json_body_bytes: int = Field(60_000_000, ge=1)
    parameter_bytes: int = Field(65_536, ge=1)
    seal_image_bytes: int = Field(2_000_000, ge=1)
    requests_in_flight: int = Field(30, ge=1)
    upstream_in_flight: int = Field(30, ge=1)
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


class CentralSettings(Section):
    """The central signer: the same contract, over mutual TLS.

    ``idempotency_keys``: whether it takes them. For a call that came with one it is sent one too, so that it does not sign
    twice what a task that died had asked it for.
    """

    url: str
    ca: FilePath
    client_certificate: FilePath
    client_key: FilePath
    timeout_seconds: PositiveSeconds = 20.0
    certificate_cache_seconds: float = Field(300.0, ge=0)
    idempotency_keys: bool = True


class SoftwareSettings(Section):
    """Development keys in a folder: ``keys/<keyId>.pem``, ``certificates/<certificateId>.pem`` (leaf first, then its chain)."""

    directory: FilePath


_KMS_ID = "(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_KMS_ALIAS = "alias/(?!aws/)[A-Za-z0-9/_-]{1,250}"
_KMS_ARN = f"arn:aws[a-z-]*:kms:(?P<region>[a-z0-9-]+):[0-9]{{12}}:(key/{_KMS_ID}|{_KMS_ALIAS})"
_KMS_REFERENCE = re.compile(f"{_KMS_ID}|{_KMS_ALIAS}|{_KMS_ARN}")


class KMSSettings(Section):
    """Keys in AWS KMS, in one region.

    ``keys`` may be used: key ids, aliases (``alias/seal``), or their ARNs; keys of other accounts by ARN. With
    ``create_under``, an alias prefix such as ``alias/seals/``, keys may be created below it, and those there may be used.
    ``endpoint_url`` is for VPC and FIPS endpoints. Credentials come from AWS's own chain: on ECS, the task's role.
    """

    region: str = Field(pattern="^[a-z]{2}(-[a-z]+)+-[0-9]+$")
    endpoint_url: str | None = None
    ca: FilePath | None = None
    keys: tuple[str, ...] = ()
    create_under: str | None = Field(None, pattern="^alias/[A-Za-z0-9/_-]{1,100}/$")
    timeout_seconds: PositiveSeconds = 5.0
    key_cache_seconds: float = Field(300.0, ge=0)

    @model_validator(mode="after")
    def _keys_of_the_region(self) -> "KMSSettings":
        if not self.keys and self.create_under is None:
            raise ValueError("name the keys, or set create_under")
        if self.create_under is not None and self.create_under.startswith("alias/aws/"):
            raise ValueError("alias/aws/ is reserved")
        for key in self.keys:
            found = _KMS_REFERENCE.fullmatch(key)
            if found is None:
                raise ValueError(f"{key!r} is no key id, alias or ARN of AWS KMS")
            if found["region"] not in {None, self.region}:
                raise ValueError(f"{key!r} is not in {self.region}")
        return self


class TSASettings(Section):
    """One time-stamping authority of a profile. Several with one ``profile`` are tried in order."""

    profile: str = "default"
    url: str
    hash_algorithm: HashAlgorithm = HashAlgorithm.SHA256
    policy_oid: str | None = None
    trust_anchors: tuple[FilePath, ...] = Field(min_length=1)
    ca: FilePath | None = None
    client_certificate: FilePath | None = None
    client_key: FilePath | None = None
    timeout_seconds: PositiveSeconds = 10.0


class RevocationSettings(Section):
    """Where revocation data comes from.

    ``source``: ``network`` asks the OCSP responders and CRL distribution points the certificates name; ``central`` asks the
    central signer's relay; ``off`` asks nobody, and then no certificate is checked for revocation before it signs.
    ``grace_seconds``: how long ``gracePolicy=fresh`` waits for answers issued after the signing time.
    ``allow``: host:port of responders that may be contacted although their address is not public.
    """

    source: Literal["network", "central", "off"] = "network"
    allow: tuple[str, ...] = ()
    ca: FilePath | None = None
    timeout_seconds: PositiveSeconds = 10.0
    max_bytes: int = Field(20_000_000, ge=1_000)
    cache_seconds: float = Field(300.0, ge=0)
    grace_seconds: PositiveSeconds = 15.0


class TrustSettings(Section):
    """Anchors signing certificates must chain to. PEM files, one or more certificates each."""

    anchors: tuple[FilePath, ...] = ()


class StoreSettings(Section):
    """Where the transaction log is kept, and what was done under idempotency keys: SQLite files.

    ``sealing_key`` (32 bytes in base64) seals the latter. Without them requests with an Idempotency-Key are refused.
    """

    transaction_log: FilePath
    idempotency: FilePath | None = None
    sealing_key: SecretReference | None = None

    @model_validator(mode="after")
    def _sealed(self) -> "StoreSettings":
        if (self.idempotency is None) != (self.sealing_key is None):
            raise ValueError("idempotency and sealing_key go together")
        return self


class IdempotencySettings(Section):
    """Requests with an Idempotency-Key.

    ``lease_seconds``: how long a request stays with a task that died. ``wait_seconds``: how long a repeat waits for the first
    to end. ``value_bytes``: the largest update or result that is kept.
    """

    lease_seconds: float = Field(20.0, gt=0, le=600)
    wait_seconds: float = Field(10.0, ge=0, le=600)
    value_bytes: int = Field(50_000_000, ge=100_000)


class MaintenanceSettings(Section):
    """This proxy's own announced maintenance; from ``starts`` to ``ends`` operations answer ``MAINTENANCE``."""

    starts: datetime | None = None
    ends: datetime | None = None
    message: str | None = None


Operation = Literal[
    "es", "es-t", "mdp", "es-a", "timestamp", "hash", "timestamp-hash", "certificates", "register", "revocation"
]
"""Names of operations in grants. ``certificates`` is reading: list, one, chain."""


class ClientSettings(Section):
    """One enrolled client and what it may do.

    Identified by ``certificate_sha256`` (hex, of the DER), or by ``issuer`` (RFC 4514) and ``serial_number`` (hex) together.
    ``certificates`` lists certificate ids; ``["*"]`` permits all.
    """

    name: str = Field(min_length=1, max_length=64)
    certificate_sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    issuer: str | None = None
    serial_number: str | None = Field(None, pattern="^[0-9a-f]+$")
    operations: tuple[Operation, ...] = ()
    certificates: tuple[str, ...] = ()
    rate_per_second: float | None = Field(None, gt=0)
    in_flight: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _identified(self) -> "ClientSettings":
        by_pair = self.issuer is not None and self.serial_number is not None
        if (self.certificate_sha256 is None) == (not by_pair):
            raise ValueError("name a client by certificate_sha256, or by issuer and serial_number")
        return self


class LogSettings(Section):
    """Structured logs: JSON lines on standard error, or readable text for a terminal."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    style: Literal["json", "text"] = "json"


class Settings(Section):
    """All of it. Defaults are the contract's."""

    listener: ListenerSettings
    admin: AdminSettings = AdminSettings()
    limits: LimitSettings = LimitSettings()
    engine: EngineSettings = EngineSettings()
    spool: SpoolSettings = SpoolSettings()
    central: CentralSettings | None = None
    software: SoftwareSettings | None = None
    kms: KMSSettings | None = None
    tsa: tuple[TSASettings, ...] = ()
    revocation: RevocationSettings = RevocationSettings()
    trust: TrustSettings = TrustSettings()
    stores: StoreSettings
    idempotency: IdempotencySettings = IdempotencySettings()
    maintenance: MaintenanceSettings = MaintenanceSettings()
    clients: tuple[ClientSettings, ...] = ()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        if self.central is None and self.software is None:
            raise ValueError("no signer: set central or software")
        if self.revocation.source == "central" and self.central is None:
            raise ValueError('revocation.source = "central" needs the section central')
        names = [client.name for client in self.clients]
        if len(names) != len(set(names)):
            raise ValueError("client names must be unique")
        return self


def load_settings(path: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the file and overlay the environment.

    Args:
        path: The TOML file.
        environment: Instead of ``os.environ``.

    Raises:
        SettingsError: The file cannot be read, or a key is unknown, missing or out of range; the message names each.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
    _overlay(values, os.environ if environment is None else environment)
    try:
        return Settings.model_validate(values, context={"base": path.resolve().parent})
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'settings'}: {item['msg']}" for item in error.errors()
        )
        raise SettingsError(f"{path}: {problems}") from error


def _overlay(values: dict[str, Any], environment: Mapping[str, str]) -> None:
    for name, text in environment.items():
        if not name.startswith(PREFIX):
            continue
        *sections, key = name.removeprefix(PREFIX).lower().split("__")
        target = values
        for section in sections:
            target = target.setdefault(section, {})
            if not isinstance(target, dict):
                raise SettingsError(f"{name} overlays a value that is no section")
        target[key] = _toml_value(text)


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
