"""moto's server over HTTP, which nobody here wrote, for what LocalStack does not have. ``make localstack`` installs it.

That is DynamoDB, which LocalStack downloads, and symmetric keys in KMS, which it makes with Python 3.12 alone.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.emulators import ENVIRONMENT, free_port, sdk_client, started

_PROGRAM = """
import sys, threading
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
application = DomainDispatcherApplication(create_backend_app)
one_at_a_time = threading.Lock()  # as moto has it in mind

def serve(environ, start_response):
    with one_at_a_time:
        return list(application(environ, start_response))

make_server("127.0.0.1", int(sys.argv[1]), serve, threaded=True).serve_forever()
"""


@dataclass(frozen=True, slots=True)
class Moto:
    """Where it listens."""

    url: str

    def client(self, service: str = "dynamodb") -> Any:
        """Amazon's own SDK against it."""
        return sdk_client(service, self.url)

    def create_key(self) -> str:
        """A symmetric key in KMS; its ARN."""
        return str(self.client("kms").create_key()["KeyMetadata"]["Arn"])

    def create_table(self, name: str, *keys: str) -> None:
        """A table with a string for a partition key, and perhaps one for a sort key."""
        self.client().create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)],
        )


def is_installed() -> bool:
    """Whether the environment of the emulators has it."""
    return (ENVIRONMENT / ".installed").exists() and any(ENVIRONMENT.glob("lib/python3*/site-packages/flask_cors"))


@contextmanager
def started_moto(folder: Path) -> Iterator[Moto]:
    """Run it on a free port of loopback until the end of the block."""
    port = free_port()
    with started("moto", _PROGRAM, str(port), folder=folder, is_up=lambda: _listens(port)):
        yield Moto(f"http://127.0.0.1:{port}")


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True
