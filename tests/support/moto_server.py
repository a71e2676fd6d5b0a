"""moto's server over HTTP, which nobody here wrote, for what LocalStack does not have. ``make localstack`` installs it.

That is DynamoDB, which LocalStack downloads, and symmetric keys in KMS, which it makes with Python 3.12 alone.
"""

import os
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

from tests.support.localstack import CREDENTIALS, ENVIRONMENT, REGION
from tests.support.spawned import until

# It dies with the process that started it (prctl(2), PR_SET_PDEATHSIG), however that one ends.
_START = """
import ctypes, sys, threading
ctypes.CDLL(None).prctl(1, 9)
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
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )

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
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    log = folder / "moto.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [ENVIRONMENT / "bin" / "python", "-c", _START, str(port)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], "HOME": str(folder)},
            cwd=folder,
            start_new_session=True,
        )

    def alive() -> None:
        assert process.poll() is None, f"it ended with {process.returncode}:\n{log.read_text('utf-8', 'replace')[-4000:]}"

    try:
        until(lambda: _listens(port), alive)
        yield Moto(f"http://127.0.0.1:{port}")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True
