"""Coalescing in virtual time: who goes with whom, when, and what becomes of each when others fail or leave."""

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from proxy.call import Call, Deadline
from proxy.errors import DeadlineExceeded, Maintenance, SignerUnavailable
from proxy.model import Credential, Digest, HashAlgorithm, SignAlgorithm
from proxy.signers.coalescing import Coalescer, Values
from tests.support.pki import NOW
from tests.support.virtual_time import virtually

PKCS1, PSS = SignAlgorithm.RSASSA_PKCS1_V1_5, SignAlgorithm.RSASSA_PSS
SHA256, SHA512 = HashAlgorithm.SHA256, HashAlgorithm.SHA512
WAIT = 0.02


def credential(name: str = "seal", multisign: int = 100) -> Credential:
    return Credential(name, name.encode(), (), (PKCS1, PSS), (SHA256, SHA512), "central", multisign)


def new_call(seconds: float = 60.0, client: str = "app") -> Call:
    return Call("id", client, "hash", NOW, Deadline.after(seconds))


def digest(number: int, algorithm: HashAlgorithm = SHA256) -> Digest:
    return Digest.of(b"%d" % number, algorithm)


def value(of: Digest) -> bytes:
    return b"signed " + of.value


@dataclass
class Asked:
    """A question that the signer had.

    Attributes:
        at: When, in seconds from the start.
    """

    at: float
    call: Call
    credential: Credential
    sign_algorithm: SignAlgorithm
    digests: tuple[Digest, ...]
    taken_back: bool = False


@dataclass
class Signer:
    """Answers after ``seconds``.

    Attributes:
        poisoned: Digests for which it has no good value.
        failure: What comes of a question instead of values.
        body: What goes to ``central`` for a question, and 100 bytes come back when it is answered.
    """

    seconds: float = 0.2
    wait: float = WAIT
    poisoned: set[Digest] = field(default_factory=set)
    failure: Exception | None = None
    body: bytes = b"what is sent"
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begun = asyncio.get_running_loop().time()
        self.coalescer = Coalescer(self.ask, self.wait)

    @property
    def now(self) -> float:
        return round(asyncio.get_running_loop().time() - self.begun, 6)

    async def ask(self, call: Call, credential: Credential, sign_algorithm: SignAlgorithm, digests: Sequence[Digest]) -> Values:
        question = Asked(self.now, call, credential, sign_algorithm, tuple(digests))
        self.asked.append(question)
        try:
            with call.stage("sign"), call.exchange("central"):
                entry = call.ledger.begin("central", self.body)
                async with call.deadline.enforce():
                    await asyncio.sleep(self.seconds)
                entry.received = 100
            if self.failure is not None:
                raise self.failure
            return tuple(None if one in self.poisoned else value(one) for one in digests)
        except asyncio.CancelledError:
            question.taken_back = True
            raise

    def question(
        self,
        *digests: Digest,
        call: Call | None = None,
        of: Credential | None = None,
        sign_algorithm: SignAlgorithm = PKCS1,
    ) -> Coroutine[Any, Any, Values]:
        return self.coalescer.ask(call or new_call(), of or credential(), sign_algorithm, digests)

    async def many(self, count: int, *, start: int = 0) -> list[tuple[Values, float]]:
        """Ask for as many digests at the same moment; what comes, and when."""

        async def one(number: int) -> tuple[Values, float]:
            return await self.question(digest(number)), self.now

        return await asyncio.gather(*(one(number) for number in range(start, start + count)))

    @property
    def batches(self) -> list[tuple[float, int]]:
        """When how many digests were asked for."""
        return [(question.at, len(question.digests)) for question in self.asked]

    def assert_idle(self) -> None:
        """Nobody stands in line."""
        assert self.coalescer._lines == {}


class TestWhen:
    def test_a_lone_call_is_asked_for_at_once_and_by_itself(self) -> None:
        async def main() -> None:
            signer, call = Signer(), new_call()
            for _ in range(3):
                assert await signer.question(digest(1), call=call) == (value(digest(1)),)
            assert signer.batches == [(0.0, 1), (0.2, 1), (0.4, 1)]
            assert all(question.call is call for question in signer.asked)
            assert [span.name for span in call.spans if span.kind == "stage"] == ["sign"] * 3
            signer.assert_idle()

        virtually(main())

    def test_who_comes_meanwhile_waits_for_so_long_at_most_and_goes_with_the_others(self) -> None:
        async def main() -> None:
            signer = Signer(seconds=0.2)
            answers = await signer.many(30)
            assert signer.batches == [(0.0, 1), (WAIT, 29)]
            assert [values for values, _ in answers] == [(value(digest(number)),) for number in range(30)]
            assert sorted({at for _, at in answers}) == [0.2, 0.22]
            signer.assert_idle()

        virtually(main())

    def test_nobody_waits_longer_than_for_the_answer_that_is_under_way(self) -> None:
        async def main() -> None:
            signer = Signer(seconds=0.005)
            answers = await signer.many(30)
            assert signer.batches == [(0.0, 1), (0.005, 29)]
            assert max(at for _, at in answers) == 0.01
            signer.assert_idle()

        virtually(main())

    def test_each_waits_from_when_it_came(self) -> None:
        async def main() -> None:
            signer = Signer(seconds=1.0)

            async def later(number: int, seconds: float) -> Values:
                await asyncio.sleep(seconds)
                return await signer.question(digest(number))

            await asyncio.gather(*(later(number, number * 0.008) for number in range(8)))
            # At 0.008 and after: with the one at 0.024; then those at 0.032, 0.040, 0.048; and the rest.
            assert signer.batches == [(0.0, 1), (0.028, 3), (0.052, 3), (0.076, 1)]

        virtually(main())

    def test_a_full_batch_does_not_wait(self) -> None:
        async def main() -> None:
            signer = Signer()
            small = credential(multisign=10)
            calls = [signer.question(digest(number), of=small) for number in range(26)]
            assert await asyncio.gather(*calls) == [(value(digest(number)),) for number in range(26)]
            assert signer.batches == [(0.0, 1), (0.0, 10), (0.0, 10), (WAIT, 5)]
            signer.assert_idle()

        virtually(main())

    def test_a_call_of_several_digests_goes_whole_and_in_its_turn(self) -> None:
        async def main() -> None:
            signer = Signer()
            small = credential(multisign=10)
            sizes = [1, 4, 4, 7, 2, 1]
            calls, start = [], 0
            for size in sizes:
                calls.append((signer.question(*map(digest, range(start, start + size)), of=small), start, size))
                start += size
            answers = await asyncio.gather(*(call for call, _, _ in calls))
            for values, (_, begin, size) in zip(answers, calls, strict=True):
                assert values == tuple(value(digest(number)) for number in range(begin, begin + size))
            assert [size for _, size in signer.batches] == [1, 8, 10]
            assert max(len(question.digests) for question in signer.asked) <= small.multisign

        virtually(main())


class TestWithWhom:
    def test_never_with_another_client_certificate_or_algorithm(self) -> None:
        async def main() -> None:
            signer = Signer()
            kinds: list[dict[str, Any]] = [
                {},
                {"client": "other"},
                {"of": credential("another")},
                {"of": Credential("seal", b"renewed", (), (PKCS1, PSS), (SHA256, SHA512), "central", 100)},
                {"sign_algorithm": PSS},
                {"hash_algorithm": SHA512},
            ]

            async def one(number: int, client: str = "app", hash_algorithm: HashAlgorithm = SHA256, **kind: Any) -> None:
                wanted = digest(number, hash_algorithm)
                assert await signer.question(wanted, call=new_call(client=client), **kind) == (value(wanted),)

            await asyncio.gather(*(one(number, **kind) for number in range(3) for kind in kinds))
            assert Counter(len(question.digests) for question in signer.asked) == {1: len(kinds), 2: len(kinds)}
            for question in signer.asked:
                assert len({each.algorithm for each in question.digests}) == 1
            kinds_asked = {
                (each.call.client, each.credential, each.sign_algorithm, each.digests[0].algorithm)
                for each in signer.asked
                if len(each.digests) == 2
            }
            assert len(kinds_asked) == len(kinds)
            signer.assert_idle()

        virtually(main())


class TestWhatBecomesOfEach:
    def test_one_bad_value_is_one_calls_own(self) -> None:
        async def main() -> None:
            signer = Signer(poisoned={digest(7)})
            answers = await signer.many(20)
            for number, (values, _) in enumerate(answers):
                assert values == (None if number == 7 else value(digest(number)),)
            assert len(signer.asked) == 2

        virtually(main())

    def test_a_failure_of_the_whole_is_told_to_each_as_its_own(self) -> None:
        async def main() -> None:
            signer = Signer(failure=SignerUnavailable("down", retry_after=7.0))
            failures = await asyncio.gather(*(signer.question(digest(number)) for number in range(10)), return_exceptions=True)
            assert {type(failure) for failure in failures} == {SignerUnavailable}
            assert len({id(failure) for failure in failures}) == 10
            for failure in failures:
                assert isinstance(failure, SignerUnavailable)
                assert (failure.detail, failure.retry_after) == ("down", 7.0)
            signer.failure = Maintenance("closed")
            with pytest.raises(Maintenance):
                await signer.question(digest(1))
            signer.failure = RuntimeError("a fault of ours")
            failures = await asyncio.gather(*(signer.question(digest(n)) for n in range(3)), return_exceptions=True)
            assert {type(failure) for failure in failures} == {RuntimeError}
            signer.assert_idle()

        virtually(main())

    def test_deadlines_are_each_calls_own(self) -> None:
        async def main() -> None:
            signer = Signer(seconds=1.0)
            calls = [new_call(seconds) for seconds in (60, 0.5, 0.01, 60, 30)]
            ended: dict[int, float] = {}

            async def one(number: int) -> Values:
                try:
                    return await signer.question(digest(number), call=calls[number])
                finally:
                    ended[number] = signer.now

            answers = await asyncio.gather(*map(one, range(5)), return_exceptions=True)
            assert [type(answer) for answer in answers] == [tuple, DeadlineExceeded, DeadlineExceeded, tuple, tuple]
            assert ended == {0: 1.0, 1: 0.5, 2: 0.01, 3: 1.02, 4: 1.02}
            # Who left while it waited was not asked for.
            assert [set(question.digests) for question in signer.asked] == [{digest(0)}, {digest(1), digest(3), digest(4)}]
            assert signer.asked[1].call.deadline == calls[3].deadline
            signer.assert_idle()

        virtually(main())

    def test_the_longest_deadline_ends_it(self) -> None:
        async def main() -> None:
            signer = Signer(seconds=10.0)
            calls = [new_call(seconds) for seconds in (60, 2, 3)]
            failures = await asyncio.gather(
                *(signer.question(digest(number), call=call) for number, call in enumerate(calls)), return_exceptions=True
            )
            assert [type(failure) for failure in failures] == [tuple, DeadlineExceeded, DeadlineExceeded]
            signer.assert_idle()

        virtually(main())


class TestLeaving:
    def test_who_leaves_does_not_take_the_others_along(self) -> None:
        async def main() -> None:
            signer = Signer()
            tasks = [asyncio.create_task(signer.question(digest(number))) for number in range(6)]
            await asyncio.sleep(WAIT / 2)
            tasks[1].cancel()  # while it waits
            await asyncio.sleep(WAIT)
            tasks[2].cancel()  # while it is under way
            tasks[0].cancel()  # which went alone
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            assert [type(answer) for answer in answers[:3]] == [asyncio.CancelledError] * 3
            assert answers[3:] == [(value(digest(number)),) for number in (3, 4, 5)]
            assert [len(question.digests) for question in signer.asked] == [1, 4]
            assert [question.taken_back for question in signer.asked] == [True, False]
            signer.assert_idle()

        virtually(main())

    @pytest.mark.parametrize("steps", range(8))
    def test_when_all_have_left_it_is_taken_back_whenever_that_is(self, steps: int) -> None:
        async def main() -> None:
            signer, small = Signer(), credential(multisign=3)
            tasks = [asyncio.create_task(signer.question(digest(number), of=small)) for number in range(4)]
            # A batch of three is on its way as soon as all have come: before its first step, and some steps later.
            for _ in range(steps):
                await asyncio.sleep(0)
            for task in tasks[1:]:
                task.cancel()
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            assert [type(answer) for answer in answers] == [tuple, *[asyncio.CancelledError] * 3]
            assert all(question.taken_back for question in signer.asked[1:])
            # The line goes on as if nothing had been.
            assert await signer.question(digest(9), of=small) == (value(digest(9)),)
            signer.assert_idle()

        virtually(main())

    @pytest.mark.parametrize("seed", range(20))
    def test_storms(self, seed: int) -> None:
        async def main() -> None:
            chance = random.Random(seed)
            signer = Signer(seconds=0.05, wait=chance.choice([0.005, 0.02, 0.2]))
            signer.poisoned = {digest(number) for number in chance.sample(range(300), 10)}
            one = credential(multisign=chance.choice([2, 7, 100]))
            cancelled: set[int] = set()

            async def ask(number: int) -> object:
                await asyncio.sleep(chance.uniform(0, 0.3))
                call = new_call(chance.choice([0.03, 0.06, 60.0]), client=chance.choice(["app", "other"]))
                return await signer.question(digest(number), call=call, of=one)

            tasks = [asyncio.create_task(ask(number)) for number in range(300)]
            for number in chance.sample(range(300), 120):
                await asyncio.sleep(chance.uniform(0, 0.005))
                if not tasks[number].done():
                    tasks[number].cancel()
                    cancelled.add(number)
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            good = 0
            for number, answer in enumerate(answers):
                if number in cancelled:
                    assert isinstance(answer, asyncio.CancelledError)
                elif isinstance(answer, tuple):
                    assert answer == (None if digest(number) in signer.poisoned else value(digest(number)),)
                    good += 1
                else:
                    assert isinstance(answer, DeadlineExceeded)
            assert good > 60
            asked = Counter(each for question in signer.asked for each in question.digests)
            assert max(asked.values()) == 1, "a digest is asked for once"
            assert max(len(question.digests) for question in signer.asked) <= one.multisign
            signer.assert_idle()

        virtually(main())


class TestLedger:
    def test_what_was_shared_is_on_each_ledger_with_the_calls_part_of_it(self) -> None:
        async def main() -> None:
            signer = Signer()
            calls = [new_call() for _ in range(4)]
            wanted = [(0,), (1,), (2, 3), (4,)]
            await asyncio.gather(
                *(signer.question(*map(digest, each), call=call) for each, call in zip(wanted, calls, strict=True))
            )
            alone, *together = ([*call.ledger.exchanges] for call in calls)
            assert [(each.digests, each.own_digests, each.sent, each.received) for each in alone] == [(0, 0, 12, 100)]
            assert [(each.digests, each.own_digests, each.sent, each.received) for (each,) in together] == [
                (4, 1, 12, 100),
                (4, 2, 12, 100),
                (4, 1, 12, 100),
            ]
            assert len({each.sent_sha256 for (each,) in [alone, *together]}) == 1
            assert [call.ledger.totals("central") for call in calls] == [(12, 100), (3, 25), (6, 50), (3, 25)]
            assert sum(each.share for (each,) in together) == 1

        virtually(main())

    def test_an_exchange_counts_as_one_calls_and_takes_its_time_of_all(self) -> None:
        async def main() -> None:
            signer = Signer()
            calls = [new_call() for _ in range(4)]
            await asyncio.gather(*(signer.question(digest(number), call=call) for number, call in enumerate(calls)))
            spans = [[span for span in call.spans if span.kind == "exchange"] for call in calls]
            assert [len(each) for each in spans] == [1, 1, 1, 1]
            assert [span.counted for (span,) in spans] == [True, True, False, False]
            assert [[entry.stage for entry in call.stages] for call in calls] == [["sign"], *[["coalesce", "sign"]] * 3]
            for call in calls[1:]:
                assert all(0 <= span.begun <= span.ended <= call.elapsed for span in call.spans)

        virtually(main())

    def test_who_leaves_early_has_what_left_for_it_by_then(self) -> None:
        async def main() -> None:
            signer = Signer()
            calls = [new_call() for _ in range(3)]
            tasks = [asyncio.create_task(signer.question(digest(n), call=call)) for n, call in enumerate(calls)]
            await asyncio.sleep(WAIT * 2)
            tasks[1].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            (left,), (stayed,) = calls[1].ledger.exchanges, calls[2].ledger.exchanges
            assert (left.sent, left.received, left.digests, left.own_digests) == (12, 0, 2, 1)
            assert (stayed.sent, stayed.received, stayed.sent_sha256) == (12, 100, left.sent_sha256)
            assert [entry.stage for entry in calls[1].stages] == ["coalesce", "sign"]
            assert [span.counted for span in calls[2].spans if span.kind == "exchange"] == [True]

        virtually(main())

    def test_what_all_have_left_is_counted_with_the_last_of_them(self) -> None:
        async def main() -> None:
            signer = Signer()
            calls = [new_call() for _ in range(3)]
            tasks = [asyncio.create_task(signer.question(digest(n), call=call)) for n, call in enumerate(calls)]
            await asyncio.sleep(WAIT * 2)
            for task in tasks[1:]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            spans = [span for call in calls[1:] for span in call.spans if span.kind == "exchange"]
            assert [(span.outcome, span.counted) for span in spans] == [("CancelledError", True)]
            assert [len(call.ledger.exchanges) for call in calls] == [1, 1, 1]

        virtually(main())
