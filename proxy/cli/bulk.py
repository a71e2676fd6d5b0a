"""Verifies a folder of files, some at a time, and gives what became of each in the order of their names.

No more files are ahead of the one that is waited for than are verified at a time, so that memory does not grow with the folder.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from fnmatch import fnmatch
from pathlib import Path

from proxy.cli.progress import Bars, NoBars
from proxy.cli.verifying import Outcome, Verify, outcome_of


def files_below(folder: Path, pattern: str) -> Iterator[Path]:
    """The files below a folder whose name matches, capitals or not, in the order of their names; links are not followed."""
    for entry in sorted(folder.iterdir()):
        if entry.is_symlink():
            continue
        if entry.is_dir():
            yield from files_below(entry, pattern)
        elif entry.is_file() and fnmatch(entry.name.lower(), pattern.lower()):
            yield entry


async def verified_in_order(files: Iterator[Path], verify: Verify, *, jobs: int, bars: Bars | NoBars) -> AsyncIterator[Outcome]:
    """What became of each file; one that cannot be verified stops no other.

    Args:
        files: Which ones.
        verify: How one is.
        jobs: Files at a time.
        bars: Told of the progress.
    """
    ahead: deque[asyncio.Task[Outcome]] = deque()
    try:
        for document in files:
            ahead.append(asyncio.create_task(outcome_of(document, verify, bars)))
            if len(ahead) >= jobs:
                yield await ahead.popleft()
        while ahead:
            yield await ahead.popleft()
    finally:
        for task in ahead:
            task.cancel()
        await asyncio.gather(*ahead, return_exceptions=True)
