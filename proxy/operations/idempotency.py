"""A request that is repeated is not done again: what an Idempotency-Key stands for, and how far it has come.

An operation runs from its beginning each time and asks :meth:`Steps.once` for everything that would come out differently or
cost something the second time: the update that was appended for a signature, the signature's value, a timestamp token. With a
key each of them is sealed and kept before the next one begins, so that a repeat after a crash takes them from there. Without a
key they are simply had.

=====================  ======================================================================================================
the first ended        a repeat within 24 hours
=====================  ======================================================================================================
with a result          gets the same bytes
with nothing spent     begins anew: the key is free
with something spent   goes on with what is kept, and asks for the same digest under the same key upstream
not yet                waits a while, then ``IN_PROGRESS``
=====================  ======================================================================================================
"""

import asyncio
import secrets
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import ClassVar, Generic, TypeVar

import structlog
from pydantic import ConfigDict, TypeAdapter

from proxy.call import Call
from proxy.errors import (
    CallerError,
    IdempotencyConflict,
    InProgress,
    InternalError,
    NotSupported,
    PolicyError,
    ProxyError,
    TooLarge,
)
from proxy.model import Claim, ClaimState
from proxy.ports import IdempotencyStore, Sealer
from proxy.spool import SpooledDocument

ASK_AGAIN_SECONDS = 0.1
"""Between two looks at a request that another is working on."""

ANSWER_SECONDS = 1.0
"""Kept of a call's time to answer that another is still working on it."""

_RETRY_SECONDS = 5.0
_RESULT = "result"
_LENGTHS = struct.Struct(">II")

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


class Idempotency:
    """Does a request once.

    Args:
        store: Keeps what was done; ``None`` where the settings have none.
        sealer: Seals it; ``None`` likewise.
        wait_seconds: How long a repeat waits for the first to end.
        value_bytes: The largest value that is kept.
    """

    def __init__(
        self,
        store: IdempotencyStore | None,
        sealer: Sealer | None,
        *,
        wait_seconds: float = 10.0,
        value_bytes: int = 50_000_000,
    ) -> None:
        self._parts = None if store is None or sealer is None else (store, sealer)
        self._wait_seconds = wait_seconds
        self._value_bytes = value_bytes

    def tag(self, client: str, key: str) -> str:
        """What stands for a client's key in transaction records, as hex.

        Raises:
            NotSupported: The settings keep nothing.
        """
        _, sealer = self._kept_parts()
        return sealer.keyed_digest("key", _joined(client, key)).hex()

    def _kept_parts(self) -> tuple[IdempotencyStore, Sealer]:
        if self._parts is None:
            raise NotSupported(
                "this service keeps nothing for idempotency keys (no sealing key is set); choose a Transaction-Id and ask "
                "/v1/operations"
            )
        return self._parts

    async def run(
        self,
        call: Call,
        parameters: bytes,
        result: Kept[_T],
        perform: Callable[[Steps], Awaitable[_T]],
        document: SpooledDocument | None = None,
    ) -> _T:
        """Perform an operation, or give the result of the first time.

        Args:
            call: With the caller's key, or without. A dry run spends nothing and is made each time.
            parameters: All that the result depends on beyond the document.
            result: How the result is kept.
            perform: The operation.
            document: What it works on in place; a result that was kept is put in it.

        Raises:
            IdempotencyConflict: The key stands for another request of this client and operation.
            InProgress: The first has not ended in time.
            ProxyError: As ``perform``.
        """
        if call.idempotency_key is None or call.facts.dry_run:
            return await perform(Steps())
        store, sealer = self._kept_parts()
        scope = sealer.keyed_digest("scope", _joined(call.client, call.operation, call.idempotency_key))
        digest = b"" if document is None else document.received_digest.value
        fingerprint = sealer.keyed_digest("fingerprint", digest + parameters)
        owner = secrets.token_hex(16)
        claim = await self._claim(call, store, scope, fingerprint, owner)
        if claim.transaction_id != call.transaction_id:
            call.facts.original_transaction_id = claim.transaction_id
        steps = _KeptSteps(store, sealer, scope, owner, claim, self._value_bytes)
        if claim.state is ClaimState.DONE:
            await steps.load()
            return _restored(await steps.value(_RESULT), result, document)
        async with steps.held():
            await steps.load()
            value = await perform(steps)
            await steps.finish(_framed(value, result, document))
            return value

    async def _claim(self, call: Call, store: IdempotencyStore, scope: bytes, fingerprint: bytes, owner: str) -> Claim:
        patience = asyncio.get_running_loop().time() + min(self._wait_seconds, call.deadline.remaining - ANSWER_SECONDS)
        while True:
            claim = await store.begin(scope, fingerprint, owner, call.transaction_id)
            if claim.state is ClaimState.CONFLICT:
                raise IdempotencyConflict("this Idempotency-Key was used for another request")
            if claim.state is not ClaimState.HELD:
                return claim
            if asyncio.get_running_loop().time() >= patience:
                raise InProgress(
                    "the request with this Idempotency-Key is being worked on",
                    retry_after=min(claim.held_seconds, _RETRY_SECONDS),
                )
            await asyncio.sleep(ASK_AGAIN_SECONDS)


class _KeptSteps(Steps):
    """The effects of an operation that are kept, each sealed and durable before :meth:`once` gives it."""

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
        return self._sealer.keyed_digest("upstream", _joined(self._claim.execution) + subject).hex()

    async def finish(self, framed: bytes) -> None:
        """Keep the result in place of the steps."""
        await self._durably(self._keep(_RESULT, framed, done=True))

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
            raise InProgress("another call has gone on with the request of this Idempotency-Key", retry_after=_RETRY_SECONDS)

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


def _framed(value: _T, result: Kept[_T], document: SpooledDocument | None) -> bytes:
    """A result for keeping: its facts, the digest of the whole document, what was appended to it."""
    facts = result.dump(value)
    digest = b"" if document is None else document.result_digest.value
    increment = b"" if document is None else document.read(document.size, document.total_size - document.size)
    return _LENGTHS.pack(len(facts), len(digest)) + facts + digest + increment


def _restored(framed: bytes, result: Kept[_T], document: SpooledDocument | None) -> _T:
    facts_bytes, digest_bytes = _LENGTHS.unpack_from(framed)
    facts_end = _LENGTHS.size + facts_bytes
    digest_end = facts_end + digest_bytes
    if document is not None:
        document.truncate()
        document.overwrite(document.size, framed[digest_end:])
        if document.result_digest.value != framed[facts_end:digest_end]:
            raise InternalError("what was kept of this request does not make the document it made")
    return result.load(framed[_LENGTHS.size : facts_end])


def _joined(*parts: str) -> bytes:
    """Several texts as one, in one way only."""
    return b"".join(struct.pack(">I", len(part.encode())) + part.encode() for part in parts)
