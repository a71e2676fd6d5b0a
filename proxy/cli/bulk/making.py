"""Has a result made of one file of a folder, once: a run that was killed, or is begun again, makes nothing twice.

What tells that it is made is the result itself: a file in its place that begins with the document. Where the result takes the
document's own place, the run keeps what the document was. What a service did, without its answer reaching anybody, it does not
do again under the same Idempotency-Key.
"""

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from proxy.cli.bulk.listing import open_file
from proxy.cli.bulk.places import Places
from proxy.cli.bulk.run import BulkFile, BulkRun
from proxy.cli.exit_codes import ExitCode
from proxy.cli.many_files import DocumentCall, Manner, Outcome, Result, exit_code_of_all
from proxy.cli.outputs import Work
from proxy.cli.progress import Bars, NoBars
from proxy.cli.results import facts
from proxy.client.transfer import CHUNK
from proxy.errors import ProxyError


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds. Attributes: ``size`` in bytes; ``sha256`` in hex."""

    size: int
    sha256: str

    @classmethod
    def of(cls, stream: BinaryIO, most: int | None = None) -> Self:
        """Read it, or its first ``most`` bytes. Raises OSError."""
        running, size = hashlib.sha256(), 0
        while chunk := stream.read(CHUNK if most is None else min(CHUNK, most - size)):
            running.update(chunk)
            size += len(chunk)
        return cls(size, running.hexdigest())

    @classmethod
    def kept(cls, text: str) -> Self:
        """As :meth:`__str__` wrote it."""
        size, sha256 = text.split()
        return cls(int(size), sha256)

    def __str__(self) -> str:
        return f"{self.size} {self.sha256}"

    def begins(self, path: Path) -> bool:
        """Whether a file has this and more after it. Raises OSError."""
        with open_file(path) as stream:
            return Content.of(stream, self.size) == self and bool(stream.read(1))


@dataclass(frozen=True, slots=True)
class Making:
    """How results are made.

    Attributes:
        run: Which files.
        call: What is done with each.
        key_of: The Idempotency-Key for a document's SHA-256; ``None`` for a service that takes none.
        places: Where results go.
        manner: How files are sent.
        bars: Told of the progress.
    """

    run: BulkRun
    call: DocumentCall
    key_of: Callable[[str], str] | None
    places: Places
    manner: Manner
    bars: Bars | NoBars

    async def make(self, file: BulkFile) -> Outcome:
        """Have it made; that it cannot be is an outcome too."""
        started = time.perf_counter()
        work = Work(file.document, self.places.output(file))
        result: Result | None = None
        error: ProxyError | OSError | None = None
        with self.bars.file(file.document) as progress:
            try:
                content = await asyncio.to_thread(_content, file)
                if not await asyncio.to_thread(self._is_there, file, work, content):
                    result = await self.call(
                        file.document,
                        output=work.output,
                        whole=self.manner.whole,
                        overwrite=self.manner.overwrite or self.places.in_place,
                        progress=progress,
                        idempotency_key=None if self.key_of is None else self.key_of(content.sha256),
                    )
            except (ProxyError, OSError) as failure:
                error = failure
        return Outcome(work, result, error, (time.perf_counter() - started) * 1000)

    def _is_there(self, file: BulkFile, work: Work, content: Content) -> bool:
        """Whether the result is there; if it is to be made, everything is ready for it."""
        if work.output is None:
            return False
        if self.places.in_place:
            if file.begun is not None and Content.kept(file.begun).begins(file.document):
                return True
            self.run.begin(file, str(content))
            return False
        if self.manner.overwrite:
            return False
        work.output.parent.mkdir(parents=True, exist_ok=True)
        return work.output.exists() and content.begins(work.output)


def _content(file: BulkFile) -> Content:
    with file.open() as stream:
        return Content.of(stream)


class MadeTally:
    """Counts outcomes without keeping them."""

    def __init__(self) -> None:
        self._words: Counter[str] = Counter()
        self._codes: Counter[ExitCode] = Counter()

    def add(self, outcome: Outcome) -> None:
        """Count what became of one file."""
        self._words[str(facts(outcome)["result"])] += 1
        self._codes[exit_code_of_all([outcome.error])] += 1

    @property
    def exit_code(self) -> ExitCode:
        """``OK``; ``FAILED``; or what all failures have in common, when nothing succeeded."""
        failures = set(self._codes) - {ExitCode.OK}
        if not failures:
            return ExitCode.OK
        return failures.pop() if len(self._codes) == 1 else ExitCode.FAILED

    @property
    def summary(self) -> str:
        """How many of each."""
        counts = [f"{count} {word}" for word, count in sorted(self._words.items())]
        return f"{self._words.total()} files: {', '.join(counts) or 'nothing to do'}"
