"""What is deployed: read from the CDK context, checked before anything is synthesised.

``cdk synth -c config=production-central.json`` or single keys: ``-c stage=production -c shape=kms``.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_network
from pathlib import Path
from typing import Any

GIB = 1 << 30
STAGES = ("development", "production")
SHAPES = ("central", "cloudhsm", "kms")
LOAD_BALANCERS = ("alb", "nlb")
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")


class ConfigurationError(ValueError):
    """What is asked for cannot be deployed; the text says which key and why."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A host that the service may reach: by its addresses, or by a VPC endpoint service of its owner.

    Attributes:
        name: What it is, in the reachability table.
        host: DNS name, as certificates have it.
        cidrs: Its addresses; each becomes a rule of the service's security group.
        endpoint_service: Name of a PrivateLink endpoint service (``com.amazonaws.vpce.…``) instead of addresses.
        port: TCP.
    """

    name: str
    host: str
    cidrs: tuple[str, ...] = ()
    endpoint_service: str | None = None
    port: int = 443


@dataclass(frozen=True, slots=True)
class Configuration:
    """One deployment.

    Attributes:
        stage: ``development`` or ``production``: sizes, retention, and whether things outlive the stack.
        shape: Where the keys are: ``central``, ``cloudhsm`` or ``kms``.
        image: ECR repository and digest, ``name@sha256:…``.
        collector: ECR repository and digest of the AWS Distro for OpenTelemetry's collector; with it calls are traced to X-Ray.
        callers: Networks (CIDR) that may call the service.
        load_balancer: ``alb`` verifies client certificates against a trust store; ``nlb`` passes TLS through to the container.
        trust_store: For ``alb``: bucket, key and version of the PEM of the client authorities.
        server_certificate: For ``alb``: ARN of its ACM certificate.
        settings: The service's settings (TOML) beside what the constructs add; no secrets.
        secrets: Files of the service (name under ``/run/signproxy``) by ARN of the Secrets Manager secret that holds each.
        destinations: All that the service may reach beside AWS's own endpoints: the central signer, authorities, responders.
        kms_keys: For ``kms``: ARNs of the signing keys.
        cloudhsm_cluster: For ``cloudhsm``: id of an existing cluster.
        cloudhsm_security_group: Its security group.
        nat: Whether there may be a NAT gateway; needed for destinations on public addresses.
        waf: Whether a web ACL stands before an ``alb``.
        alarm_topic: ARN of the SNS topic that alarms go to.
        documents_in_flight: ``limits.requests_in_flight``; sizes the spool.
        document_bytes: ``limits.document_bytes``; the same.
    """

    stage: str = "development"
    shape: str = "central"
    account: str = "111122223333"
    region: str = "ap-northeast-1"
    zones: tuple[str, ...] = ()
    cidr: str = "10.40.0.0/16"
    image: str = "hash-signing-proxy@sha256:" + "0" * 64
    collector: str | None = None
    callers: tuple[str, ...] = ("10.0.0.0/8",)
    load_balancer: str = "alb"
    trust_store: Mapping[str, str] | None = None
    server_certificate: str | None = None
    settings: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)
    secret_keys: tuple[str, ...] = ()
    destinations: tuple[Destination, ...] = ()
    kms_keys: tuple[str, ...] = ()
    cloudhsm_cluster: str | None = None
    cloudhsm_security_group: str | None = None
    nat: bool = False
    waf: bool = False
    alarm_topic: str | None = None
    documents_in_flight: int = 30
    document_bytes: int = 200_000_000

    def __post_init__(self) -> None:
        _one_of("stage", self.stage, STAGES)
        _one_of("shape", self.shape, SHAPES)
        _one_of("load_balancer", self.load_balancer, LOAD_BALANCERS)
        for key, image in (("image", self.image), ("collector", self.collector)):
            if image is not None and "@sha256:" not in image:
                raise ConfigurationError(f"{key}: name it by digest, repository@sha256:…")
        for cidr in (*self.callers, *(cidr for destination in self.destinations for cidr in destination.cidrs)):
            if ip_network(cidr).prefixlen == 0:
                raise ConfigurationError(f"{cidr}: the whole internet is neither a caller nor a destination")
        for destination in self.destinations:
            if bool(destination.cidrs) == bool(destination.endpoint_service):
                raise ConfigurationError(f"destinations.{destination.name}: give either cidrs or endpoint_service")
        public = [one.name for one in self.destinations if any(not _private(cidr) for cidr in one.cidrs)]
        if public and not self.nat:
            raise ConfigurationError(f"destinations {', '.join(public)} have public addresses: ask for nat, or use PrivateLink")
        if self.load_balancer == "alb" and (self.trust_store is None or self.server_certificate is None):
            raise ConfigurationError("an alb needs trust_store and server_certificate")
        if self.load_balancer == "nlb" and self.waf:
            raise ConfigurationError("waf: a network load balancer has none")
        self._check_shape()

    def _check_shape(self) -> None:
        if self.shape == "central" and not any(one.name == "central" for one in self.destinations):
            raise ConfigurationError("shape central: name the central signer as destination 'central'")
        if self.shape == "kms" and not self.kms_keys:
            raise ConfigurationError("shape kms: name the keys in kms_keys")
        if any(not key.startswith("arn:") or "*" in key for key in self.kms_keys):
            raise ConfigurationError("kms_keys: give whole ARNs")
        if self.shape == "cloudhsm" and not (self.cloudhsm_cluster and self.cloudhsm_security_group):
            raise ConfigurationError("shape cloudhsm: name cloudhsm_cluster and cloudhsm_security_group")

    @property
    def production(self) -> bool:
        """Whether what it holds outlives the stack."""
        return self.stage == "production"

    @property
    def availability_zones(self) -> tuple[str, ...]:
        """The zones that are used; named, so that synthesis asks nobody."""
        return self.zones or tuple(f"{self.region}{letter}" for letter in ("a", "c", "d")[: 3 if self.production else 2])

    @property
    def spool_gib(self) -> int:
        """Ephemeral storage of a task: all documents in flight at their largest, a quarter more, and the image; 21 at least."""
        spool = math.ceil(self.documents_in_flight * self.document_bytes * 1.25 / GIB)
        return min(200, max(21, spool + 15))


def load(context: Mapping[str, Any], folder: Path) -> Configuration:
    """Read a configuration.

    Args:
        context: The CDK app's context: ``config`` names a JSON file in ``folder``, other keys overlay it.
        folder: Where that file is.

    Raises:
        ConfigurationError: An unknown key, or what cannot be deployed.
    """
    known = {one.name for one in fields(Configuration)}
    values: dict[str, Any] = {}
    if name := context.get("config"):
        values = json.loads((folder / str(name)).read_text("utf-8"))
        if unknown := values.keys() - known:
            raise ConfigurationError(f"unknown keys: {', '.join(sorted(unknown))}")
    values |= {key: value for key, value in context.items() if key in known and value is not None}
    values["destinations"] = tuple(
        Destination(**{**one, "cidrs": tuple(one.get("cidrs", ()))}) for one in values.get("destinations", ())
    )
    for key in ("zones", "callers", "kms_keys", "secret_keys"):
        if key in values:
            values[key] = tuple(values[key])
    for key in ("nat", "waf"):
        if isinstance(values.get(key), str):
            # From the command line everything is text.
            _one_of(key, values[key], ("true", "false"))
            values[key] = values[key] == "true"
    return Configuration(**values)


def _private(cidr: str) -> bool:
    """Whether a VPC can route there without a way to the internet."""
    network = ip_network(cidr)
    return any(network.version == 4 and network.subnet_of(ip_network(own)) for own in _PRIVATE)  # type: ignore[arg-type]


def _one_of(key: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigurationError(f"{key}: {value!r} is none of {', '.join(allowed)}")
