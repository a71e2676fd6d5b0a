"""Time-stamping authorities, revocation data and anchors."""

from typing import Literal

from pydantic import Field, model_validator

from proxy.model import HashAlgorithm
from proxy.settings.base import FilePath, PositiveSeconds, Section


class TSASettings(Section):
    """One time-stamping authority of a profile. Several with one ``profile`` are tried in order.

    ``kind``: ``http`` is an RFC 3161 authority at ``url``, ``csc`` the one of the provider in the section ``csc``.
    ``rate_per_second`` and ``burst``: how often it is asked at most. Beyond that the next one is, or there is a wait.
    ``free_tokens``: tokens cost nothing, so that one may be had at the start to see that there are any.
    """

    profile: str = "default"
    kind: Literal["http", "csc"] = "http"
    url: str | None = None
    hash_algorithm: HashAlgorithm = HashAlgorithm.SHA256
    policy_oid: str | None = None
    trust_anchors: tuple[FilePath, ...] = Field(min_length=1)
    ca: FilePath | None = None
    client_certificate: FilePath | None = None
    client_key: FilePath | None = None
    timeout_seconds: PositiveSeconds = 10.0
    rate_per_second: float | None = Field(None, gt=0)
    burst: int = Field(1, ge=1)
    free_tokens: bool = False

    @model_validator(mode="after")
    def _of_its_kind(self) -> "TSASettings":
        if self.kind == "http" and self.url is None:
            raise ValueError("an authority needs its url")
        if self.kind == "csc" and any((self.url, self.ca, self.client_certificate, self.client_key)):
            raise ValueError("an authority of kind csc is reached as the section csc says")
        return self


class RevocationSettings(Section):
    """Where revocation data comes from.

    ``source``: ``network`` asks the OCSP responders and CRL distribution points the certificates name; ``central`` asks the
    central signer's relay; ``off`` asks nobody, and then no certificate is checked for revocation before it signs.
    ``cache_seconds``: how old an answer may be, its nextUpdate aside. ``stale_seconds``: how much older while nobody gives a
    newer one; never past its nextUpdate. ``grace_seconds``: how long ``gracePolicy=fresh`` waits for answers issued after the
    signing time. ``allow``: host:port of responders that may be contacted although their address is not public, or their port
    not HTTP's. ``max_bytes``: of one CRL. ``crl_memory_bytes``: of all CRLs that are kept.
    """

    source: Literal["network", "central", "off"] = "network"
    allow: tuple[str, ...] = ()
    ca: FilePath | None = None
    timeout_seconds: PositiveSeconds = 10.0
    max_bytes: int = Field(20_000_000, ge=1_000)
    crl_memory_bytes: int = Field(64_000_000, ge=0)
    cache_seconds: float = Field(300.0, ge=0)
    stale_seconds: float = Field(0.0, ge=0, le=604_800)
    grace_seconds: PositiveSeconds = 15.0


class TrustSettings(Section):
    """Anchors signing certificates must chain to. PEM files, one or more certificates each.

    ``fetch_issuers``: whether issuers that a backend's certificate came without are fetched from where the certificate says,
    by the bounds and the allow-list of ``revocation``.
    """

    anchors: tuple[FilePath, ...] = ()
    fetch_issuers: bool = False
