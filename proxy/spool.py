"""A document on disk with its running digest: every byte is hashed once, on the way to the file.

The upload is appended as it arrives. When an engine process has appended the signature's update to the same file, the digest
over the byte range (ISO 32000-2, 12.8.1) continues from the copied state over the appended tail alone; so it does for the whole
result, ``/Contents`` included. Digest states cannot be serialised, which is why they stay with the process that received the
bytes.

The file has no name where the system can do that (``O_TMPFILE``), mode 0600, and is gone when the last holder closes it.
"""

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.errors import SpoolFull, TooLarge
from proxy.model import Digest, HashAlgorithm

if TYPE_CHECKING:
    from hashlib import _Hash

CHUNK = 1 << 18
"""Bytes of one read or write: large enough to be cheap, small enough to hold the event loop under a millisecond."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def open_unnamed(directory: Path | None) -> int:
    """A descriptor of a new file without a name, readable and writable by this user alone.

    Raises:
        SpoolFull: There is no room for one.
    """
    where = str(directory or tempfile.gettempdir())
    try:
        if hasattr(os, "O_TMPFILE"):
            try:
                return os.open(where, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
            except OSError as error:
                if error.errno not in {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL}:
                    raise
        descriptor, name = tempfile.mkstemp(prefix="spool-", dir=where)
        os.unlink(name)
        return descriptor
    except OSError as error:
        if error.errno in _FULL:
            raise SpoolFull("there is no room to spool the document") from error
        raise


class SpooledDocument:
    """A document being received, then signed in place.

    SHA-256 always runs. ``also`` names further algorithms known before the first byte; one that is learnt later costs one
    re-read (:meth:`digest_ranges`).

    Attributes:
        size: Bytes of the document as received; what is appended afterwards is not counted.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        limit: int,
        also: Iterable[HashAlgorithm] = (),
        file_descriptor: int | None = None,
    ) -> None:
        self._fd = open_unnamed(directory) if file_descriptor is None else file_descriptor
        self._limit = limit
        self._running: dict[HashAlgorithm, _Hash] = {
            algorithm: hashlib.new(algorithm.hashlib_name) for algorithm in {HashAlgorithm.SHA256, *also}
        }
        self.size = 0

    @property
    def descriptor(self) -> int:
        """The file descriptor, to hand to an engine process or ``sendfile``. Raises ``ValueError`` once closed."""
        if self._fd < 0:
            raise ValueError("the spooled document is closed")
        return self._fd

    def hashes(self, algorithm: HashAlgorithm) -> bool:
        """Whether this algorithm ran along with the upload; if not, a digest costs one re-read."""
        return algorithm in self._running

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append received bytes and hash them.

        Raises:
            TooLarge: The document passes its limit.
            SpoolFull: The disk is full.
        """
        if self.size + len(data) > self._limit:
            raise TooLarge(f"the document is larger than {self._limit} bytes")
        self._write_at(self.size, data)
        for running in self._running.values():
            running.update(data)
        self.size += len(data)

    def _write_at(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        view = memoryview(data)
        try:
            while view:
                written = os.pwrite(self.descriptor, view, offset)
                offset += written
                view = view[written:]
        except OSError as error:
            if error.errno in _FULL:
                raise SpoolFull("there is no room to spool the document") from error
            raise

    def overwrite(self, offset: int, data: bytes) -> None:
        """Put bytes into the appended part (the signature into its placeholder).

        Raises:
            ValueError: The range touches the document as received.
        """
        if offset < self.size:
            raise ValueError("the document as received is never changed")
        self._write_at(offset, data)

    def truncate(self, size: int | None = None) -> None:
        """Drop what was appended beyond ``size`` bytes of the file; by default everything, so that it is as received.

        Raises:
            ValueError: The document as received would be cut.
        """
        if size is not None and size < self.size:
            raise ValueError("the document as received is never changed")
        os.ftruncate(self.descriptor, self.size if size is None else size)

    @property
    def total_size(self) -> int:
        """Bytes of the file now, the appended part included."""
        return os.fstat(self.descriptor).st_size

    def read(self, offset: int, size: int) -> bytes:
        """Up to ``size`` bytes at ``offset``."""
        return os.pread(self.descriptor, size, offset)

    def chunks(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from ``start`` to ``end`` in pieces of at most :data:`CHUNK`."""
        while start < end:
            piece = self.read(start, min(CHUNK, end - start))
            if not piece:
                raise ValueError("the spool is shorter than it was")
            yield piece
            start += len(piece)

    def digest_ranges(self, algorithm: HashAlgorithm, ranges: Iterable[tuple[int, int]]) -> Digest:
        """The digest over the document as received, continued over ``ranges`` of the appended part.

        Args:
            algorithm: SHA-256 and the algorithms named at the start continue from the running state.
            ranges: ``(start, end)`` offsets, in order, none before :attr:`size`.

        Raises:
            ValueError: A range begins inside the document as received.
        """
        running = self._running.get(algorithm)
        if running is None:
            running = self._running[algorithm] = self._rehash(algorithm)
        state = running.copy()
        for start, end in ranges:
            if start < self.size:
                raise ValueError("a range begins before the appended part")
            for piece in self.chunks(start, end):
                state.update(piece)
        return Digest(algorithm, state.digest())

    def _rehash(self, algorithm: HashAlgorithm) -> "_Hash":
        state = hashlib.new(algorithm.hashlib_name)
        for piece in self.chunks(0, self.size):
            state.update(piece)
        return state

    @property
    def received_digest(self) -> Digest:
        """SHA-256 of the document as received."""
        return self.digest_ranges(HashAlgorithm.SHA256, ())

    @property
    def result_digest(self) -> Digest:
        """SHA-256 of the whole file as it is now."""
        return self.digest_ranges(HashAlgorithm.SHA256, [(self.size, self.total_size)])

    def close(self) -> None:
        """Give the file back. Closing twice is harmless."""
        if self._fd >= 0:
            descriptor, self._fd = self._fd, -1
            os.close(descriptor)

    def __enter__(self) -> "SpooledDocument":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
