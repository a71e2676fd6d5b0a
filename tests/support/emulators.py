"""Emulators of AWS as processes on loopback: the environment they run in, how they start, and how they end."""

import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.support.spawned import until

ENVIRONMENT = Path(__file__).parents[2] / ".venv-localstack"
"""What they run in, an environment of its own: ``make localstack``."""

REGION = "eu-central-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

DIES_WITH_ITS_PARENT = "import ctypes; ctypes.CDLL(None).prctl(1, 9)\n"
"""prctl(2), PR_SET_PDEATHSIG: however the process ends that started it."""


def free_port() -> int:
    """One of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def started(
    name: str,
    program: str,
    *arguments: str,
    folder: Path,
    is_up: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """A Python program of theirs, up until the end of the block.

    Args:
        name: Of its log in the folder.
        program: Python source.
        arguments: Of the program.
        folder: What it may write.
        is_up: Whether it answers.
        environment: Variables, beside those every program has.
    """
    log = folder / f"{name}-{secrets.token_hex(4)}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [ENVIRONMENT / "bin" / "python", "-c", DIES_WITH_ITS_PARENT + program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), **(environment or {})},
            cwd=folder,
            start_new_session=True,
        )

    def alive() -> None:
        assert process.poll() is None, f"it ended with {process.returncode}:\n{log.read_text('utf-8', 'replace')[-4000:]}"

    try:
        until(is_up, alive)
        yield
    finally:
        # It has nothing to lose, and SIGTERM can leave it hanging.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def sdk_client(service: str, url: str, connections: int = 10) -> Any:
    """Amazon's own SDK against one of them, with one attempt a call."""
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=connections, proxies={}),
    )
