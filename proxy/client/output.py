"""A result on disk appears whole or not at all."""

import os
import secrets
from pathlib import Path
from typing import BinaryIO


class PendingFile:
    """A file beside its target that takes the target's name once it is complete; otherwise it is gone.

    Use as a context manager; what was not committed is removed at its end.

    Args:
        target: The final path; its folder exists.
        overwrite: Whether a file already there may be replaced.
    """

    def __init__(self, target: Path, *, overwrite: bool = False) -> None:
        self._target = target
        self._overwrite = overwrite
        self._committed = False

    def __enter__(self) -> "PendingFile":
        """Open it.

        Raises:
            FileExistsError: The target is there and may not be replaced.
            OSError: The folder cannot be written to.
        """
        if not self._overwrite and os.path.lexists(self._target):
            raise FileExistsError(f"{self._target} exists already")
        self._path = self._target.parent / f".signproxy-{secrets.token_hex(8)}.part"
        self.file: BinaryIO = self._path.open("x+b")
        return self

    def commit(self) -> None:
        """Make it durable under its final name.

        Raises:
            FileExistsError: The target appeared meanwhile and may not be replaced.
            OSError: The disk is full, or the folder refuses.
        """
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        if self._overwrite:
            self._path.replace(self._target)
        else:
            self._name_without_replacing()
        self._committed = True

    def _name_without_replacing(self) -> None:
        try:
            # A hard link, unlike a rename, fails when the name is taken: nothing can slip in between.
            self._target.hardlink_to(self._path)
        except FileExistsError:
            raise
        except OSError:
            # A file system without hard links.
            if os.path.lexists(self._target):
                raise FileExistsError(f"{self._target} exists already") from None
            self._path.rename(self._target)
        else:
            self._path.unlink()

    def __exit__(self, *_: object) -> None:
        self.file.close()
        if not self._committed:
            self._path.unlink(missing_ok=True)
