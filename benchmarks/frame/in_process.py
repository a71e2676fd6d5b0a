"""The service's operations in this process: everything of a call but HTTP, with a key in a file.

Engine processes, transaction log, time-stamping authority and revocation data are those of a service; the document is read from
a file into the spool as an upload would be.
"""

import asyncio
import os
import uuid
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.frame.case import Sample
from benchmarks.frame.measuring import timed
from benchmarks.frame.surroundings import CERTIFICATE, Surroundings
from proxy.app import configure_logging, open_operations, open_services
from proxy.call import Call, Deadline
from proxy.model import SignatureForm, SignatureRequest
from proxy.operations.service import Operations
from proxy.ports import SystemClock
from proxy.settings import Settings, load_settings
from proxy.spool import CHUNK, SpooledDocument

WORKER = "proxy.engine.worker"

LOCAL = "local"
"""The certificate of :data:`~benchmarks.frame.surroundings.CERTIFICATE`, its key in a file."""


def request(form: SignatureForm = SignatureForm.ES, *, ltv: bool = False, **more: object) -> SignatureRequest:
    """What is asked by default: a B-B signature with the key in a file."""
    return SignatureRequest(form=form, certificate_id=LOCAL, ltv=ltv, **more)  # type: ignore[arg-type]  # fields by name


@dataclass(frozen=True, slots=True)
class InProcess:
    """Open operations, and the event loop they are open in."""

    operations: Operations
    settings: Settings
    runner: asyncio.Runner

    def pids(self) -> list[int]:
        """This process and its engine process: whose work a signature is."""
        children = psutil.Process().children()
        return [os.getpid(), *(child.pid for child in children if WORKER in child.cmdline())]

    def sign(self, document: Path, asked: SignatureRequest, out: Path | None = None) -> Sample:
        """Spool a file and sign it; the result is written to ``out`` where it is named, outside of what is measured."""
        with SpooledDocument(self.settings.spool.directory, limit=1 << 40) as spool:
            sample = timed(lambda: self.runner.run(self._sign(document, spool, asked)), self.pids())
            if out is not None:
                with out.open("wb") as file:
                    file.writelines(spool.chunks(0, spool.total_size))
        return sample

    async def _sign(self, document: Path, spool: SpooledDocument, asked: SignatureRequest) -> None:
        call = Call(str(uuid.uuid4()), "bench", "es", SystemClock().now(), Deadline.after(120))
        with document.open("rb", buffering=0) as file:
            while piece := file.read(CHUNK):
                spool.write(piece)
        async with self.operations.journal.transaction(call):
            await self.operations.signing.sign(call, spool, asked)


@contextmanager
def in_process(around: Surroundings, **overlay: str) -> Iterator[InProcess]:
    """Open them with one engine process, until the end of the block.

    Args:
        around: Whose sandbox stands behind them.
        overlay: Settings as in the environment, ``SIGNPROXY__…``.
    """
    keys = around.state.central_keys
    folder = around.folder / "in-process"
    folder.mkdir(exist_ok=True)
    certificate = around.state.signing(CERTIFICATE).certificate
    credential = f'{{id="{LOCAL}", backend="software", key="{CERTIFICATE}", certificate="{certificate}"}}'
    environment = {
        "SIGNPROXY__SOFTWARE__DIRECTORY": f'"{keys / "keys"}"',
        "SIGNPROXY__CREDENTIALS": f"[{credential}]",
        "SIGNPROXY__ENGINE__PROCESSES": "1",
        "SIGNPROXY__LOG__LEVEL": "error",
        "SIGNPROXY__ENGINE__CPU_SECONDS": "60",
        "SIGNPROXY__ENGINE__WALL_SECONDS": "60",
        "SIGNPROXY__STORES__TRANSACTION_LOG": f'"{folder / "transactions.sqlite"}"',
        "SIGNPROXY__STORES__IDEMPOTENCY": f'"{folder / "idempotency.sqlite"}"',
        "SIGNPROXY__STORES__CERTIFICATES": f'"{folder / "certificates.sqlite"}"',
        **overlay,
    }
    settings = load_settings(around.sandbox.settings["proxy"], environment)
    configure_logging(settings.log)
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            services = runner.run(stack.enter_async_context(open_services(settings)))
            yield InProcess(runner.run(stack.enter_async_context(open_operations(services))), settings, runner)
        finally:
            runner.run(stack.aclose())
