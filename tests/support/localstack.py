"""LocalStack's KMS, S3 and Secrets Manager over HTTP, which nobody here wrote. ``make localstack`` installs it."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.emulators import ENVIRONMENT, free_port, sdk_client, started

ACCOUNT = "000000000000"

_PROGRAM = "import runpy; runpy.run_module('localstack.runtime.main', run_name='__main__', alter_sys=True)"


@dataclass(frozen=True, slots=True)
class LocalStack:
    """Where it listens."""

    url: str

    def client(self, connections: int = 10, service: str = "kms") -> Any:
        """Amazon's own SDK against it, with one attempt a call."""
        return sdk_client(service, self.url, connections)


def is_installed() -> bool:
    """Whether ``make localstack`` came to its end."""
    return (ENVIRONMENT / ".installed").exists()


@contextmanager
def started_localstack(folder: Path) -> Iterator[LocalStack]:
    """Run it on a free port of loopback until the end of the block."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    environment = {
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
    with started("localstack", _PROGRAM, folder=folder, is_up=lambda: _answers(port), environment=environment):
        yield LocalStack(f"http://{address}")


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/_localstack/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
