"""Sends many files through one service, a few at a time; one that fails leaves the others alone."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from proxy.cli.exit_codes import ExitCode, exit_code_of
from proxy.cli.outputs import Work
from proxy.cli.progress import Bars, NoBars
from proxy.client import Connection, SignedDocument, SigningClient, TimestampedDocument
from proxy.errors import ProxyError

Result = SignedDocument | TimestampedDocument

_WorkT = TypeVar("_WorkT")
_DoneT = TypeVar("_DoneT")

DocumentCall = Callable[..., Awaitable[Result]]
"""``SigningClient.sign`` or ``timestamp`` with its request: takes the document and, by name, what is left of its arguments."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: ``result`` or ``error``; neither where a result of an earlier run is there."""

    work: Work
    result: Result | None
    error: ProxyError | OSError | None
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Manner:
    """How files are sent.

    Attributes:
        jobs: Files at a time.
        whole: Download whole documents rather than increments.
        overwrite: Replace results that are there.
        repeats: How often a file is sent again whose answer was lost.
    """

    jobs: int
    whole: bool
    overwrite: bool
    repeats: int = 0


async def send_files(
    connection: Connection,
    work: Sequence[Work],
    call_of: Callable[[SigningClient], DocumentCall],
    manner: Manner,
    *,
    bars: Bars | NoBars,
    told: Callable[[Outcome], None] | None = None,
) -> tuple[Outcome, ...]:
    """Have something done with every file, in the order given.

    Args:
        connection: The service.
        work: The files and where their results go.
        call_of: What is done with each.
        manner: How.
        bars: Told of the progress.
        told: Called with each outcome as soon as it is known.

    Returns:
        One outcome a file, in the same order.

    Raises:
        SettingsError: The connection's files cannot be used.
    """
    async with SigningClient(connection, limit=manner.jobs, repeats=manner.repeats) as client:
        call = call_of(client)

        async def send(entry: Work) -> Outcome:
            outcome = await _send_one(call, entry, manner, bars)
            if told is not None:
                told(outcome)
            return outcome

        return await a_few_at_a_time(work, send, manner.jobs)


async def a_few_at_a_time(work: Sequence[_WorkT], do: Callable[[_WorkT], Awaitable[_DoneT]], jobs: int) -> tuple[_DoneT, ...]:
    """Do something with each, ``jobs`` of them at a time, and give what came of it in their order."""
    done: dict[int, _DoneT] = {}

    async def worker(waiting: Iterator[tuple[int, _WorkT]]) -> None:
        for index, entry in waiting:
            done[index] = await do(entry)

    waiting = enumerate(work)
    async with asyncio.TaskGroup() as group:
        for _ in range(min(jobs, len(work))):
            group.create_task(worker(waiting))
    return tuple(done[index] for index in range(len(work)))


async def _send_one(call: DocumentCall, work: Work, manner: Manner, bars: Bars | NoBars) -> Outcome:
    begun = time.perf_counter()
    result: Result | None = None
    error: ProxyError | OSError | None = None
    with bars.file(work.document) as progress:
        try:
            result = await call(
                work.document, output=work.output, whole=manner.whole, overwrite=manner.overwrite, progress=progress
            )
        except (ProxyError, OSError) as failure:
            error = failure
    return Outcome(work, result, error, (time.perf_counter() - begun) * 1000)


def exit_code(outcomes: Sequence[Outcome]) -> ExitCode:
    """``OK``; ``FAILED``; or what all failures have in common, when nothing succeeded."""
    return exit_code_of_all([outcome.error for outcome in outcomes])


def exit_code_of_all(outcomes: Sequence[ProxyError | OSError | None]) -> ExitCode:
    """The same of the failures alone, ``None`` for each file with which all went well."""
    errors = [error for error in outcomes if error is not None]
    if not errors:
        return ExitCode.OK
    codes = {_code_of(error) for error in errors}
    if len(errors) == len(outcomes) and len(codes) == 1:
        return codes.pop()
    return ExitCode.FAILED


def _code_of(error: Exception) -> ExitCode:
    if isinstance(error, ProxyError):
        return exit_code_of(error)
    return ExitCode.USAGE if isinstance(error, FileNotFoundError) else ExitCode.FAILED
