"""The steps of an operation, kept so that a repeat takes their values from there (see ``proxy.operations.idempotency``).

An operation asks :meth:`Steps.once` for what it must not have twice. Without an Idempotency-Key it simply has it.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import ClassVar, Generic, TypeVar

import structlog
from pydantic import ConfigDict, TypeAdapter

from proxy.errors import CallerError, InProgress, InternalError, PolicyError, ProxyError, TooLarge
from proxy.model import Claim
from proxy.ports import IdempotencyStore, Sealer

RESULT = "result"
"""Name of the value that takes the place of all others."""

RETRY_SECONDS = 5.0
"""After which it is worth asking again for what another is at work on."""

_T = TypeVar("_T")

_log = structlog.get_logger("proxy.operations")


class Kept(Generic[_T]):
    """How values of one frozen dataclass are written for keeping, and read again."""

    def __init__(self, kind: type[_T]) -> None:
        # In a tuple, since the configuration of a dataclass would be its own.
        self._adapter: TypeAdapter[tuple[_T]] = TypeAdapter(
            tuple[kind],  # type: ignore[arg-type, valid-type]  # known when this runs
            config=ConfigDict(ser_json_bytes="base64", val_json_bytes="base64"),
        )

    def dump(self, value: _T) -> bytes:
        """As JSON. What is left at its default is left out, so that a later version's values compare."""
        return self._adapter.dump_json((value,), exclude_defaults=True)

    def load(self, data: bytes) -> _T:
        """Back from JSON.

        Raises:
            InternalError: Another version wrote it, and this one cannot read it.
        """
        try:
            return self._adapter.validate_json(data)[0]
        except ValueError:
            # Without its cause: that would bring what was sealed into the log.
            raise InternalError("what was kept of this request is of another version") from None


class Steps:
    """The effects of one operation, each had when it is asked for."""

    keeps: ClassVar[bool] = False
    """Whether values are kept."""

    async def once(
        self,
        name: str,
        kept: Kept[_T],
        make: Callable[[], Awaitable[_T]],
        *,
        subject: bytes = b"",
        spends: bool = False,
    ) -> _T:
        """The value of a step: what was kept of it, else what ``make`` gives.

        Args:
            name: Of the step, unique in its operation together with ``subject``.
            kept: How its value is kept.
            make: Has the effect.
            subject: What it is about, such as the digest that is signed: a value is used for that alone.
            spends: Whether a failure leaves open if the effect was had: a signature, a token.

        Raises:
            InProgress: Another has gone on with this request meanwhile.
            TooLarge: The value is larger than the settings let be kept.
            InternalError: It cannot be kept, or not be read again.
        """
        del name, kept, subject, spends
        return await make()

    def upstream_key(self, subject: bytes) -> str | None:
        """What a signer that honours idempotency keys is to be told with a question about ``subject``; ``None`` without one."""
        del subject
        return None


class KeptSteps(Steps):
    """The effects of an operation that are kept, each sealed and durable before :meth:`once` gives it.

    Args:
        store: Where they are kept.
        sealer: Seals them.
        scope: Stands for client, operation and key.
        owner: Who holds the claim.
        claim: As it was given.
        value_bytes: The largest value that is kept.
    """

    keeps = True

    def __init__(
        self, store: IdempotencyStore, sealer: Sealer, scope: bytes, owner: str, claim: Claim, value_bytes: int
    ) -> None:
        self._store = store
        self._sealer = sealer
        self._scope = scope
        self._owner = owner
        self._claim = claim
        self._value_bytes = value_bytes
        self._sealed: Mapping[str, bytes] = {}
        self._spent = False
        self._keeping: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Get what was kept so far. Of what a crash left behind nobody knows whether it was spent: it counts as spent."""
        self._sealed = await self._store.replay(self._scope)
        self._spent = bool(self._sealed)

    async def value(self, label: str) -> bytes:
        """A kept value. Raises InternalError where it has gone or cannot be opened."""
        if label not in self._sealed:
            raise InternalError("what was kept of this request has gone")
        return await self._sealer.unseal(self._sealed[label], self._context(label))

    async def once(
        self,
        name: str,
        kept: Kept[_T],
        make: Callable[[], Awaitable[_T]],
        *,
        subject: bytes = b"",
        spends: bool = False,
    ) -> _T:
        """See :meth:`Steps.once`."""
        label = f"{name} {self._sealer.keyed_digest('step', subject).hex()[:32]}"
        if label in self._sealed:
            return kept.load(await self.value(label))
        try:
            value = await make()
        except (CallerError, PolicyError):
            # It was refused: there is no effect.
            raise
        except BaseException:
            self._spent |= spends
            raise
        self._spent |= spends
        await self._durably(self._keep(label, kept.dump(value)))
        return value

    def upstream_key(self, subject: bytes) -> str | None:
        """See :meth:`Steps.upstream_key`."""
        return self._sealer.keyed_digest("upstream", joined(self._claim.execution) + subject).hex()

    async def finish(self, framed: bytes) -> None:
        """Keep the result in place of the steps."""
        await self._durably(self._keep(RESULT, framed, done=True))

    async def _durably(self, keeping: Awaitable[None]) -> None:
        """Keep a value although the call may be cancelled meanwhile: it is there, and was paid for."""
        self._keeping = asyncio.ensure_future(keeping)
        await asyncio.shield(self._keeping)

    async def _keep(self, label: str, data: bytes, *, done: bool = False) -> None:
        # The result has nothing that is not in the steps, and is paid for.
        if len(data) > self._value_bytes and not done:
            raise TooLarge("the signature's update is larger than what is kept for an Idempotency-Key")
        sealed = await self._sealer.seal(data, self._context(label))
        keep = self._store.done if done else self._store.prepared
        if not await keep(self._scope, self._owner, label, sealed):
            raise InProgress("another call has gone on with the request of this Idempotency-Key", retry_after=RETRY_SECONDS)

    def _context(self, label: str) -> dict[str, str]:
        """Client, operation and key are in the scope; the execution tells a key's second use from its first."""
        return {"scope": self._scope.hex(), "execution": self._claim.execution, "purpose": label}

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Hold the claim while the body runs; give it up when it fails."""
        renewing = asyncio.create_task(self._renew())
        try:
            yield
        except BaseException:
            await asyncio.shield(self._give_up())
            raise
        finally:
            renewing.cancel()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._store.lease_seconds / 3)
            try:
                if not await self._store.renew(self._scope, self._owner):
                    return
            except ProxyError as error:
                # The next step finds out whether it matters.
                _log.warning("idempotency.not_renewed", exc_info=error)

    async def _give_up(self) -> None:
        if self._keeping is not None:
            await asyncio.wait({self._keeping})
            if not self._keeping.cancelled() and isinstance(failure := self._keeping.exception(), Exception):
                _log.warning("idempotency.not_kept", exc_info=failure)
        try:
            await self._store.release(self._scope, self._owner, forget=not self._spent)
        except ProxyError as error:
            # Its lease ends by itself; what the caller hears is why the request failed.
            _log.warning("idempotency.not_released", exc_info=error)


def joined(*parts: str) -> bytes:
    """Several texts as one, in one way only."""
    return b"".join(struct.pack(">I", len(part.encode())) + part.encode() for part in parts)
