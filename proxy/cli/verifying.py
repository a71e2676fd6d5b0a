"""Has files verified by a service; that one cannot be is an outcome too.

Who asks for a verification says so by :class:`Verifier` alone, and need not know who does it.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from proxy.cli.progress import Bars, NoBars
from proxy.client import Connection, Progress, SigningClient, Verification
from proxy.errors import ProxyError
from proxy.model import VerificationRequest


class Verifier(Protocol):
    """Verifies documents."""

    async def verify(
        self, document: BinaryIO, request: VerificationRequest, *, language: str, progress: Progress
    ) -> Verification:
        """Verify one.

        Args:
            document: Read from where it stands.
            request: What is asked about it.
            language: Of the reasons' texts.
            progress: Told of the bytes as they pass.

        Raises:
            OSError: It cannot be read.
            ProxyError: It cannot be verified.
        """
        ...


OpenVerifier = Callable[[], AbstractAsyncContextManager[Verifier]]


@asynccontextmanager
async def verifier_at(connection: Connection, *, jobs: int) -> AsyncIterator[Verifier]:
    """A service.

    Args:
        connection: Where it is.
        jobs: Files at a time.

    Raises:
        SettingsError: The connection's files cannot be used.
    """
    async with SigningClient(connection, limit=jobs) as client:
        yield client


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: ``verification`` or ``error``."""

    document: Path
    verification: Verification | None
    error: ProxyError | OSError | None


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked about every file, and of whom. Attributes: ``bars`` are told of the progress."""

    verifier: Verifier
    request: VerificationRequest
    language: str
    bars: Bars | NoBars

    async def ask(self, document: Path, opened: Callable[[], AbstractContextManager[BinaryIO]]) -> Outcome:
        """Verify one file.

        Args:
            document: Its name.
            opened: Opens it.
        """
        with self.bars.file(document) as progress:
            try:
                with opened() as stream:
                    verified = await self.verifier.verify(stream, self.request, language=self.language, progress=progress)
            except (ProxyError, OSError) as error:
                return Outcome(document, None, error)
            return Outcome(document, verified, None)
