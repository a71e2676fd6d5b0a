"""More services beside the sandbox's: the same settings file, overlaid by the environment as an operator would."""

import json
import random
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256

from proxy.sandbox.authority import load_chain
from tests.support.calling import Caller
from tests.support.sandbox import Sandbox
from tests.support.spawned import running, unnamed_files, until

HOST = "127.0.0.1"
FILE_BYTES = 16 << 20
"""How large a file of the narrow proxy may be: its spool is full then. Its transaction log is far below."""


@dataclass(frozen=True, slots=True)
class Service:
    """A proxy or central signer that runs.

    Attributes:
        url: Its base URL.
        pid: Its process.
        log: What it says, a JSON object a line.
        spool: Where it spools.
    """

    sandbox: Sandbox
    url: str
    pid: int
    log: Path
    spool: Path

    def caller(self, name: str | None = "app") -> Caller:
        """One of the sandbox's clients, asking this service."""
        return self.sandbox.caller(name, self.url)

    def assert_nothing_left(self) -> None:
        """No spooled document is held, and none has a name."""
        until(lambda: not unnamed_files(self.pid, self.spool), seconds=5)
        assert not list(self.spool.iterdir())


@contextmanager
def serving(
    sandbox: Sandbox,
    folder: Path,
    settings: Mapping[str, Any],
    *,
    service: str = "proxy",
    file_bytes: int | None = None,
    environment: Mapping[str, str] | None = None,
    program: Sequence[str] = ("-m", "proxy", "serve", "--settings"),
) -> Iterator[Service]:
    """Run a service with the sandbox's settings for ``service``, some of them changed.

    Args:
        sandbox: Whose.
        folder: Where this one logs and spools.
        settings: What is different, by section.
        service: ``proxy`` or ``central``.
        file_bytes: The size that no file it writes may pass.
        environment: Beyond this process's own, and the settings in it.
        program: What the interpreter runs; the settings file follows.
    """
    spool, log = folder / "spool", folder / "service.log"
    spool.mkdir(parents=True)
    port = free_port()
    changes = {
        **settings,
        "listener": {"host": HOST, "port": port, **settings.get("listener", {})},
        "admin": {"port": 0},
        "stores": _stores(settings.get("stores", {}), folder),
        "spool": {"directory": str(spool)},
        "engine": {"processes": 1, **settings.get("engine", {})},
    }
    with running(
        [*program, str(sandbox.folder.settings(service))],
        log,
        lambda: b'"service.started"' in log.read_bytes(),
        environment={**dict(_overlay(changes)), **(environment or {})},
        file_bytes=file_bytes,
    ) as process:
        yield Service(sandbox, f"https://{HOST}:{port}", process.pid, log, spool)


def enrolled(sandbox: Sandbox, name: str, operations: list[str], certificates: list[str], **limits: float) -> dict[str, Any]:
    """An entry of ``clients``."""
    fingerprint = load_chain(sandbox.folder.client(name).certificate)[0].fingerprint(SHA256()).hex()
    return {
        "name": name,
        "certificate_sha256": fingerprint,
        "operations": operations,
        "certificates": certificates,
        **limits,
    }


def free_port() -> int:
    """A port nobody listens on, below those that systems give to outgoing connections."""
    while True:
        port = random.randrange(15_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        return port


def is_listening(port: int) -> bool:
    """Whether somebody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _stores(changed: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """Files of its own, unless it is told of tables."""
    if "dynamodb" in changed:
        return changed
    files = {name: str(folder / f"{file}.sqlite") for name, file in _FILES.items()}
    return {**files, **changed}


_FILES = {"transaction_log": "transactions", "idempotency": "idempotency"}


def _overlay(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for section, value in settings.items():
        if isinstance(value, Mapping) and "dynamodb" not in value:
            for key, content in value.items():
                yield f"SIGNPROXY__{section}__{key}".upper(), _toml(content)
        else:
            yield f"SIGNPROXY__{section}".upper(), _toml(value)


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # What JSON writes of texts, numbers and truth values reads the same in TOML.
    return json.dumps(value)
