"""The layout of a sandbox's folder, and how files get into it.

::

    STATE/
        addresses.json          ports chosen at the first start
        sandbox.json            while it runs: where everything is
        central.toml, proxy.toml
        central.sqlite, proxy.sqlite        transaction logs
        central-idempotency.sqlite, …       what is kept for idempotency keys, and the keys that seal it:
        secrets/                central-sealing-key, proxy-sealing-key, csc-pin, csc-client-secret
        pki/<authority>/        certificate.pem, key.pem, responder.pem, responder-key.pem, issued/, revoked/
        tls/, clients/, tsa/    certificates and keys by name
        central-keys/           what the central signer serves: keys/, certificates/
        central-certificates.sqlite, …      and what was registered, and who made keys
        logs/                   one file a process

Files appear whole or not at all, so that a start which was interrupted goes on where it stopped.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path


def write_file(path: Path, data: bytes, *, private: bool = False) -> None:
    """Put ``data`` at ``path`` in one step, durable when this returns; its folder is made if missing.

    Args:
        path: Where.
        data: The whole content.
        private: Whether only this user may read it (0600).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600 if private else 0o644)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The files of one certificate and its key, both PEM; the certificate file may hold its chain too."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class StateFolder:
    """Names every file of a sandbox; ``root`` is absolute."""

    root: Path

    @classmethod
    def at(cls, directory: Path) -> "StateFolder":
        """The layout for ``directory``, which need not exist yet."""
        return cls(directory.absolute())

    @property
    def addresses(self) -> Path:
        """Ports chosen at the first start."""
        return self.root / "addresses.json"

    @property
    def info(self) -> Path:
        """Where everything is, while it runs."""
        return self.root / "sandbox.json"

    @property
    def lock(self) -> Path:
        """Held by the one sandbox that runs on this folder."""
        return self.root / "lock"

    @property
    def logs(self) -> Path:
        """What each process says."""
        return self.root / "logs"

    @property
    def tsa_serial_numbers(self) -> Path:
        """Up to where the time-stamping authority has used serial numbers."""
        return self.root / "tsa" / "serial"

    @property
    def central_keys(self) -> Path:
        """What the central signer serves: keys/ and certificates/."""
        return self.root / "central-keys"

    def certificates(self, service: str) -> Path:
        """What is registered at ``central`` or ``proxy``, and who made keys (SQLite)."""
        return self.root / f"{service}-certificates.sqlite"

    @property
    def registration_csr(self) -> Path:
        """A certification request for a key of the central signer that has no certificate yet."""
        return self.root / "registration" / "unregistered.csr"

    def settings(self, service: str) -> Path:
        """The settings file of ``central`` or ``proxy``."""
        return self.root / f"{service}.toml"

    def transaction_log(self, service: str) -> Path:
        """The transaction log of ``central`` or ``proxy`` (SQLite)."""
        return self.root / f"{service}.sqlite"

    def idempotency(self, service: str) -> Path:
        """What ``central`` or ``proxy`` keeps for idempotency keys (SQLite)."""
        return self.root / f"{service}-idempotency.sqlite"

    def sealing_key(self, service: str) -> Path:
        """The key that seals it."""
        return self.root / "secrets" / f"{service}-sealing-key"

    @property
    def csc_pin(self) -> Path:
        """What authorizes the credentials of the provider of remote signatures."""
        return self.root / "secrets" / "csc-pin"

    @property
    def csc_client_secret(self) -> Path:
        """The proxy's secret at that provider."""
        return self.root / "secrets" / "csc-client-secret"

    def log(self, process: str) -> Path:
        """What one process says."""
        return self.logs / f"{process}.log"

    def authority(self, name: str) -> Path:
        """One certification authority's folder."""
        return self.root / "pki" / name

    def anchor(self, name: str) -> Path:
        """One certification authority's certificate."""
        return self.authority(name) / "certificate.pem"

    def tls(self, name: str) -> KeyPair:
        """A TLS server's certificate with its chain, and key."""
        return KeyPair(self.root / "tls" / f"{name}.pem", self.root / "tls" / f"{name}-key.pem")

    def client(self, name: str) -> KeyPair:
        """A TLS client's certificate with its chain, and key."""
        return KeyPair(self.root / "clients" / f"{name}.pem", self.root / "clients" / f"{name}-key.pem")

    def tsa(self) -> KeyPair:
        """The time-stamping authority's certificate with its chain, and key."""
        return KeyPair(self.root / "tsa" / "tsa.pem", self.root / "tsa" / "tsa-key.pem")

    def responder(self, authority: str) -> KeyPair:
        """An authority's delegated OCSP responder."""
        folder = self.authority(authority)
        return KeyPair(folder / "responder.pem", folder / "responder-key.pem")

    def signing(self, name: str) -> KeyPair:
        """A signing certificate with its chain, and key, where the central signer looks for them."""
        return KeyPair(self.central_keys / "certificates" / f"{name}.pem", self.central_keys / "keys" / f"{name}.pem")
