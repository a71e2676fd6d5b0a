"""The pool of token processes: one session and one login each, one call at a time, any of them killed at any moment.

Processes log in one after the other, never two at a time: a wrong PIN is tried once, and then not again until the secret that
the settings name has changed. A call that finds its process dead, or its session lost, is made once more in another one: a
signature value that was made and not delivered has signed nothing (docs/adr/0022).
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeVar

import structlog

from proxy.call import Call
from proxy.errors import DeadlineExceeded, SettingsError, SignerError
from proxy.processes.child import ProcessLost
from proxy.processes.messages import encode
from proxy.settings import PKCS11Settings
from proxy.signers.pkcs11.failures import NO_ANSWER, NO_PIN, PROCESS_ENDED, STOPPED, Aftermath, Failure, meaning
from proxy.signers.pkcs11.messages import CallFailed, OpenToken, Sign, Signed, TokenOpened
from proxy.signers.pkcs11.process import WORKER, TokenProcess

DESTINATION = "pkcs11"
"""Its name on the ledger, and the backend's name."""

_MOST_GIVEN = 8
"""Signatures that a process is given at once when many wait: waking it for each costs more than a signature on P-256."""

_ATTEMPTS = 2
"""How often a call is made whose process is lost."""

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 30.0
"""Seconds between attempts to open the token while it cannot be opened: the first, doubled up to the last."""

_AnswerT = TypeVar("_AnswerT")

_log = structlog.get_logger("proxy.signers")


@dataclass(slots=True, eq=False)
class _Job:
    """One call to the token, until its answer or its failure is there. Whoever gives it up cancels the result."""

    message: bytes
    seconds: float
    repeatable: bool
    short: bool = False
    result: "asyncio.Future[object]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    attempts: int = 0

    def settle(self, outcome: object) -> None:
        if not self.result.done():
            self.result.set_result(outcome)


class TokenPool:
    """Token processes for one token. It begins to open them when it is first used.

    Args:
        settings: Module, token, PIN, how many processes, and their times.
        worker: Dotted name of the module that they run.
    """

    def __init__(self, settings: PKCS11Settings, *, worker: str = WORKER) -> None:
        self._settings = settings
        self._worker = worker
        self._waiting: deque[_Job] = deque()
        self._starting: deque[TokenProcess] = deque()
        self._open: set[TokenProcess] = set()
        self._superseded: set[TokenProcess] = set()
        self._idle: deque[TokenProcess] = deque()
        self._busy: dict[TokenProcess, deque[_Job]] = {}
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

    async def run(
        self,
        call: Call,
        requests: Sequence[object],
        answer: type[_AnswerT],
        *,
        seconds: float | None = None,
        repeatable: bool = True,
    ) -> list[_AnswerT]:
        """Make calls to the token, each in the next idle process.

        Args:
            call: Deadline and ledger; what is signed is recorded for each attempt.
            requests: Messages of :mod:`proxy.signers.pkcs11.messages`.
            answer: What each must be answered with.
            seconds: How long each may take in the token, if not as the settings have it.
            repeatable: Doing it twice does no harm.

        Raises:
            ProxyError: As ``failures`` has it for the first that failed.
            DeadlineExceeded: The call's time is over.
        """
        if not call.deadline.remaining:
            raise DeadlineExceeded("the request's time is over")
        if self._closed:
            raise STOPPED.error
        self._keep_open()
        with call.exchange(DESTINATION):
            if self._failure is not None and not self._open:
                raise self._failure.error
            seconds = seconds or self._settings.timeout_seconds
            jobs = [_Job(encode(one), seconds, repeatable, short=isinstance(one, Sign)) for one in requests]
            self._waiting += jobs
            self._give()
            try:
                async with call.deadline.enforce():
                    outcomes = [await job.result for job in jobs]
            finally:
                for request, job in zip(requests, jobs, strict=True):
                    job.result.cancel()
                    _record(call, request, job)
            return [_checked(outcome, answer) for outcome in outcomes]

    # -- calls and processes ---------------------------------------------------------------------------------------------

    def _give(self) -> None:
        """Calls that wait for processes that are idle, first come first served."""
        while self._idle and self._waiting:
            share = min(_MOST_GIVEN, -(-len(self._waiting) // len(self._open)))
            jobs: deque[_Job] = deque()
            while self._waiting and len(jobs) < share:
                if jobs and not (jobs[0].short and self._waiting[0].short):
                    break
                if not (job := self._waiting.popleft()).result.done():
                    jobs.append(job)
            if jobs:
                process = self._idle.popleft()
                try:
                    self._give_to(process, jobs)
                except ProcessLost:
                    # It has heard nothing: this was no attempt.
                    self._waiting.extendleft(reversed(jobs))
                    self._discard(process)

    def _give_to(self, process: TokenProcess, jobs: deque[_Job]) -> None:
        process.give([job.message for job in jobs], jobs[0].seconds)
        jobs[0].attempts += 1
        self._busy[process] = jobs

    def _hear(self, process: TokenProcess, answer: object) -> None:
        match answer:
            case _ if answer is None or process not in self._busy:  # nobody asked: whatever it is, it is no token process
                _log.error("pkcs11.process_ended", pid=process.pid)
                self._failed(process, PROCESS_ENDED)
            case CallFailed(name, text):
                _log.warning("pkcs11.call_failed", pid=process.pid, failure=name, text=text)
                self._failed(process, meaning(answer))
            case _:
                self._answered(process, answer)

    def _answered(self, process: TokenProcess, outcome: object) -> None:
        """The first of the calls that the process has."""
        jobs = self._busy[process]
        jobs.popleft().settle(outcome)
        if jobs:
            jobs[0].attempts += 1
        else:
            del self._busy[process]
            self._release(process)

    def _late(self, process: TokenProcess) -> None:
        _log.error("pkcs11.no_answer", pid=process.pid)
        self._failed(process, NO_ANSWER)

    def _failed(self, process: TokenProcess, failure: Failure) -> None:
        """The first of the calls that the process has, if it has any. If it is discarded, another one gets the others."""
        if failure.aftermath is Aftermath.NOTHING:
            self._answered(process, failure)
            return
        if failure.aftermath is Aftermath.ALL_LOST and process not in self._superseded:
            self._superseded |= self._open
            for idle in tuple(self._idle):
                self._discard(idle)
        jobs = self._busy.pop(process, deque())
        self._discard(process)
        first = jobs.popleft() if jobs else None
        self._waiting.extendleft(reversed(jobs))
        if first is not None:
            if failure.again and first.repeatable and first.attempts < _ATTEMPTS:
                self._waiting.appendleft(first)
            else:
                first.settle(failure)
        self._give()

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
            self._failure = await self._open_another()
            self._tried.set()
            if self._failure is None:
                pause = _FIRST_PAUSE
                continue
            _log.error("pkcs11.not_opened", detail=self._failure.detail)
            while self._waiting and not self._open:
                self._waiting.popleft().settle(self._failure)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

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
        job = _Job(encode(asked), self._settings.start_seconds, repeatable=False)
        try:
            self._give_to(process, deque([job]))
        except ProcessLost:
            job.settle(PROCESS_ENDED)
        outcome = await job.result
        if isinstance(outcome, TokenOpened):
            self._opened = outcome
            self._open.add(process)
            self._release(process)
            return None
        self._discard(process)
        failure = outcome if isinstance(outcome, Failure) else PROCESS_ENDED
        self._refused_pin = pin if failure.no_second_login else None
        return failure

    async def close(self) -> None:
        """Refuse what waits and what is at work, and end the processes. Closing twice is harmless."""
        self._closed = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        for job in chain(self._waiting, *self._busy.values()):
            job.settle(STOPPED)
        for process in {*self._open, *self._starting, *self._busy}:
            self._discard(process)
        for held in (self._waiting, self._busy, self._starting):
            held.clear()
        while self._burials:
            await asyncio.gather(*self._burials)


def _record(call: Call, request: object, job: _Job) -> None:
    """What was signed leaves the proxy once an attempt; the value comes with the last."""
    if isinstance(request, Sign):
        outcome = None if job.result.cancelled() else job.result.result()
        received = len(outcome.value) if isinstance(outcome, Signed) else 0
        for attempt in range(1, job.attempts + 1):
            call.ledger.record(DESTINATION, request.data, received if attempt == job.attempts else 0)


def _checked(outcome: object, answer: type[_AnswerT]) -> _AnswerT:
    if isinstance(outcome, Failure):
        raise outcome.error
    if not isinstance(outcome, answer):
        raise SignerError("the token process answered something else than it was asked")
    return outcome
