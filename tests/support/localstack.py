"""LocalStack's KMS, S3 and Secrets Manager over HTTP, which nobody here wrote. ``make localstack`` installs it."""

import http.client
import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.support.spawned import until

ENVIRONMENT = Path(__file__).parents[2] / ".venv-localstack"
"""What it runs in, an environment of its own."""

REGION = "eu-central-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
ACCOUNT = "000000000000"

# It dies with the process that started it (prctl(2), PR_SET_PDEATHSIG), however that one ends.
_START = (
    "import ctypes, runpy; ctypes.CDLL(None).prctl(1, 9); "
    "runpy.run_module('localstack.runtime.main', run_name='__main__', alter_sys=True)"
)


@dataclass(frozen=True, slots=True)
class LocalStack:
    """Where it listens."""

    url: str

    def client(self, connections: int = 10, service: str = "kms") -> Any:
        """Amazon's own SDK against it, with one attempt a call."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=connections, proxies={}),
        )


def is_installed() -> bool:
    """Whether ``make localstack`` came to its end."""
    return (ENVIRONMENT / ".installed").exists()


@contextmanager
def started_localstack(folder: Path) -> Iterator[LocalStack]:
    """Run it on a free port of loopback until the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    address = f"127.0.0.1:{port}"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GATEWAY_LISTEN": address,
        "GATEWAY_SERVER": "hypercorn",
        "SERVICES": "kms,s3,secretsmanager",
        "EAGER_SERVICE_LOADING": "1",
        # Nothing of it looks beyond loopback.
        "DNS_ADDRESS": "0",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DISABLE_EVENTS": "1",
        "LOCALSTACK_VOLUME_DIR": str(folder),
    }
    log = folder / f"localstack-{secrets.token_hex(4)}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [ENVIRONMENT / "bin" / "python", "-c", _START],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )

    def alive() -> None:
        assert process.poll() is None, f"it ended with {process.returncode}:\n{log.read_text('utf-8', 'replace')[-4000:]}"

    try:
        until(lambda: _answers(port), alive)
        yield LocalStack(f"http://{address}")
    finally:
        # It has nothing to lose, and SIGTERM can leave it hanging.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/_localstack/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
