"""The settings of the central signer and of the proxy, as an operator would write them: production files, nothing of a sandbox.

Paths are relative to the file, which lies in the sandbox's folder.
"""

import base64
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_args

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from proxy.sandbox import profiles
from proxy.sandbox.addresses import LOOPBACK, Addresses, Listen
from proxy.sandbox.authority import load_chain
from proxy.sandbox.folder import StateFolder, write_file
from proxy.sandbox.keys import load_key
from proxy.sandbox.pki import client_crl
from proxy.settings import Operation

HASH_SIGNING = ("hash", "certificates", "register", "revocation", "keys", "csr")
"""What the central signer grants."""
EVERYTHING = get_args(Operation)
SHUTDOWN_SECONDS = 10
CSC_CLIENT_ID = "signproxy"
"""The proxy's name at the provider of remote signatures."""


def write_settings(folder: StateFolder, addresses: Addresses, listen_host: str, *, with_csc: bool = False) -> None:
    """Write ``central.toml`` and ``proxy.toml``, and the secrets that they name, where there are none yet.

    Args:
        folder: Where the PKI is.
        addresses: Who listens on which port.
        listen_host: Where the proxy listens; the central signer stays on loopback.
        with_csc: Whether the proxy signs by the provider of remote signatures too.

    Raises:
        SettingsError: A certificate to enroll cannot be read.
    """
    for name in ("central", "proxy"):
        if not folder.sealing_key(name).exists():
            write_file(folder.sealing_key(name), base64.b64encode(secrets.token_bytes(32)), private=True)
    for secret in (folder.csc_pin, folder.csc_client_secret):
        if not secret.exists():
            write_file(secret, secrets.token_urlsafe(24).encode(), private=True)
    write_file(folder.settings("central"), central_settings(folder, addresses).encode())
    settings = proxy_settings(folder, addresses, listen_host, with_csc=with_csc)
    write_file(folder.settings("proxy"), settings.encode())


def central_settings(folder: StateFolder, addresses: Addresses) -> str:
    """The central signer: keys in a folder, hash signatures for the proxy; the application may ask it directly, too."""
    clients = [_client(folder, name, HASH_SIGNING) for name in ("proxy", "app")]
    return "\n".join(
        [
            *_listener(folder, "central", Listen(LOOPBACK, addresses.central)),
            *("[engine]", "processes = 1", ""),
            *("[software]", f'directory = "{_path(folder, folder.central_keys / "keys")}"', "create_keys = true", ""),
            *_credentials(folder),
            *_common(folder, addresses, "central"),
            *clients,
        ]
    )


def _credentials(folder: StateFolder) -> Iterator[str]:
    """A block for each certificate in the folder: those of the profiles, and what earlier versions registered there."""
    keys = {path.stem: path for path in sorted((folder.central_keys / "keys").glob("*.pem"))}
    for path in sorted((folder.central_keys / "certificates").glob("*.pem")):
        key_id = path.stem if path.stem in keys else _key_of(load_chain(path)[0], keys)
        if key_id is not None:
            yield "[[credentials]]"
            yield f'id = "{path.stem}"'
            yield 'backend = "software"'
            yield f'key = "{key_id}"'
            yield f'certificate = "{_path(folder, path)}"'
            yield ""


def _key_of(certificate: x509.Certificate, keys: Mapping[str, Path]) -> str | None:
    public_key = certificate.public_key()
    return next((key_id for key_id, path in keys.items() if load_key(path).public_key() == public_key), None)


def proxy_settings(folder: StateFolder, addresses: Addresses, listen_host: str, *, with_csc: bool = False) -> str:
    """The proxy: signs by the central signer, time-stamps by the authority; ``app`` may do all, ``other`` only read."""
    return "\n".join(
        [
            *_listener(folder, "proxy", Listen(listen_host, addresses.proxy)),
            *("[admin]", f"port = {addresses.admin}", ""),
            *("[central]", f'url = "{addresses.central_url}"', *_client_tls(folder), ""),
            *(_csc(folder, addresses) if with_csc else ()),
            "[[tsa]]",
            f'url = "{addresses.tsa_url}"',
            f'policy_oid = "{profiles.TSA_POLICY_OID}"',
            f"trust_anchors = {_anchors(folder)}",
            "",
            *_common(folder, addresses, "proxy"),
            _client(folder, "app", EVERYTHING),
            _client(folder, "other", ("certificates",)),
        ]
    )


def _client_tls(folder: StateFolder) -> Sequence[str]:
    """Who the proxy is towards its upstreams, and whom it trusts."""
    files = folder.client("proxy")
    return (
        f'ca = "{_path(folder, folder.anchor("tls-ca"))}"',
        f'client_certificate = "{_path(folder, files.certificate)}"',
        f'client_key = "{_path(folder, files.key)}"',
    )


def _csc(folder: StateFolder, addresses: Addresses) -> Sequence[str]:
    return (
        "[csc]",
        f'url = "{addresses.csc_url}"',
        *_client_tls(folder),
        f'client_id = "{CSC_CLIENT_ID}"',
        f"client_secret = {json.dumps(f'file:{folder.csc_client_secret}')}",
        f"auth_data = {{ PIN = {json.dumps(f'file:{folder.csc_pin}')} }}",
        "",
    )


def _listener(folder: StateFolder, name: str, listen: Listen) -> Sequence[str]:
    files = folder.tls(name)
    return (
        "[listener]",
        f'host = "{listen.host}"',
        f"port = {listen.port}",
        f'certificate = "{_path(folder, files.certificate)}"',
        f'key = "{_path(folder, files.key)}"',
        f'client_ca = "{_path(folder, folder.anchor("client-ca"))}"',
        f'client_crl = "{_path(folder, client_crl(folder))}"',
        "",
        "[limits]",
        f"shutdown_seconds = {SHUTDOWN_SECONDS}",
        "",
    )


def _common(folder: StateFolder, addresses: Addresses, name: str) -> Sequence[str]:
    return (
        "[revocation]",
        "# The responder is on loopback, where nothing is asked unless it is named here.",
        f'allow = ["{LOOPBACK}:{addresses.responder}"]',
        "",
        "[trust]",
        f"anchors = {_anchors(folder)}",
        "",
        "[stores]",
        f'transaction_log = "{_path(folder, folder.transaction_log(name))}"',
        f'certificates = "{_path(folder, folder.certificates(name))}"',
        f'idempotency = "{_path(folder, folder.idempotency(name))}"',
        # Secrets are named by absolute paths.
        f"sealing_key = {json.dumps(f'file:{folder.sealing_key(name)}')}",
        "",
    )


def _client(folder: StateFolder, name: str, operations: Sequence[str]) -> str:
    fingerprint = load_chain(folder.client(name).certificate)[0].fingerprint(SHA256()).hex()
    return (
        f'[[clients]]\nname = "{name}"\ncertificate_sha256 = "{fingerprint}"\n'
        f'operations = {json.dumps(operations)}\ncertificates = ["*"]\n'
    )


def _anchors(folder: StateFolder) -> str:
    return json.dumps([_path(folder, folder.anchor(name)) for name in profiles.TRUST_ANCHORS])


def _path(folder: StateFolder, path: Path) -> str:
    return path.relative_to(folder.root).as_posix()
