"""TLS to the destinations: who they must be, and who the proxy is to them (RFC 8446, RFC 5246)."""

import ssl
from pathlib import Path

from proxy.errors import SettingsError


def client_tls(ca: Path | None, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """A client's TLS context, version 1.2 at least, that verifies the server's certificate and name.

    Args:
        ca: PEM of the anchors of the server's certificate; the system's where ``None``.
        certificate: PEM of the client certificate, with its chain.
        key: PEM of its private key.

    Raises:
        SettingsError: A file cannot be read, or key and certificate do not belong together.
    """
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
        if certificate is not None:
            context.load_cert_chain(str(certificate), None if key is None else str(key), password=_no_password)
    except OSError as error:
        raise SettingsError(f"TLS of {ca or 'the system'}, {certificate or 'no client certificate'}: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _no_password() -> str:
    raise OSError("the client key is encrypted; give it unencrypted, readable by this user alone")
