"""Signer backends: where the keys are."""

from pydantic import Field

from proxy.settings.base import FilePath, PositiveSeconds, Section


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
