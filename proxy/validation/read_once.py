"""What is read of evidence is kept, by its digest: a response or a list that a thousand documents bring is parsed once.

Kept in the process, within a bound of bytes; safe to use from several threads.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ReadOnce(Generic[K, V]):
    """Values by key, the least recently used dropped first.

    Args:
        most_bytes: How many bytes the originals of all values may have together.
        failures: Exceptions that are remembered like values.
    """

    def __init__(self, most_bytes: int, failures: tuple[type[Exception], ...]) -> None:
        self._most_bytes = most_bytes
        self._failures = failures
        self._kept: OrderedDict[K, tuple[V | Exception, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: K, size: int, read: Callable[[], V]) -> V:
        """The value for ``key``, read if it is not there.

        Args:
            key: Stands for all that ``read`` reads.
            size: Bytes of the original.
            read: Makes the value.

        Raises:
            Exception: Whatever ``read`` raises; of a failure that is remembered, the same again.
        """
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
        value = self._read(key, size, read) if found is None else found[0]
        if isinstance(value, Exception):
            raise value.with_traceback(None)
        return value

    def _read(self, key: K, size: int, read: Callable[[], V]) -> V | Exception:
        value: V | Exception
        try:
            value = read()
        except self._failures as error:
            value = error
        with self._lock:
            if key not in self._kept:
                self._bytes += size
            self._kept[key] = (value, size)
            while self._bytes > self._most_bytes:
                _, (_, dropped) = self._kept.popitem(last=False)
                self._bytes -= dropped
        return value
