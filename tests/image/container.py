"""The image as a container: read-only root, a user without rights, its folders as volumes; before the sandbox's signer.

Run by podman with runc, on the host's network, so that the sandbox's processes on loopback are its upstreams.
"""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from proxy.sandbox.info import SandboxInfo
from tests.support.calling import Caller

USER = 10001
STOP_SECONDS = 40
"""As the task's stop timeout is to be: longer than ``limits.shutdown_seconds``."""

_NEEDED = ("proxy.toml", "tls", "clients", "secrets")
_ANCHORS = "pki"


def podman(*arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run podman; what it complains of is part of the failure."""
    ended = subprocess.run(
        ["podman", "--runtime", "runc", *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert not check or ended.returncode == 0, f"podman {' '.join(arguments[:2])}: {ended.stderr}"
    return ended


@dataclass(frozen=True, slots=True)
class Container:
    """A running container.

    Attributes:
        name: What podman calls it.
        url: Where it serves.
        settings: The folder that is its ``/etc/signproxy``.
    """

    name: str
    url: str
    settings: Path
    info: SandboxInfo

    @property
    def app(self) -> Caller:
        """The client that may do everything."""
        return Caller(self.url, self.info.ca_file, self.info.client_certificate, self.info.client_key)

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command in it."""
        return podman("exec", self.name, *command, check=False)

    def healthy(self) -> bool:
        """What its health check says."""
        return self.run("signproxy", "health", "--url", f"{self.url}/readyz").returncode == 0

    def logs(self) -> str:
        """What it wrote."""
        ended = podman("logs", self.name)
        return ended.stdout + ended.stderr

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        podman("stop", "--time", str(STOP_SECONDS), self.name)
        return int(podman("inspect", "--format", "{{.State.ExitCode}}", self.name).stdout)


def _settings(state: Path, folder: Path) -> None:
    """The sandbox's settings of its proxy, with what they name, readable by the container's user alone."""
    for name in _NEEDED:
        source = state / name
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, folder / name)
    for anchor in state.glob(f"{_ANCHORS}/*/certificate.pem"):
        target = folder / anchor.relative_to(state)
        target.parent.mkdir(parents=True)
        shutil.copy2(anchor, target)
    for crl in state.glob(f"{_ANCHORS}/*/*.crl"):
        shutil.copy2(crl, folder / crl.relative_to(state))
    (folder / "secrets" / "rotated").write_text("the first")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USER, USER)


@contextmanager
def running(image: str, info: SandboxInfo, state: Path, folder: Path) -> Iterator[Container]:
    """The image as a container, from when it serves."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    _settings(state, folder)
    name = f"signproxy-test-{os.getpid()}-{port}"
    overlay = {
        "LISTENER__PORT": str(port),
        "ADMIN__PORT": "0",
        "RELOAD__SECONDS": "0.2",
        "RELOAD__SECRETS_SECONDS": "0.2",
        "SECRET_FILES": '[{path = "/run/signproxy/secret.pem", secret = "file:/etc/signproxy/secrets/rotated"}]',
        "STORES__TRANSACTION_LOG": '"/var/lib/signproxy/transactions.sqlite"',
        "STORES__CERTIFICATES": '"/var/lib/signproxy/certificates.sqlite"',
        "STORES__IDEMPOTENCY": '"/var/lib/signproxy/idempotency.sqlite"',
        "STORES__SEALING_KEY": '"file:/etc/signproxy/secrets/proxy-sealing-key"',
    }
    environment = [f"--env=SIGNPROXY__{key}={value}" for key, value in overlay.items()]
    podman(
        *("run", "--detach", "--name", name, "--network", "host", "--no-healthcheck"),
        *("--read-only", "--tmpfs", "/tmp", "--cap-drop", "all", "--security-opt", "no-new-privileges"),
        *("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096", "--volume", f"{folder}:/etc/signproxy:ro"),
        *environment,
        image,
    )
    container = Container(name, f"https://127.0.0.1:{port}", folder, info)
    try:
        deadline = time.monotonic() + 60
        while not container.healthy():
            assert time.monotonic() < deadline, container.logs()
            assert json.loads(podman("inspect", "--format", "{{json .State.Running}}", name).stdout), container.logs()
            time.sleep(0.1)
        yield container
    finally:
        podman("rm", "--force", "--volumes", "--time", "1", name)
