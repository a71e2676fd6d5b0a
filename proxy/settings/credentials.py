"""Signing certificates whose keys a key backend holds: one block each."""

from typing import Literal

from pydantic import Field, model_validator

from proxy.model import HashAlgorithm, SignAlgorithm
from proxy.model.pkcs11_uri import PKCS11URI, is_pkcs11_uri
from proxy.settings.base import FilePath, Section

KeyBackendName = Literal["kms", "pkcs11", "software"]
"""Sections of backends that hold keys without certificates."""


class CredentialSettings(Section):
    """One signing certificate and its key.

    ``key`` is what the backend knows the key by: its id, an ARN or alias, an RFC 7512 URI. ``certificate`` is PEM; its chain
    may follow in the same file, or be in ``chain``, the issuer of the certificate first. ``sign_algorithms`` and
    ``hash_algorithms`` are those allowed, preferred first; left out, all that the key can. ``clients`` are those who may use
    the key, as far as their own grants go; left out, their grants alone say.
    """

    id: str = Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")
    backend: KeyBackendName
    key: str = Field(min_length=1, max_length=1024)
    certificate: FilePath
    chain: FilePath | None = None
    sign_algorithms: tuple[SignAlgorithm, ...] | None = Field(None, min_length=1)
    hash_algorithms: tuple[HashAlgorithm, ...] | None = Field(None, min_length=1)
    clients: tuple[str, ...] | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _names_a_key(self) -> "CredentialSettings":
        if self.backend == "pkcs11" and is_pkcs11_uri(self.key):
            PKCS11URI.of_key(self.key)
        return self
