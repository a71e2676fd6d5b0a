"""One PKI for all tests of the sandbox in a process, and its services on real sockets."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from proxy.ports import SystemClock
from proxy.sandbox.addresses import Addresses
from proxy.sandbox.folder import StateFolder
from proxy.sandbox.pki import ensure_pki
from proxy.sandbox.responder import make_responder_app
from proxy.sandbox.tsa import TokenIssuer
from proxy.sandbox.tsa_server import make_tsa_app

Judge = Callable[..., "asyncio.Future[tuple[int, str]]"]


class SetClock:
    """A clock that stands where a test puts it."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


@pytest.fixture(scope="session")
def made_folder(tmp_path_factory: pytest.TempPathFactory) -> StateFolder:
    """A PKI; its certificates name a responder that never runs there."""
    folder = StateFolder.at(tmp_path_factory.mktemp("sandbox"))
    ensure_pki(folder, Addresses.ensure(folder, None).services, SystemClock())
    return folder


@pytest.fixture
def folder(made_folder: StateFolder, tmp_path: Path) -> StateFolder:
    """A copy that a test may change."""
    shutil.copytree(made_folder.root, tmp_path / "state")
    return StateFolder.at(tmp_path / "state")


@pytest.fixture
def clock() -> SetClock:
    return SetClock(datetime.now(UTC))


@pytest.fixture
async def responder(folder: StateFolder, clock: SetClock) -> AsyncIterator[TestServer]:
    server = TestServer(make_responder_app(folder, clock), host="127.0.0.1")
    async with server:
        yield server


@pytest.fixture
async def tsa(folder: StateFolder, clock: SetClock) -> AsyncIterator[TestServer]:
    server = TestServer(make_tsa_app(TokenIssuer.open(folder, clock)), host="127.0.0.1")
    async with server:
        yield server


async def run(*command: str | Path) -> tuple[int, str]:
    """Run a judge; its exit code and all it said."""
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not installed")
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(errors="replace")


@pytest.fixture
def judge() -> Callable[..., object]:
    return run
