"""Has files verified, a few at a time; one that cannot be leaves the others alone."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from proxy.cli.many_files import a_few_at_a_time
from proxy.cli.progress import Bars, NoBars
from proxy.client import Connection, Progress, SigningClient, Verification
from proxy.errors import ProxyError
from proxy.model import VerificationRequest

Verify = Callable[[Path, Progress], Awaitable[Verification]]
"""How one file is verified, told of its progress."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: ``verification`` or ``error``."""

    document: Path
    verification: Verification | None
    error: ProxyError | OSError | None


async def verify_by_service(
    connection: Connection,
    documents: Sequence[Path],
    request: VerificationRequest,
    language: str,
    *,
    jobs: int,
    bars: Bars | NoBars,
) -> tuple[Outcome, ...]:
    """Verify files by a service.

    Args:
        connection: The service.
        documents: The files.
        request: What is asked about each.
        language: Of the reasons' texts.
        jobs: Files at a time.
        bars: Told of the progress.

    Raises:
        SettingsError: The connection's files cannot be used.
    """
    async with SigningClient(connection, limit=jobs) as client:

        def verify(document: Path, progress: Progress) -> Awaitable[Verification]:
            return client.verify(document, request, language=language, progress=progress)

        async def verified(document: Path) -> Outcome:
            return await outcome_of(document, verify, bars)

        return await a_few_at_a_time(documents, verified, jobs)


async def outcome_of(document: Path, verify: Verify, bars: Bars | NoBars) -> Outcome:
    """Verify one file; that it cannot be is an outcome too."""
    with bars.file(document) as progress:
        try:
            return Outcome(document, await verify(document, progress), None)
        except (ProxyError, OSError) as error:
            return Outcome(document, None, error)
