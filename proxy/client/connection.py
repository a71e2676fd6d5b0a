"""Where the service is and how this side proves who it is (contract: 接続用証明書, mutual TLS)."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from proxy.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Connection:
    """A service's address with the files of mutual TLS, all PEM.

    Attributes:
        url: Base URL; ``https://``, or ``http://`` where something else on the way terminates TLS.
        ca: Certificates the service's own must chain to; the system's where ``None``.
        client_certificate: The client certificate, its chain after it.
        client_key: Its key; in ``client_certificate`` where ``None``.
        timeout_seconds: For one whole call, upload and download included.
    """

    url: str
    ca: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    timeout_seconds: float = 600.0

    @property
    def base(self) -> str:
        """The base URL without a trailing slash.

        Raises:
            SettingsError: It is no http or https URL, or carries user information, a query or a fragment.
        """
        parts = urlsplit(self.url)
        if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username or parts.query or parts.fragment:
            raise SettingsError(f"not the base URL of a service: {self.url!r}")
        return self.url.rstrip("/")

    def ssl_context(self) -> ssl.SSLContext:
        """A context that verifies the service's certificate and name, and holds the client certificate.

        Raises:
            SettingsError: A file cannot be read, or certificate and key do not fit.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"the CA file {self.ca} cannot be used: {error}") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.client_certificate is not None:
            try:
                # A key that wants a passphrase is an error here, not a question on the terminal.
                context.load_cert_chain(self.client_certificate, self.client_key, password="")
            except (OSError, ssl.SSLError, ValueError) as error:
                files = f"{self.client_certificate} with the key {self.client_key or 'in the same file'}"
                raise SettingsError(f"the client certificate {files} cannot be used: {error}") from error
        elif self.client_key is not None:
            raise SettingsError("a client key was given without its certificate")
        return context
