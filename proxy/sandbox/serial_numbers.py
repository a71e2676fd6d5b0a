"""Serial numbers that are never given twice, not even after a crash (RFC 3161, 2.4.2: ``serialNumber``)."""

import threading
from pathlib import Path

from proxy.errors import SettingsError
from proxy.sandbox.folder import write_file

BLOCK = 1_000
"""Numbers set aside at a time: one durable write serves so many tokens, a restart skips what is left."""


class SerialNumbers:
    """Counts upwards from what the file says was set aside before. Safe to use from several threads of one process.

    Args:
        path: The file that holds the first number not yet set aside.

    Raises:
        SettingsError: The file is there and holds no number.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._next = int(path.read_text(encoding="ascii")) if path.exists() else 1
        except ValueError as error:
            raise SettingsError(f"{path}: no serial number") from error
        self._end = self._next

    def take(self) -> int:
        """The next number, positive and greater than all before it."""
        with self._lock:
            if self._next == self._end:
                write_file(self._path, str(self._end + BLOCK).encode("ascii"))
                self._end += BLOCK
            number = self._next
            self._next += 1
            return number
