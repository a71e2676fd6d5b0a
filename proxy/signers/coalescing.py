"""Digests of several calls in one question to a signer (docs/adr/0023).

Calls of one client for one credential and the same algorithms stand in one line. While the signer is not being asked for it,
whoever comes is asked for at once. Whoever comes meanwhile waits, for the answer that is under way or for a bounded time,
whichever is shorter, and goes together with all that have come by then.

Each call keeps its own deadline, and leaves without the others when it is over; what is asked for several has the time of the
most patient one. When all have left it is given up.
"""

import asyncio
import copy
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from proxy.call import Call, Span
from proxy.errors import ProxyError
from proxy.model import Credential, Digest, HashAlgorithm, SignAlgorithm

Values = tuple[bytes | None, ...]
"""A value a digest; ``None`` where there is none that verifies."""

Ask = Callable[[Call, Credential, SignAlgorithm, Sequence[Digest]], Awaitable[Values]]
"""Asks a signer: call, credential, algorithm, and digests of one hash algorithm."""


@dataclass(slots=True, eq=False)
class _Member:
    """A call in a line, or on its way in a batch.

    Attributes:
        joined: When it came, by the event loop's clock.
        begun: The same in nanoseconds from the call's start.
        batch: What it travels in, once it does.
    """

    call: Call
    digests: tuple[Digest, ...]
    joined: float
    begun: int
    result: asyncio.Future[Values]
    batch: "_Batch | None" = None


@dataclass(slots=True, eq=False)
class _Batch:
    """What is asked for several calls at once.

    Attributes:
        present: Those who still want to know.
        count: How many digests it carries.
        counted: Whether its exchanges count as somebody's.
    """

    call: Call
    present: list[_Member]
    count: int
    counted: bool = False
    task: "asyncio.Task[None] | None" = None


@dataclass(slots=True, eq=False)
class _Line:
    """Calls for one credential of one client by the same algorithms."""

    waiting: deque[_Member] = field(default_factory=deque)
    under_way: int = 0
    timer: asyncio.TimerHandle | None = None


_Key = tuple[str, Credential, SignAlgorithm, HashAlgorithm]


class Coalescer:
    """Asks a signer for several calls at once, where they come at once.

    Args:
        ask: Asks it.
        wait_seconds: How long a call may wait for others.
    """

    def __init__(self, ask: Ask, wait_seconds: float) -> None:
        self._ask = ask
        self._wait_seconds = wait_seconds
        self._lines: dict[_Key, _Line] = {}

    async def ask(self, call: Call, credential: Credential, sign_algorithm: SignAlgorithm, digests: Sequence[Digest]) -> Values:
        """Ask for the values of a call's digests, fewer than ``credential.multisign``, all of one hash algorithm.

        Raises:
            DeadlineExceeded: The call's time is over.
            ProxyError: As asking the signer does.
        """
        key = (call.client, credential, sign_algorithm, digests[0].algorithm)
        line = self._lines.setdefault(key, _Line())
        if not line.under_way:
            line.under_way += 1
            try:
                return await self._ask(call, credential, sign_algorithm, digests)
            finally:
                self._ended(key, line)
        loop = asyncio.get_running_loop()
        member = _Member(call, tuple(digests), loop.time(), call.elapsed, loop.create_future())
        line.waiting.append(member)
        self._arrange(key, line)
        try:
            async with call.deadline.enforce():
                return await member.result
        finally:
            if member.batch is None:
                line.waiting.remove(member)
                self._arrange(key, line)
                call.spans.append(Span("stage", "coalesce", member.begun, call.elapsed))
            else:
                await _leave(member, member.batch)

    def _ended(self, key: _Key, line: _Line) -> None:
        """One question for a line has its answer: who waits is next."""
        line.under_way -= 1
        if line.waiting:
            self._send(key, line)
        elif not line.under_way:
            self._lines.pop(key, None)

    def _arrange(self, key: _Key, line: _Line) -> None:
        """Send what makes a full batch, and see that the rest does not wait for too long."""
        _, credential, _, _ = key
        while sum(len(member.digests) for member in line.waiting) >= credential.multisign:
            self._send(key, line)
        if line.timer is not None:
            line.timer.cancel()
            line.timer = None
        if line.waiting:
            due = line.waiting[0].joined + self._wait_seconds
            line.timer = asyncio.get_running_loop().call_at(due, self._send, key, line)

    def _send(self, key: _Key, line: _Line) -> None:
        """Ask for those who have waited longest, as many as go together."""
        _, credential, _, _ = key
        members: list[_Member] = []
        count = 0
        while line.waiting and count + len(line.waiting[0].digests) <= credential.multisign:
            members.append(line.waiting.popleft())
            count += len(members[-1].digests)
        batch = _Batch(Call.for_several([member.call for member in members]), members, count)
        for member in members:
            member.batch = batch
            member.call.spans.append(Span("stage", "coalesce", member.begun, member.call.elapsed))
        line.under_way += 1
        batch.task = asyncio.get_running_loop().create_task(self._run(key, batch))
        # Not the task itself: one that is taken back before its first step never comes to its end.
        batch.task.add_done_callback(lambda _: self._ended(key, line))
        self._arrange(key, line)

    async def _run(self, key: _Key, batch: _Batch) -> None:
        _, credential, sign_algorithm, _ = key
        members = tuple(batch.present)
        digests = [digest for member in members for digest in member.digests]
        try:
            values = await self._ask(batch.call, credential, sign_algorithm, digests)
            start = 0
            for member in members:
                end = start + len(member.digests)
                if not member.result.done():
                    member.result.set_result(values[start:end])
                start = end
        except asyncio.CancelledError:
            for member in members:
                member.result.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what became of each of them
            for member in members:
                if not member.result.done():
                    member.result.set_exception(_own(error))


async def _leave(member: _Member, batch: _Batch) -> None:
    """Give a member what was done for it; who leaves as the last one before the end takes the question back."""
    batch.present.remove(member)
    call, task = member.call, batch.task
    assert task is not None
    if not batch.present and not task.done():
        task.cancel()
        await asyncio.wait([task])
    own = len(member.digests)
    if task.done():
        call.take_over(batch.call, digests=batch.count, own_digests=own, counted=not batch.counted)
        batch.counted = True
    else:
        call.ledger.take_over(batch.call.ledger, digests=batch.count, own_digests=own)
        call.spans.append(Span("stage", "sign", call.elapsed - batch.call.elapsed, call.elapsed))


def _own(error: Exception) -> Exception:
    """A failure for one of several who have it: raised twice, one exception would have the traces of both."""
    if not isinstance(error, ProxyError):
        return error
    own = copy.copy(error)
    own.__cause__ = error
    return own
