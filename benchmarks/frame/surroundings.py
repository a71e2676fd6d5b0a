"""What cases need around them, made once a run and when first asked for: documents, a sandbox, services before it."""

import json
import os
import random
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509 import load_pem_x509_certificates

from benchmarks.frame import documents
from proxy.sandbox.folder import StateFolder
from proxy.sandbox.info import SandboxInfo
from proxy.sandbox.run import running_sandbox

CERTIFICATE = "legal-person-rsa"
"""Of the sandbox: an RSA-3072 key at the central signer, whose chain has OCSP and CRLs."""

PASSWORD, NICKNAME = "benchmark", "signer"
"""Of the file that hands the key to other programs."""

DISK = Path("/var/tmp")  # noqa: S108 - a folder that is on a disk, where /tmp may be memory
START_SECONDS = 60.0


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Service:
    """A server under measurement, over mutual TLS. Attributes: its base URL and port on loopback, and its process."""

    url: str
    port: int
    pid: int


class Surroundings:
    """Of one run. A context manager: at its end all of it is gone.

    Args:
        quick: Whether the run is to be over soon rather than exact.
        chance: Shuffles.
    """

    def __init__(self, *, quick: bool, chance: random.Random) -> None:
        self.quick = quick
        self.chance = chance
        self._stack = ExitStack()

    def __enter__(self) -> "Surroundings":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @cached_property
    def folder(self) -> Path:
        """For whatever a case writes; on a disk where there is one."""
        where = DISK if DISK.is_dir() else None
        return Path(self._stack.enter_context(TemporaryDirectory(prefix="signproxy-bench-", dir=where)))

    @cached_property
    def sandbox(self) -> SandboxInfo:
        """Authorities, a central signer and a proxy, as processes of their own."""
        return self._stack.enter_context(running_sandbox(self.folder / "state"))

    @property
    def state(self) -> StateFolder:
        """Names the running sandbox's files."""
        return StateFolder.at(self.sandbox.ca_file.parents[2])

    @cached_property
    def pkcs12(self) -> Path:
        """Certificate, chain and key of :data:`CERTIFICATE`, encrypted by :data:`PASSWORD`."""
        files = self.state.signing(CERTIFICATE)
        key = load_pem_private_key(files.key.read_bytes(), None)
        assert isinstance(key, RSAPrivateKey)
        leaf, *chain = load_pem_x509_certificates(files.certificate.read_bytes())
        path = self.folder / "signer.p12"
        encrypted = BestAvailableEncryption(PASSWORD.encode())
        path.write_bytes(serialize_key_and_certificates(NICKNAME.encode(), key, leaf, chain, encrypted))
        return path

    def document(self, name: str) -> Path:
        """One of :data:`benchmarks.frame.documents.DOCUMENTS`, made once."""
        path = self.folder / f"{name.replace(' ', '-').replace(',', '')}.pdf"
        if not path.exists():
            documents.DOCUMENTS[name](path)
        return path

    def client_tls(self) -> ssl.SSLContext:
        """How an application that may do everything connects to the sandbox's services."""
        context = ssl.create_default_context(cafile=self.sandbox.ca_file)
        context.load_cert_chain(self.sandbox.client_certificate, self.sandbox.client_key)
        return context

    def curl(self) -> list[str]:
        """``curl`` as that application."""
        info = self.sandbox
        files = ["--cacert", info.ca_file, "--cert", info.client_certificate, "--key", info.client_key]
        return ["curl", "--silent", "--show-error", "--fail", *map(str, files)]

    @contextmanager
    def service(self, command: Callable[[Path], list[str]] | None = None, **settings: object) -> Iterator[Service]:
        """A proxy of its own before the sandbox's central signer, until the end of the block.

        Args:
            command: What ``python`` runs instead of the service itself, given the settings file.
            settings: Beyond the sandbox's proxy's: ``engine__processes=1``.
        """
        port = free_port()
        folder = self.folder / f"service-{port}"
        (folder / "spool").mkdir(parents=True)
        overlay = {
            "listener__port": port,
            "admin__port": 0,
            "stores__transaction_log": str(folder / "transactions.sqlite"),
            "stores__idempotency": str(folder / "idempotency.sqlite"),
            "spool__directory": str(folder / "spool"),
            "log__level": "error",
            **settings,
        }
        file = self.sandbox.settings["proxy"]
        arguments = ["-m", "proxy", "serve", "--settings", str(file)] if command is None else command(file)
        with self._serving(arguments, port, _as_environment(overlay)) as service:
            yield service

    @contextmanager
    def handlers(self, upstream: str = "") -> Iterator[Service]:
        """A process of :mod:`benchmarks.handlers`, until the end of the block.

        Args:
            upstream: URL of the server that its ``/sign`` asks.
        """
        port, file = free_port(), self.sandbox.settings["proxy"]
        arguments = ["-m", "benchmarks.handlers", str(file), str(port), str(self.folder), upstream]
        with self._serving(arguments, port, {}) as service:
            yield service

    @contextmanager
    def _serving(self, arguments: list[str], port: int, environment: Mapping[str, str]) -> Iterator[Service]:
        process = subprocess.Popen([sys.executable, *arguments], env=os.environ | environment)
        try:
            url = f"https://127.0.0.1:{port}"
            self._wait_for(f"{url}/readyz", process)
            yield Service(url, port, process.pid)
        finally:
            process.terminate()
            process.wait(60)

    def _wait_for(self, url: str, process: "subprocess.Popen[bytes]") -> None:
        tls, ends = self.client_tls(), time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < ends:
            # That it is not there yet is what is waited for.
            with suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(url, context=tls):  # noqa: S310 - loopback
                return
            time.sleep(0.05)
        raise RuntimeError("the service did not start")


def _as_environment(settings: Mapping[str, object]) -> dict[str, str]:
    return {f"SIGNPROXY__{name.upper()}": json.dumps(value) for name, value in settings.items()}
