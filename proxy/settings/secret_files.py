"""Secrets that become files: what a container cannot be given as a file comes from a secret store."""

from proxy.secrets import SecretReference
from proxy.settings.base import FilePath, Section


class SecretFileSettings(Section):
    """One file, for this user alone, that holds a secret: a key or a certificate (PEM) that other settings name by ``path``.

    It is written before they are read, and again when the secret has changed; see ``reload.secrets_seconds``.
    """

    path: FilePath
    secret: SecretReference
