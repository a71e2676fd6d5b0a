"""The pool's side of every way in which token processes can fail, by processes that fail as a script says."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from proxy.call import Call
from proxy.errors import (
    AlgorithmNotAllowed,
    DeadlineExceeded,
    InvalidParameter,
    KeyNotFound,
    ProxyError,
    SettingsError,
    ShuttingDown,
    SignerError,
    SignerUnavailable,
)
from proxy.model import BreakerState, KeyAlgorithm
from proxy.outbound import Links
from proxy.settings import PKCS11Settings
from proxy.signers.pkcs11.link import TokenLink
from proxy.signers.pkcs11.messages import CreateKey, KeyCreated, KeysSeen, LookAround, Sign
from proxy.signers.pkcs11.pool import TokenPool
from tests.support.pki import FixedClock, new_call
from tests.support.stepped import Seen, SteppedTime
from tests.unit.signers.pkcs11 import scripted_worker

SECONDS = 60.0
"""A wait that only a failing test reaches."""


def signing(number: int) -> Sign:
    return Sign(b"", "", "", "CKM_ECDSA", None, (bytes([number, 0]),))


@dataclass
class Bench:
    """A pool, and the folder in which its processes are told what to do."""

    folder: Path
    link: TokenLink
    links: Links
    time: SteppedTime
    seen: Seen

    @property
    def pool(self) -> TokenPool:
        return self.link.pool

    def breaker(self) -> BreakerState:
        (state,) = self.links.states
        return state.state

    @property
    def opened_once(self) -> bool:
        """Whether the breaker was ever open."""
        return BreakerState.OPEN in self.seen.states

    def script(self, name: str, line: str | None) -> None:
        if line is None:
            (self.folder / name).unlink()
        else:
            (self.folder / name).write_text(line, encoding="utf-8")

    def logged(self, name: str) -> list[str]:
        """What the processes were told of this name: the details, in order."""
        lines = (self.folder / "log").read_text("utf-8").splitlines() if (self.folder / "log").exists() else []
        return [line.split(" ", 2)[2] for line in lines if line.startswith(f"{name} ")]

    async def sign(self, number: int = 1, call: Call | None = None) -> bytes:
        (value,) = await self.link.sign(call or new_call(SECONDS), signing(number))
        return value

    async def complete(self, processes: int, *gone: int) -> None:
        """Wait until so many have the token open, none of them one of those."""
        async with asyncio.timeout(SECONDS):
            while len(self.pool.pids) != processes or self.pool.pids & set(gone):  # noqa: ASYNC110 - nobody else needs to know
                await asyncio.sleep(0.01)


Opened = Callable[..., Awaitable[Bench]]


@pytest.fixture
async def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Opened]:
    monkeypatch.setenv(scripted_worker.FOLDER, str(tmp_path))
    (tmp_path / "pin").write_text("1234", encoding="utf-8")
    async with AsyncExitStack() as pools:

        async def make(failures_to_open: int = 5, **settings: object) -> Bench:
            values = {
                "module": "/no/module",
                "pin": f"file:{tmp_path / 'pin'}",
                "processes": 1,
                "environment": [scripted_worker.FOLDER],
                **settings,
            }
            time, seen = SteppedTime(), Seen()
            pkcs11, links = (
                PKCS11Settings.model_validate(values),
                time.links(seen, failures_to_open=failures_to_open, pause_seconds=10),
            )
            link = TokenLink(pkcs11, FixedClock(), links, worker=scripted_worker.__name__)
            pools.push_async_callback(link.pool.close)
            return Bench(tmp_path, link, links, time, seen)

        yield make


class TestLogins:
    async def test_each_process_logs_in_once_and_begins_by_itself(self, opened: Opened) -> None:
        bench = await opened(processes=3)
        assert await bench.sign() == b"\0\1"
        await bench.complete(3)
        assert bench.logged("OpenToken") == ["1234"] * 3

    async def test_a_wrong_pin_is_tried_once_and_never_again(self, opened: Opened) -> None:
        bench = await opened(processes=3)
        bench.script("OpenToken", "fail PinIncorrect")
        with pytest.raises(SettingsError, match="refuses the PIN"):
            await bench.pool.start()
        assert bench.logged("OpenToken") == ["1234"]

    async def test_a_pin_refused_later_is_an_error_of_the_signer_until_the_secret_changes(self, opened: Opened) -> None:
        bench = await opened()
        bench.script("OpenToken", "fail PinIncorrect")
        for _ in range(3):
            with pytest.raises(SignerError, match="refuses the PIN"):
                await bench.sign()
        bench.script("OpenToken", None)
        (bench.folder / "pin").write_text("5678", encoding="utf-8")
        await bench.complete(1)
        assert await bench.sign() == b"\0\1"
        assert bench.logged("OpenToken") == ["1234", "5678"]

    @pytest.mark.parametrize(
        ("name", "text"), [("PinLocked", "locked out"), ("PinExpired", "expired"), ("VendorSaysNo", "not known")]
    )
    async def test_other_refusals_of_a_login_are_not_tried_again_either(self, opened: Opened, name: str, text: str) -> None:
        bench = await opened()
        bench.script("OpenToken", f"fail {name}")
        for _ in range(2):
            with pytest.raises(SignerError, match=text):
                await bench.sign()
        assert len(bench.logged("OpenToken")) == 1

    async def test_a_token_that_is_not_there_holds_up_neither_the_start_nor_the_callers(self, opened: Opened) -> None:
        bench = await opened()
        bench.script("OpenToken", "fail TokenNotFound")
        await bench.pool.start()
        with pytest.raises(SignerUnavailable, match="not there"):
            await bench.sign(call=new_call(SECONDS))
        bench.script("OpenToken", None)
        await bench.complete(1)
        assert await bench.sign() == b"\0\1"

    async def test_a_login_that_takes_too_long(self, opened: Opened) -> None:
        bench = await opened(start_seconds=1.0)
        bench.script("OpenToken", "hang once")
        with pytest.raises(SignerUnavailable, match="does not answer"):
            await bench.sign()
        await bench.complete(1)
        assert await bench.sign() == b"\0\1"

    async def test_a_pin_that_cannot_be_read(self, opened: Opened) -> None:
        bench = await opened()
        assert await bench.sign() == b"\0\1"
        (pid,) = bench.pool.pids
        (bench.folder / "pin").rename(bench.folder / "elsewhere")
        os.kill(pid, signal.SIGKILL)
        await bench.complete(0)
        with pytest.raises(SignerError, match="cannot be read"):
            await bench.sign()
        (bench.folder / "elsewhere").rename(bench.folder / "pin")
        await bench.complete(1, pid)

    async def test_a_pin_that_is_not_there_at_the_start(self, opened: Opened) -> None:
        bench = await opened(pin="file:/no/pin")
        with pytest.raises(SettingsError, match="/no/pin"):
            await bench.pool.start()
        with pytest.raises(SignerError, match="cannot be read"):
            await bench.sign()


class TestLosses:
    @pytest.mark.parametrize("script", ["die once", "fail SessionHandleInvalid once", "fail DeviceError once"])
    async def test_a_call_whose_process_is_lost_is_made_again(self, opened: Opened, script: str) -> None:
        bench, call = await opened(), new_call(SECONDS)
        bench.script("Sign", script)
        assert await bench.sign(call=call) == b"\0\1"
        assert bench.logged("Sign") == ["0100", "0100"]
        assert [(exchange.sent, exchange.received) for exchange in call.ledger.exchanges] == [(2, 0), (2, 2)]

    @pytest.mark.parametrize(
        ("script", "kind"),
        [("die", SignerUnavailable), ("fail UserNotLoggedIn", SignerUnavailable), ("fail KeyGone", KeyNotFound)],
    )
    async def test_and_no_further(self, opened: Opened, script: str, kind: type[ProxyError]) -> None:
        bench = await opened(processes=2)
        bench.script("Sign", script)
        with pytest.raises(kind):
            await bench.sign()
        assert len(bench.logged("Sign")) == 3

    async def test_a_lost_session_is_taken_for_the_loss_of_all_that_were_open(self, opened: Opened) -> None:
        bench = await opened(processes=3)
        await bench.pool.start()
        await bench.complete(3)
        before = bench.pool.pids
        bench.script("Sign", "fail SessionHandleInvalid up to 3")
        assert await bench.sign() == b"\0\1"
        await bench.complete(3, *before)
        assert len(bench.logged("Sign")) == 2

    async def test_an_answer_that_says_no_costs_no_process(self, opened: Opened) -> None:
        bench = await opened()
        await bench.pool.start()
        before = bench.pool.pids
        bench.script("Sign", "fail MechanismInvalid")
        with pytest.raises(AlgorithmNotAllowed):
            await bench.sign()
        assert (bench.pool.pids, len(bench.logged("Sign"))) == (before, 1)

    async def test_a_process_that_hangs_is_replaced_and_what_it_had_not_begun_goes_to_another(self, opened: Opened) -> None:
        bench = await opened(timeout_seconds=0.5)
        await bench.pool.start()
        (hung,) = bench.pool.pids
        bench.script("Sign", "hang once")
        outcomes = await asyncio.gather(*(bench.sign(number) for number in range(6)), return_exceptions=True)
        assert isinstance(outcomes[0], SignerUnavailable)
        assert "does not answer" in outcomes[0].detail
        assert outcomes[1:] == [bytes([0, number]) for number in range(1, 6)]
        assert Counter(bench.logged("Sign")) == Counter(bytes([number, 0]).hex() for number in range(6))
        assert not psutil.pid_exists(hung)

    async def test_what_is_given_at_once_is_lost_with_its_process_and_made_again(self, opened: Opened) -> None:
        bench = await opened()
        await bench.pool.start()
        bench.script("Sign", "die once")
        assert await asyncio.gather(*(bench.sign(number) for number in range(20))) == [
            bytes([0, number]) for number in range(20)
        ]
        assert Counter(Counter(bench.logged("Sign")).values()) == {1: 19, 2: 1}

    async def test_an_idle_process_that_is_killed_is_replaced(self, opened: Opened) -> None:
        bench = await opened(processes=2)
        await bench.pool.start()
        await bench.complete(2)
        killed = min(bench.pool.pids)
        os.kill(killed, signal.SIGKILL)
        await bench.complete(2, killed)
        assert await bench.sign() == b"\0\1"

    async def test_no_key_is_made_twice(self, opened: Opened) -> None:
        bench = await opened()
        asked = CreateKey(KeyAlgorithm.P_256, "label", b"id")
        bench.script("CreateKey", "die once")
        with pytest.raises(SignerUnavailable):
            await bench.link.ask(new_call(SECONDS), asked, KeyCreated, repeatable=False)
        assert len(bench.logged("CreateKey")) == 1
        with pytest.raises(InvalidParameter, match="label"):
            await bench.link.ask(new_call(SECONDS), asked, KeyCreated, repeatable=False)


class TestTheBreaker:
    """The token's, which is of the same kind as every other link's (``proxy.outbound``)."""

    async def test_a_token_that_fails_again_and_again_is_left_alone_and_then_tried_with_care(self, opened: Opened) -> None:
        bench = await opened()
        bench.script("Sign", "fail DeviceError")
        for _ in range(2):
            with pytest.raises(SignerUnavailable, match="token failed"):
                await bench.sign()
        assert bench.breaker() is BreakerState.OPEN
        with pytest.raises(SignerUnavailable, match="again and again") as suspended:
            await bench.sign()
        asked = len(bench.logged("Sign"))
        assert (asked, suspended.value.retry_after) == (5, 10)
        bench.time.moment += 10
        with pytest.raises(SignerUnavailable):
            await bench.sign()
        assert (len(bench.logged("Sign")), bench.breaker()) == (6, BreakerState.OPEN)
        bench.script("Sign", None)
        bench.time.moment += 10
        assert await bench.sign() == b"\0\1"
        assert bench.breaker() is BreakerState.CLOSED

    async def test_refusals_and_the_loss_of_many_processes_at_once_do_not_open_it(self, opened: Opened) -> None:
        bench = await opened(processes=8)
        await bench.pool.start()
        await bench.complete(8)
        bench.script("Sign", "die up to 8")
        outcomes = await asyncio.gather(*(bench.sign(number) for number in range(8)))
        assert outcomes == [bytes([0, number]) for number in range(8)]
        assert (bench.breaker(), bench.opened_once) == (BreakerState.CLOSED, False)
        bench.script("Sign", "fail MechanismInvalid")
        for _ in range(6):
            with pytest.raises(AlgorithmNotAllowed):
                await bench.sign()
        assert bench.breaker() is BreakerState.CLOSED

    async def test_one_that_cannot_be_opened_is_tried_as_the_breaker_has_it(self, opened: Opened) -> None:
        bench = await opened(failures_to_open=2)
        bench.script("OpenToken", "fail TokenNotFound")
        async with asyncio.timeout(SECONDS):
            while bench.breaker() is not BreakerState.OPEN:
                with pytest.raises(SignerUnavailable, match="not there"):
                    await bench.sign()
                await asyncio.sleep(0.01)
        assert len(bench.logged("OpenToken")) == 3, "the first may be a process's own misfortune"
        bench.script("OpenToken", None)
        bench.time.moment += 10
        await bench.complete(1)
        assert bench.breaker() is BreakerState.CLOSED
        assert await bench.sign() == b"\0\1"

    async def test_a_value_that_is_there_is_not_made_again_with_those_that_are_not(self, opened: Opened) -> None:
        bench, call = await opened(), new_call(SECONDS)
        await bench.pool.start()
        many = Sign(b"", "", "", "CKM_ECDSA", None, tuple(bytes([number, 0]) for number in range(40)))
        bench.script("Sign", "die once")
        assert await bench.link.sign(call, many) == [bytes([0, number]) for number in range(40)]
        assert Counter(Counter(bench.logged("Sign")).values()) == {1: 39, 2: 1}


class TestDeadlines:
    async def test_a_request_has_its_answer_in_time_and_its_process_is_killed_in_its_own(self, opened: Opened) -> None:
        bench = await opened(timeout_seconds=1.0)
        await bench.pool.start()
        (hung,) = bench.pool.pids
        bench.script("Sign", "hang once")
        with pytest.raises(DeadlineExceeded):
            await bench.sign(call=new_call(0.1))
        assert bench.pool.pids == {hung}
        await bench.complete(1, hung)
        assert await bench.sign() == b"\0\1"

    async def test_what_nobody_waits_for_any_more_is_not_begun(self, opened: Opened) -> None:
        bench = await opened(timeout_seconds=1.0)
        await bench.pool.start()
        bench.script("Sign", "hang once")
        hanging = asyncio.ensure_future(bench.sign(1))
        await asyncio.sleep(0)
        with pytest.raises(DeadlineExceeded):
            await bench.sign(2, new_call(0.1))
        with pytest.raises(SignerUnavailable):
            await hanging
        await bench.sign(3)
        assert bench.logged("Sign") == ["0100", "0300"]


async def test_the_pool_answers_whoever_waits_when_it_closes(opened: Opened) -> None:
    bench = await opened()
    await bench.pool.start()
    pids = bench.pool.pids
    bench.script("Sign", "hang")
    signing = [asyncio.ensure_future(bench.sign(number)) for number in range(3)]
    await asyncio.sleep(0)
    await bench.pool.close()
    outcomes = await asyncio.gather(*signing, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ShuttingDown] * 3
    assert not any(psutil.pid_exists(pid) for pid in pids)
    with pytest.raises(ShuttingDown):
        await bench.sign()
    await bench.pool.close()


async def test_an_answer_to_something_else_is_no_answer(opened: Opened) -> None:
    bench = await opened()
    with pytest.raises(SignerError, match="something else"):
        await bench.link.ask(new_call(SECONDS), LookAround(), KeyCreated)
    assert await bench.link.ask(new_call(SECONDS), LookAround(), KeysSeen) == KeysSeen(any=True)
