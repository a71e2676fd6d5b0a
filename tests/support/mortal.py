"""The real service in a process that dies where a test says, and a keeper that starts it anew.

A boundary is the beginning or end of a stage of a call with an Idempotency-Key, and each moment after something was kept or
recorded for one. The process appends each boundary it passes to ``BOUNDARIES``; when ``DOOM`` holds the number of one, it kills
itself there. Both are named by environment variables of these names, which the product knows nothing of.
"""

import importlib
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from proxy.app import serve
from proxy.call import Call
from proxy.model import TransactionRecord
from proxy.settings import load_settings
from proxy.stores.idempotency_sqlite import SQLiteIdempotencyStore
from proxy.stores.transactions_sqlite import SQLiteTransactionLog

DOOM = "TEST_DOOM"
BOUNDARIES = "TEST_BOUNDARIES"


class Fate:
    """Counts the boundaries of one call at a time."""

    def __init__(self) -> None:
        self._call = ""
        self._passed = 0

    def pass_by(self, boundary: str, call: str | None = None) -> None:
        if call is not None and call != self._call:
            self._call, self._passed = call, 0
        self._passed += 1
        with Path(os.environ[BOUNDARIES]).open("a") as file:
            file.write(boundary + "\n")
        doom = Path(os.environ[DOOM])
        if doom.exists() and int(doom.read_text()) == self._passed:
            doom.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


def _make_mortal() -> None:
    fate, stage = Fate(), Call.stage
    prepared, done, append = SQLiteIdempotencyStore.prepared, SQLiteIdempotencyStore.done, SQLiteTransactionLog.append

    @contextmanager
    def mortal_stage(call: Call, name: str) -> Iterator[None]:
        if call.idempotency_key is None:
            with stage(call, name):
                yield
            return
        fate.pass_by(f"before {name}", call.transaction_id)
        with stage(call, name):
            yield
        fate.pass_by(f"after {name}", call.transaction_id)

    async def mortal_prepared(store: SQLiteIdempotencyStore, scope: bytes, owner: str, name: str, sealed: bytes) -> bool:
        kept = await prepared(store, scope, owner, name, sealed)
        fate.pass_by(f"kept {name.partition(' ')[0]}")
        return kept

    async def mortal_done(store: SQLiteIdempotencyStore, scope: bytes, owner: str, name: str, sealed: bytes) -> bool:
        kept = await done(store, scope, owner, name, sealed)
        fate.pass_by("done")
        return kept

    async def mortal_append(log: SQLiteTransactionLog, record: TransactionRecord) -> None:
        await append(log, record)
        if record.idempotency is not None:
            fate.pass_by("recorded", record.transaction_id)

    changes: dict[Any, dict[str, Any]] = {
        Call: {"stage": mortal_stage},
        SQLiteTransactionLog: {"append": mortal_append},
        SQLiteIdempotencyStore: {"prepared": mortal_prepared, "done": mortal_done},
    }
    for kind, members in changes.items():
        for name, member in members.items():
            setattr(kind, name, member)


def main() -> int:
    """Keep a service running until SIGTERM: killed, it is started again."""
    _make_mortal()
    # Each process that is started anew has it from here, instead of taking seconds to import it.
    importlib.import_module("aws_cryptographic_material_providers.mpl")
    settings = load_settings(Path(sys.argv[1]))
    stopping = False
    child = 0

    def stop(_number: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True
        if child:
            os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    while not stopping:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os._exit(serve(settings))
        os.waitpid(child, 0)
        child = 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
