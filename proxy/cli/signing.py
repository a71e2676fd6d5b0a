"""Signs many files through one service, a few at a time; one that fails leaves the others alone."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from proxy.cli.exit_codes import ExitCode, exit_code_of
from proxy.cli.outputs import Work
from proxy.cli.progress import Bars, NoBars
from proxy.client import Connection, SignedDocument, SigningClient
from proxy.errors import ProxyError
from proxy.model import SignatureRequest


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: ``signed`` or ``error``."""

    work: Work
    signed: SignedDocument | None
    error: ProxyError | OSError | None
    milliseconds: float


async def sign_files(
    connection: Connection,
    work: Sequence[Work],
    request: SignatureRequest,
    *,
    jobs: int,
    whole: bool,
    overwrite: bool,
    bars: Bars | NoBars,
    told: Callable[[Outcome], None] | None = None,
) -> tuple[Outcome, ...]:
    """Sign every file, in the order given.

    Args:
        connection: The service.
        work: The files and where their results go.
        request: The same for each.
        jobs: Files at a time.
        whole: Download whole documents rather than increments.
        overwrite: Replace results that are there.
        bars: Told of the progress.
        told: Called with each outcome as soon as it is known.

    Returns:
        One outcome a file, in the same order.

    Raises:
        SettingsError: The connection's files cannot be used.
    """
    outcomes: list[Outcome | None] = [None] * len(work)
    async with SigningClient(connection, limit=jobs) as client:

        async def worker(waiting: Iterator[tuple[int, Work]]) -> None:
            for index, entry in waiting:
                outcome = await _sign_one(client, entry, request, whole=whole, overwrite=overwrite, bars=bars)
                outcomes[index] = outcome
                if told is not None:
                    told(outcome)

        waiting = enumerate(work)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(jobs, len(work))):
                group.create_task(worker(waiting))
    return tuple(outcome for outcome in outcomes if outcome is not None)


async def _sign_one(
    client: SigningClient, work: Work, request: SignatureRequest, *, whole: bool, overwrite: bool, bars: Bars | NoBars
) -> Outcome:
    begun = time.perf_counter()
    signed: SignedDocument | None = None
    error: ProxyError | OSError | None = None
    with bars.file(work.document) as progress:
        try:
            signed = await client.sign(work.document, request, work.output, whole=whole, overwrite=overwrite, progress=progress)
        except (ProxyError, OSError) as failure:
            error = failure
    return Outcome(work, signed, error, (time.perf_counter() - begun) * 1000)


def exit_code(outcomes: Sequence[Outcome]) -> ExitCode:
    """``OK``; ``FAILED``; or what all failures have in common, when nothing succeeded."""
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if not errors:
        return ExitCode.OK
    codes = {exit_code_of(error) if isinstance(error, ProxyError) else ExitCode.FAILED for error in errors}
    if len(errors) == len(outcomes) and len(codes) == 1:
        return codes.pop()
    return ExitCode.FAILED
