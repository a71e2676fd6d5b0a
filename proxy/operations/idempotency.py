"""A request that is repeated is not done again: what an Idempotency-Key stands for, and how far it has come.

An operation runs from its beginning each time and asks :meth:`~proxy.operations.steps.Steps.once` for everything that would
come out differently or cost something the second time: the update that was appended for a signature, the signature's value, a
timestamp token. With a key each of them is sealed and kept before the next one begins, so that a repeat after a crash takes
them from there. Without a key they are simply had.

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
from collections.abc import Awaitable, Callable
from typing import TypeVar

from proxy.call import Call
from proxy.errors import IdempotencyConflict, InProgress, InternalError, NotSupported
from proxy.model import Claim, ClaimState
from proxy.operations.steps import RESULT, RETRY_SECONDS, Kept, KeptSteps, Steps, joined
from proxy.ports import IdempotencyStore, Sealer
from proxy.spool import SpooledDocument

ASK_AGAIN_SECONDS = 0.1
"""Between two looks at a request that another is working on."""

ANSWER_SECONDS = 1.0
"""Kept of a call's time to answer that another is still working on it."""

_LENGTHS = struct.Struct(">II")

_T = TypeVar("_T")


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
        return sealer.keyed_digest("key", joined(client, key)).hex()

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
        scope = sealer.keyed_digest("scope", joined(call.client, call.operation, call.idempotency_key))
        digest = b"" if document is None else document.received_digest.value
        fingerprint = sealer.keyed_digest("fingerprint", digest + parameters)
        owner = secrets.token_hex(16)
        claim = await self._claim(call, store, scope, fingerprint, owner)
        if claim.transaction_id != call.transaction_id:
            call.facts.original_transaction_id = claim.transaction_id
        steps = KeptSteps(store, sealer, scope, owner, claim, self._value_bytes)
        if claim.state is ClaimState.DONE:
            await steps.load()
            return _restored(await steps.value(RESULT), result, document)
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
                    retry_after=min(claim.held_seconds, RETRY_SECONDS),
                )
            await asyncio.sleep(ASK_AGAIN_SECONDS)


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
