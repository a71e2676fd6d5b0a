"""Large values cross to an engine process once: after that, a request names them.

A revocation list of a hundred thousand entries goes into document after document. What is large in a request's argument is
replaced by its SHA-256; a process that does not have it (it is new, or has had others since) says so, and gets the same request
again with the value in it.
"""

import io
import pickle
from hashlib import sha256

from proxy.engine.keeping import BoundedCache
from proxy.processes.messages import MESSAGE_BYTES, MalformedMessage

LARGE_BYTES = 1 << 16
"""What is shorter is sent each time."""

KEPT_BYTES = 16_000_000
"""What both sides keep at most, each: of a longer value nobody would keep the name."""


class UnknownValue(Exception):
    """A request names a value that this process does not have."""


class Names:
    """The names of the values that were sent last, so that each is hashed once."""

    def __init__(self) -> None:
        self._names: BoundedCache[int, tuple[bytes, bytes]] = BoundedCache(KEPT_BYTES)

    def of(self, value: bytes) -> bytes:
        """SHA-256 of a value."""
        known = self._names.get(id(value))
        if known is None:
            # With the value itself, or another one could come to be where it is.
            known = value, sha256(value).digest()
            self._names.keep(id(value), known, len(value))
        return known[1]


def dump(message: object, names: Names, *, whole: bool) -> bytes:
    """Pickle a message.

    Args:
        message: Plain values.
        names: What large values in it are called.
        whole: Whether they go along, or their names alone.

    Raises:
        MalformedMessage: It is longer than a message may be.
    """
    out = io.BytesIO()
    _Pickler(out, names, whole).dump(message)
    if out.tell() > MESSAGE_BYTES:
        raise MalformedMessage(f"a message of {out.tell()} bytes")
    return out.getvalue()


class _Pickler(pickle.Pickler):
    def __init__(self, out: io.BytesIO, names: Names, whole: bool) -> None:
        super().__init__(out, pickle.HIGHEST_PROTOCOL)
        self._names = names
        self._whole = whole

    def persistent_id(self, value: object, /) -> tuple[bytes, bytearray | None] | None:
        if type(value) is not bytes or not LARGE_BYTES <= len(value) <= KEPT_BYTES:
            return None
        # Of another type, or it would be asked for its name again.
        return self._names.of(value), bytearray(value) if self._whole else None


class Values:
    """What an engine process has of large values."""

    def __init__(self) -> None:
        self._values: BoundedCache[bytes, bytes] = BoundedCache(KEPT_BYTES)

    def load(self, data: bytes) -> object:
        """Unpickle what the pool sent.

        Raises:
            UnknownValue: It names a value that is not here.
        """
        return _Unpickler(io.BytesIO(data), self._values).load()


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: io.BytesIO, values: BoundedCache[bytes, bytes]) -> None:
        super().__init__(data)
        self._values = values

    def persistent_load(self, named: tuple[bytes, bytearray | None], /) -> bytes:
        name, sent = named
        value = self._values.get(name) if sent is None else bytes(sent)
        if value is None:
            raise UnknownValue
        self._values.keep(name, value, len(value))
        return value
