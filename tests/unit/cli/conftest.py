"""The command as scripts run it: a process of its own, against a real TLS server in this one."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.support.contract_service import ContractService, running_service
from tests.support.spawned import until
from tests.support.tls_files import TLSFiles, make_tls_files

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Command(Protocol):
    async def __call__(self, *words: str | Path, env: Mapping[str, str] = ..., cwd: Path | None = None) -> Ended: ...


class Killed(Protocol):
    async def __call__(self, *words: str | Path, once: Callable[[], bool] = ...) -> None: ...


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SIGNPROXY") and name != "NO_COLOR"}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **extra}


@pytest.fixture
def signproxy() -> Command:
    async def run(*words: str | Path, env: Mapping[str, str] = {}, cwd: Path | None = None) -> Ended:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "proxy",
            *map(str, words),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(env),
            cwd=cwd,
        )
        out, err = await process.communicate()
        assert process.returncode is not None
        ended = Ended(process.returncode, out.decode(), err.decode())
        assert "Traceback" not in ended.err, ended.err
        return ended

    return run


@pytest.fixture
def killed(service: ContractService) -> Killed:
    """Runs the command until the service has a document that it hangs for, and then, ``once`` that holds, kills it unwarned."""

    async def run(*words: str | Path, once: Callable[[], bool] = lambda: True) -> None:
        reached = asyncio.Event()
        service.on_hang = reached.set
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "proxy", *map(str, words)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment({}),
        )
        ending = asyncio.create_task(process.communicate())
        await asyncio.wait({ending, asyncio.create_task(reached.wait())}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.to_thread(until, once)
        process.kill()
        _, err = await ending
        assert process.returncode == -signal.SIGKILL, err.decode()
        service.hang_for = None

    return run


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TLSFiles:
    return make_tls_files(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def service(tls: TLSFiles) -> AsyncIterator[ContractService]:
    async with running_service(tls) as running:
        yield running
