"""Keeps files that are made of secrets what the secrets are: written at the start, and again when one was rotated.

Whoever uses the files follows them (``proxy.following``), so a rotated key is in use without a restart.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from proxy.errors import SettingsError
from proxy.settings import SecretFileSettings

_log = structlog.get_logger("proxy.files")


@asynccontextmanager
async def kept_secret_files(files: Sequence[SecretFileSettings], seconds: float) -> AsyncIterator[None]:
    """Write the files, and look every ``seconds`` whether their secrets have changed until the body ends.

    Args:
        files: Which ones.
        seconds: Between two looks; each reads every secret.

    Raises:
        SettingsError: A secret cannot be read, or a file not be written, to begin with. Later the log tells of it, and the file
            stays as it is.
    """
    await asyncio.to_thread(_write_all, files)
    keeping = asyncio.create_task(_keep(files, seconds)) if files else None
    try:
        yield
    finally:
        if keeping is not None:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)


async def _keep(files: Sequence[SecretFileSettings], seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        for file in files:
            try:
                if await asyncio.to_thread(write_secret, file):
                    _log.info("secret_files.written_again", path=str(file.path))
            except SettingsError as error:
                _log.warning("secret_files.not_read", path=str(file.path), reason=error.detail)


def _write_all(files: Sequence[SecretFileSettings]) -> None:
    for file in files:
        write_secret(file)


def write_secret(file: SecretFileSettings) -> bool:
    """Make the file what its secret is, in one step, readable by this user alone.

    Returns:
        Whether it was something else.

    Raises:
        SettingsError: The secret cannot be read, or the file not be written.
    """
    value = (file.secret.read() + "\n").encode("utf-8")
    try:
        if file.path.exists() and file.path.read_bytes() == value:
            return False
        file.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(prefix=".", dir=file.path.parent)
        with os.fdopen(descriptor, "wb") as temporary:
            temporary.write(value)
        Path(name).replace(file.path)
    except OSError as error:
        raise SettingsError(f"{file.path}: {error.strerror}") from error
    return True
