"""Has files verified, a few at a time; one that cannot be leaves the others alone."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from proxy.cli.many_files import a_few_at_a_time
from proxy.cli.progress import Bars, NoBars
from proxy.client import Connection, Progress, SigningClient, Verification
from proxy.errors import ProxyError
from proxy.model import VerificationRequest


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

        return await verify_each(documents, verify, jobs=jobs, bars=bars)


async def verify_each(
    documents: Sequence[Path],
    verify: Callable[[Path, Progress], Awaitable[Verification]],
    *,
    jobs: int,
    bars: Bars | NoBars,
) -> tuple[Outcome, ...]:
    """Verify files in whatever way ``verify`` does."""

    async def verified(document: Path) -> Outcome:
        with bars.file(document) as progress:
            try:
                return Outcome(document, await verify(document, progress), None)
            except (ProxyError, OSError) as error:
                return Outcome(document, None, error)

    return await a_few_at_a_time(documents, verified, jobs)
