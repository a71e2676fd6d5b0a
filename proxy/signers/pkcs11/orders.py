"""What callers want of the token, and how it is dealt out to token processes.

Signatures by one key and mechanism go to a process several at a time, whoever wants them: to wake a process costs more than a
signature on P-256. What a process had not begun when it was lost goes back into the line.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from proxy.signers.pkcs11.messages import Sign


@dataclass(slots=True, eq=False)
class Order:
    """One question to the token, until its answers or a failure are there. Whoever gives it up cancels the result.

    Attributes:
        request: A message of :mod:`proxy.signers.pkcs11.messages`.
        seconds: How long the token may take for each answer.
        answers: One, or of :class:`Sign` a value for each of its data; ``None`` while it is not there.
        given: Of :class:`Sign`: what processes were handed of its data.
        result: ``None``, or what failed.
    """

    request: object
    seconds: float
    answers: list[object | None] = field(init=False)
    given: list[bytes] = field(default_factory=list)
    result: "asyncio.Future[object]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    _missing: int = field(init=False)

    def __post_init__(self) -> None:
        self._missing = len(self.request.data) if isinstance(self.request, Sign) else 1
        self.answers = [None] * self._missing

    def fill(self, start: int, answers: list[object]) -> None:
        """Some of the answers have come."""
        self.answers[start : start + len(answers)] = answers
        self._missing -= len(answers)
        if not self._missing:
            self.settle(None)

    def settle(self, outcome: object) -> None:
        """It has ended, one way or the other."""
        if not self.result.done():
            self.result.set_result(outcome)


@dataclass(slots=True, eq=False)
class Part:
    """Consecutive answers of an order that are still to come from one process."""

    order: Order
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def data(self) -> tuple[bytes, ...]:
        """Of :class:`Sign`: what is to be signed."""
        request = self.order.request
        return request.data[self.start : self.stop] if isinstance(request, Sign) else ()

    def take(self, count: int) -> "Part":
        """Its first answers, which are not this part's any more."""
        taken = Part(self.order, self.start, self.start + count)
        self.start += count
        return taken

    def goes_with(self, other: "Part") -> bool:
        """Whether one message can ask for both."""
        mine, theirs = self.order.request, other.order.request
        return isinstance(mine, Sign) and isinstance(theirs, Sign) and mine[:-1] == theirs[:-1]


class Load:
    """What one process is given with one message; it answers in this order."""

    def __init__(self) -> None:
        self.parts: deque[Part] = deque()

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    @property
    def signs(self) -> bool:
        """Whether signatures are asked for."""
        return isinstance(self.parts[0].order.request, Sign)

    @property
    def seconds(self) -> float:
        """How long each answer may take."""
        return self.parts[0].order.seconds

    def message(self) -> object:
        """What asks for all of it."""
        request = self.parts[0].order.request
        if not isinstance(request, Sign):
            return request
        for part in self.parts:
            part.order.given += part.data
        return request._replace(data=tuple(one for part in self.parts for one in part.data))

    def fill(self, answers: list[object]) -> None:
        """The next answers. Raises IndexError where nobody asked for so many."""
        while answers:
            part = self.parts[0]
            coming, answers = answers[: len(part)], answers[len(part) :]
            part.order.fill(part.start, coming)
            part.start += len(coming)
            if not len(part):
                self.parts.popleft()

    def fail(self, outcome: object) -> None:
        """What should have come next has failed, and its order with it."""
        if self.parts:
            self.parts.popleft().order.settle(outcome)


class Line:
    """What waits for a process, first come first served."""

    def __init__(self) -> None:
        self._waiting: deque[Part] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def join(self, order: Order) -> None:
        """Wait."""
        self._waiting.append(Part(order, 0, len(order.answers)))

    def put_back(self, load: Load) -> None:
        """What was given to a process and not begun is next."""
        self._waiting.extendleft(reversed(load.parts))
        load.parts.clear()

    def next_load(self, most: int, processes: int) -> Load | None:
        """What a process is to do next; ``None`` where nobody waits any more.

        Args:
            most: Signatures that go together.
            processes: How many share what waits.
        """
        load = Load()
        room = min(most, -(-self._count(most * processes) // processes))
        while self._waiting and room > 0:
            part = self._waiting[0]
            if part.order.result.done():
                self._waiting.popleft()
                continue
            if load.parts and not part.goes_with(load.parts[0]):
                break
            load.parts.append(part.take(room) if len(part) > room else self._waiting.popleft())
            room -= len(load.parts[-1])
        return load if load.parts else None

    def _count(self, enough: int) -> int:
        """How many answers are waited for, as far as it matters."""
        count = 0
        for part in self._waiting:
            count += len(part)
            if count >= enough:
                break
        return max(count, 1)

    def settle(self, outcome: object) -> None:
        """Nobody waits any longer."""
        settle(self._waiting, outcome)
        self._waiting.clear()


def settle(parts: Iterable[Part], outcome: object) -> None:
    """One outcome for all of them."""
    for part in parts:
        part.order.settle(outcome)
