"""The pool of token processes: one session and one login each, one call at a time, any of them killed at any moment.

Processes log in one after the other, never two at a time: a wrong PIN is tried once, and then not again until the secret that
the settings name has changed. What a process had not begun when it was lost goes to another one; what it had begun fails, and
``link`` asks again.
"""

import asyncio
import uuid
from collections import deque
from dataclasses import replace

import structlog

from proxy.call import Call, Deadline
from proxy.errors import SettingsError, SignerError
from proxy.outbound import Dependency, LinkSuspended
from proxy.ports import Clock
from proxy.processes.child import ProcessLost
from proxy.processes.messages import encode
from proxy.settings import PKCS11Settings
from proxy.signers.pkcs11.failures import (
    NO_ANSWER,
    NO_PIN,
    PROCESS_ENDED,
    STOPPED,
    Aftermath,
    Failure,
    TokenFailed,
    judged,
    meaning,
)
from proxy.signers.pkcs11.messages import CallFailed, OpenToken, Signed, TokenOpened
from proxy.signers.pkcs11.orders import Line, Load, Order, settle
from proxy.signers.pkcs11.process import WORKER, TokenProcess

_MOST_GIVEN = 32
"""Signatures that a process is given at once when many wait."""

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 30.0
"""Seconds between attempts to open the token while it cannot be opened: the first, doubled up to the last."""

_log = structlog.get_logger("proxy.signers")


class TokenPool:
    """Token processes for one token. It begins to open them when it is first used.

    Args:
        settings: Module, token, PIN, how many processes, and their times.
        clock: When the proxy asks by itself.
        dependency: The token, as its breaker knows it.
        worker: Dotted name of the module that they run.
    """

    def __init__(self, settings: PKCS11Settings, clock: Clock, dependency: Dependency, *, worker: str = WORKER) -> None:
        self._settings = settings
        self._clock = clock
        self._dependency = dependency
        self._worker = worker
        self._waiting = Line()
        self._starting: deque[TokenProcess] = deque()
        self._open: set[TokenProcess] = set()
        self._superseded: set[TokenProcess] = set()
        self._idle: deque[TokenProcess] = deque()
        self._busy: dict[TokenProcess, Load] = {}
        self._born: dict[TokenProcess, int] = {}
        self._opened_ever = 0
        self._failed_until = 0
        self._keeper: asyncio.Task[None] | None = None
        self._burials: set[asyncio.Task[int]] = set()
        self._missing = asyncio.Event()
        self._tried = asyncio.Event()
        self._failure: Failure | None = None
        self._refused_pin: str | None = None
        self._opened: TokenOpened | None = None
        self._closed = False

    @property
    def opened(self) -> TokenOpened:
        """The token, as the process said that opened it last. There is one once a call was answered."""
        if self._opened is None:
            raise SignerError("the token has not been opened yet")
        return self._opened

    @property
    def pids(self) -> frozenset[int]:
        """Process ids of the processes in which the token is open."""
        return frozenset(process.pid for process in self._open)

    async def start(self) -> None:
        """Wait until the first process has opened the token, or could not; the others follow by themselves.

        Raises:
            SettingsError: The settings cannot be right: the module, the choice of token, or the PIN.
        """
        await asyncio.to_thread(self._settings.pin.read)
        self._keep_open()
        await self._tried.wait()
        if self._failure is not None and self._failure.of_the_settings:
            await self.close()
            raise SettingsError(f"pkcs11: {self._failure.detail}")

    def put(self, order: Order) -> None:
        """Have an order done, in the next idle process.

        Raises:
            ProxyError: The token cannot be opened at the moment, or the pool was closed.
        """
        if self._closed:
            raise STOPPED.error
        self._keep_open()
        if self._failure is not None and not self._open:
            raise self._failure.error
        self._waiting.join(order)
        self._give()

    # -- orders and processes --------------------------------------------------------------------------------------------

    def _give(self) -> None:
        """What waits, to processes that are idle."""
        while self._idle and self._waiting:
            load = self._waiting.next_load(_MOST_GIVEN, len(self._open))
            if load is None:
                return
            process = self._idle.popleft()
            try:
                self._give_to(process, load)
            except ProcessLost:
                self._waiting.put_back(load)
                self._discard(process)

    def _give_to(self, process: TokenProcess, load: Load) -> None:
        process.give(encode(load.message()), load.seconds)
        self._busy[process] = load

    def _hear(self, process: TokenProcess, answer: object) -> None:
        load = self._busy.get(process)
        match answer:
            case CallFailed(name, text) if load is not None:
                _log.warning("pkcs11.call_failed", pid=process.pid, failure=name, text=text)
                self._failed(process, meaning(answer))
                return
            case Signed(values) if load is not None and load.signs:
                answers: list[object] = list(values)
            case _ if answer is not None and load is not None and not load.signs:
                answers = [answer]
            case _:
                answers = []
        if load is None or not 0 < len(answers) <= len(load):  # nobody asked: whatever it is, it is no token process
            _log.error("pkcs11.process_ended", pid=process.pid)
            self._failed(process, PROCESS_ENDED)
            return
        load.fill(answers)
        if not load.parts:
            self._released(process)

    def _late(self, process: TokenProcess) -> None:
        _log.error("pkcs11.no_answer", pid=process.pid)
        self._failed(process, NO_ANSWER)

    def _failed(self, process: TokenProcess, failure: Failure) -> None:
        """What should have come next from a process. What it had not begun another one gets."""
        load = self._busy.get(process) or Load()
        if failure.aftermath is not Aftermath.NOTHING:
            failure = self._noticed(process, failure)
            if failure.aftermath is Aftermath.ALL_LOST and process not in self._superseded:
                self._superseded |= self._open
                for idle in tuple(self._idle):
                    self._discard(idle)
            self._busy.pop(process, None)
            self._discard(process)
        load.fail(failure)
        self._waiting.put_back(load)
        if failure.aftermath is Aftermath.NOTHING:
            self._released(process)
        self._give()

    def _noticed(self, process: TokenProcess, failure: Failure) -> Failure:
        """Processes that were open when one failed may all fail of the same, which says no more than the first of them."""
        born = self._born.get(process)
        if born is None:
            return failure
        known, self._failed_until = born <= self._failed_until, self._opened_ever
        return replace(failure, known=known)

    def _released(self, process: TokenProcess) -> None:
        """It has done what it was given."""
        process.rest()
        self._busy.pop(process, None)
        self._release(process)

    def _release(self, process: TokenProcess) -> None:
        """It is free. One in which the token is still being opened is the keeper's to admit."""
        if process in self._superseded:
            self._discard(process)
        elif process in self._open:
            self._idle.append(process)
            self._give()

    def _discard(self, process: TokenProcess) -> None:
        """End it. The keeper starts another in its place."""
        self._open.discard(process)
        self._born.pop(process, None)
        self._superseded.discard(process)
        if process in self._idle:
            self._idle.remove(process)
        process.kill()
        burial = asyncio.get_running_loop().create_task(process.reap())
        self._burials.add(burial)
        burial.add_done_callback(self._burials.discard)
        self._missing.set()

    # -- the keeper --------------------------------------------------------------------------------------------------------

    def _keep_open(self) -> None:
        if self._keeper is None:
            self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def _keep(self) -> None:
        """Have the token open in as many processes as there are to be."""
        pause = _FIRST_PAUSE
        while True:
            if len(self._open) >= self._settings.processes:
                self._missing.clear()
                await self._missing.wait()
                continue
            self._failure = await self._open_with_care()
            self._tried.set()
            if self._failure is None:
                pause = _FIRST_PAUSE
                continue
            _log.error("pkcs11.not_opened", detail=self._failure.detail)
            if not self._open:
                self._waiting.settle(replace(self._failure, known=True))
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _open_with_care(self) -> Failure | None:
        """Once it could not be opened, whether it can be is asked as the breaker has it, and known for all that ask of it."""
        if self._failure is None:
            return await self._open_another()
        call = Call(str(uuid.uuid4()), "", "open", self._clock.now(), Deadline.after(self._settings.start_seconds))

        async def attempt() -> None:
            if (failure := await self._open_another()) is not None:
                raise TokenFailed(failure)

        try:
            await self._dependency.ask(call, attempt, repeatable=False, judge=judged, once=True)
        except TokenFailed as error:
            return error.failure
        except LinkSuspended:
            return self._failure
        return None

    async def _open_another(self) -> Failure | None:
        """Open the token in one more process; gives why it could not be done."""
        try:
            pin = await asyncio.to_thread(self._settings.pin.read)
        except SettingsError:
            return NO_PIN
        if self._failure is not None and pin == self._refused_pin:
            return self._failure
        try:
            # All that are missing begin to load what they need, while one after the other logs in.
            while len(self._starting) + len(self._open) < self._settings.processes:
                self._starting.append(TokenProcess(self._hear, self._late, self._worker, self._settings.environment))
        except OSError as error:
            _log.error("pkcs11.process_not_started", reason=str(error))
            return PROCESS_ENDED
        process = self._starting.popleft()
        asked = OpenToken(str(self._settings.module), self._settings.chosen_token, pin)
        order, alone = Order(asked, self._settings.start_seconds), Line()
        alone.join(order)
        try:
            if (load := alone.next_load(1, 1)) is not None:
                self._give_to(process, load)
        except ProcessLost:
            order.settle(PROCESS_ENDED)
        try:
            failed = await order.result
        except asyncio.CancelledError:
            self._discard(process)  # it may have answered by now, and belong to nobody
            raise
        (opened,) = order.answers
        if isinstance(opened, TokenOpened):
            self._opened = opened
            self._opened_ever += 1
            self._born[process] = self._opened_ever
            self._open.add(process)
            self._release(process)
            return None
        self._discard(process)
        failure = failed if isinstance(failed, Failure) else PROCESS_ENDED
        self._refused_pin = pin if failure.no_second_login else None
        return failure

    async def close(self) -> None:
        """Refuse what waits and what is at work, and end the processes. Closing twice is harmless."""
        self._closed = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        self._waiting.settle(STOPPED)
        for load in self._busy.values():
            settle(load.parts, STOPPED)
        for process in {*self._open, *self._starting, *self._busy}:
            self._discard(process)
        self._busy.clear()
        self._starting.clear()
        while self._burials:
            await asyncio.gather(*self._burials)
