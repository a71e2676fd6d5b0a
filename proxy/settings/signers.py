"""Signer backends: where the keys are."""

from pydantic import Field, model_validator

from proxy.secrets import SecretReference
from proxy.settings.base import FilePath, PositiveSeconds, Section

KEY_ID = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
"""Ids of keys in files, which are names of files too."""


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


class KeyFileSettings(Section):
    """One private key in a file of its own: PKCS#12, or PEM; ``password`` where it is encrypted."""

    id: str = Field(pattern=KEY_ID)
    file: FilePath
    password: SecretReference | None = None


class SoftwareSettings(Section):
    """Keys in files, for development.

    ``directory`` holds unencrypted ones, ``<keyId>.pem``; with ``create_keys`` new ones are made there. ``keys`` are in files
    of their own.
    """

    directory: FilePath | None = None
    create_keys: bool = False
    keys: tuple[KeyFileSettings, ...] = ()

    @model_validator(mode="after")
    def _somewhere(self) -> "SoftwareSettings":
        if self.directory is None and (self.create_keys or not self.keys):
            raise ValueError("name a directory, or keys; new keys need a directory")
        return self
