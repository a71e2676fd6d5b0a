"""Tasks of a verification that do what a hostile document might make them do, where the document says so."""

import os
import signal
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from proxy.pades.tasks import TASKS as REAL
from proxy.pades.verification.values import DESCRIBE_SCANS, EXAMINE, SURVEY
from proxy.validation.engine import JUDGE

Task = Callable[[Any, Any], Any]


def _crash(_: BinaryIO | None, __: object) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _raise(_: BinaryIO | None, __: object) -> None:
    raise KeyError("/Hostile")


def _exhaust(_: BinaryIO | None, __: object) -> None:
    raise MemoryError


FAULTS: Mapping[bytes, Task] = {b"crash": _crash, b"raise": _raise, b"exhaust": _exhaust}
"""By the word behind a stage's in the document: ``%examine:crash``."""

STAGES: Mapping[bytes, str] = {b"examine": EXAMINE, b"survey": SURVEY, b"scan": DESCRIBE_SCANS, b"judge": JUDGE}


def _perhaps(stage: bytes, real: Task) -> Task:
    def run(stream: BinaryIO | None, argument: Any) -> Any:
        # What is judged has no document; it has the document's words in the contents of what is signed.
        text = b"".join(item.contents for item in argument.objects) if stream is None else stream.read()
        for word, fault in FAULTS.items():
            if b"%" + stage + b":" + word in text:
                return fault(stream, argument)
        return real(stream, argument)

    return run


TASKS = {name: _perhaps(stage, REAL[name]) for stage, name in STAGES.items()}
