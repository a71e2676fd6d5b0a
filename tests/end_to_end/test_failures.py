"""The fault tables of docs/failures.md, row by row, over real sockets."""

import asyncio
import base64
import hashlib
import json
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from proxy.api.tls import server_context
from proxy.model import BreakerState
from proxy.settings import ListenerSettings
from tests.end_to_end.link_bench import FAILURES, PAUSE, SECONDS, Answer, Bench, link_bench
from tests.support.fault_proxy import Fault, Forward, Hangs, with_body
from tests.support.pki import CA_USAGE, DAY, NOW, YEAR, Hierarchy, crl, issue, ocsp_response
from tests.support.tsa import rejection

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = Path(__file__).parents[2] / "docs" / "failures.md"
SECTIONS = {"central": "Central signer", "tsa": "Time-stamping authorities", "revocation": "OCSP and CRL hosts"}
BREAKERS = {"opens": "link", "the certificate's opens": "certificate", "stays closed": ""}
UNAVAILABLE = {
    "central": "SIGNER_UNAVAILABLE",
    "tsa": "TSA_UNAVAILABLE",
    "ocsp": "REVOCATION_UNAVAILABLE",
    "crl": "REVOCATION_UNAVAILABLE",
}
SLACK = 4.0
"""Seconds for all that is not waiting, on a machine that has other things to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: what a caller gets, how often the destination is asked for it, and whose breaker opens, if any."""

    what: str
    code: str
    attempts: int
    opens: str
    code_under_key: str = ""
    attempts_under_key: int = 0


def rows(section: str) -> list[Row]:
    """Those of a section of the page."""
    text = PAGE.read_text("utf-8").split(f"## {SECTIONS[section]}\n", 1)[1].split("\n## ", 1)[0]
    found = []
    for line in [line for line in text.splitlines() if line.startswith("| ")][1:]:
        what, code, attempts, *keyed, breaker = (cell.strip().strip("`") for cell in line.strip("|").split("|"))
        under_key = (keyed[0], int(keyed[1])) if keyed else ("", 0)
        found.append(Row(what, code, int(attempts), BREAKERS[breaker], *under_key))
    return found


# -- what goes wrong --------------------------------------------------------------------------------------------------


def says(status: str, *headers: str, body: bytes = b"no", content_type: str = "text/plain") -> Fault:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Type: {content_type}", f"Content-Length: {len(body)}", *headers])

    async def answer(_request: bytes, _forward: Forward) -> bytes:
        return head.encode() + b"\r\n\r\n" + body

    return Fault(answer)


def once(fault: Fault) -> Fault:
    return Fault(fault.answer, resets=fault.resets, times=1)


async def _nothing(_request: bytes, _forward: Forward) -> bytes:
    raise Hangs


def answers_changed(change: Callable[[bytes], bytes]) -> Fault:
    """The upstream's answers, changed."""

    async def answer(request: bytes, forward: Forward) -> bytes:
        answer = await forward(request)
        return with_body(answer, change(answer.partition(b"\r\n\r\n")[2]))

    return Fault(answer)


def requests_changed(change: Callable[[bytes], bytes]) -> Fault:
    """The upstream's answers to other requests."""

    async def answer(request: bytes, forward: Forward) -> bytes:
        return await forward(with_body(request, change(request.partition(b"\r\n\r\n")[2])))

    return Fault(answer)


def _of_another_digest(request: bytes) -> bytes:
    if not request:
        return request  # a question about the certificate
    members = json.loads(request)
    members["hashes"] = [base64.b64encode(base64.b64decode(text)[::-1]).decode() for text in members["hashes"]]
    return json.dumps(members).encode()


def values_changed(change: Callable[[list[str]], list[str]]) -> Fault:
    """The central signer's answers, with other lists of values."""

    def changed(answer: bytes) -> bytes:
        members = json.loads(answer)
        if "signatures" in members:
            members["signatures"] = change(members["signatures"])
        return json.dumps(members).encode()

    return answers_changed(changed)


def answers_to(reply: Callable[[bytes], bytes]) -> Fault:
    """The upstream's answers, with other bodies."""

    async def answer(request: bytes, forward: Forward) -> bytes:
        return with_body(await forward(request), reply(request.partition(b"\r\n\r\n")[2]))

    return Fault(answer)


ANYWHERE = {
    "nobody listens": Fault(listens=False),
    "reset amid the answer": Fault(resets=True),
    "reset amid the answer, once": Fault(resets=True, times=1),
    "it accepts, and never answers": Fault(_nothing),
    "a byte a second": Fault(drips=True),
    # A fatal alert, handshake_failure (RFC 8446, 6).
    "TLS alert in the handshake": Fault(alert=b"\x15\x03\x03\x00\x02\x02\x28"),
    "429": says("429 Too Many Requests", "Retry-After: 1"),
    "503 with Retry-After": says("503 Service Unavailable", "Retry-After: 1"),
    "503 with a long Retry-After": says("503 Service Unavailable", "Retry-After: 60"),
    "500": says("500 Internal Server Error"),
    "500, once": once(says("500 Internal Server Error")),
}
OF_CENTRAL = ANYWHERE | {
    "503, maintenance": says(
        "503 Service Unavailable", "Retry-After: 60", body=b'{"code":"MAINTENANCE"}', content_type="application/problem+json"
    ),
    "garbage instead of JSON": says("200 OK", body=b"}{", content_type="application/json"),
    "a signature for another digest": requests_changed(_of_another_digest),
    "two answers swapped": values_changed(lambda values: values[::-1]),
    "one signature for two digests": values_changed(lambda values: values[:1] * len(values)),
    "fewer signatures than digests": values_changed(lambda values: values[1:]),
    "more signatures than digests": values_changed(lambda values: values * 2),
    "an answer of 5 MB": says("200 OK", body=b" " * 5_000_000 + b"{}", content_type="application/json"),
}
OF_TSA = ANYWHERE | {
    "garbage instead of a reply": says("200 OK", body=b"}{", content_type="application/timestamp-reply"),
    "it has no time: a rejection": answers_to(lambda _: rejection(failure="time_not_available")),
    "any other rejection": answers_to(lambda _: rejection(failure="bad_alg")),
}
OF_OCSP = ANYWHERE | {"garbage": says("200 OK", body=b"}{", content_type="application/ocsp-response")}

STRANGER = issue("Root", ca=True, extensions=[CA_USAGE])
"""Of the same name as the one who should have signed."""

WRONG_TOKENS: dict[str, dict[str, Any]] = {
    "a token with a spoilt signature": {"spoil_signature": True},
    "a token for another digest": {"imprint": bytes(32)},
    "a token with another nonce": {"nonce": 1},
    "a token that a stranger signed": {"tsa": Hierarchy.make("Time").tsa()},
}


def fault_of(bench: Bench, destination: str, what: str) -> Fault:
    """What a row is about."""
    stranger = {"certificate": bench.tls.server, "key": bench.tls.server_key, "client_ca": bench.stranger.ca}
    match destination, what:
        case _, "TLS alert after the handshake":
            return Fault(tls=server_context(ListenerSettings.model_validate(stranger)))
        case _, "its certificate has expired":
            return Fault(tls=bench.expired.server_context())
        case "central", "its certificate changed under way":
            bench.renew()
            return Fault()
        case "tsa", "the token of an earlier request":
            earlier = bench.tsa.queries[-1]
            return answers_to(lambda _: bench.stamp.but(gen_time=bench.clock.now()).reply(earlier))
        case "tsa", _ if what in WRONG_TOKENS:
            wrong = bench.stamp.but(**WRONG_TOKENS[what])
            return answers_to(lambda query: wrong.but(gen_time=bench.clock.now()).reply(query))
        case (("ocsp" | "crl"), _) if what not in OF_OCSP:
            answer = wrong_evidence(bench, destination, what)
            return answers_to(lambda _: answer)
    return {"central": OF_CENTRAL, "tsa": OF_TSA}.get(destination, OF_OCSP)[what]


def wrong_evidence(bench: Bench, kind: str, what: str) -> bytes:
    """An OCSP response or a CRL."""
    holder, other = (bench.central.entries[name].holder for name in ("ocsp", "c1"))
    long_ago, later = NOW - 2 * DAY, NOW - DAY
    made: dict[tuple[str, str], Callable[[], bytes]] = {
        ("ocsp", "an answer about another certificate"): lambda: ocsp_response(other, bench.root, next_update=NOW + YEAR),
        ("ocsp", "an answer that a stranger signed"): lambda: ocsp_response(holder, STRANGER, next_update=NOW + YEAR),
        ("ocsp", "an answer that is not current any more"): lambda: ocsp_response(
            holder, bench.root, this_update=long_ago, next_update=later
        ),
        ("crl", "an answer about another certificate"): lambda: crl(issue("Another Root", ca=True), following=NOW + YEAR),
        ("crl", "an answer that a stranger signed"): lambda: crl(STRANGER, following=NOW + YEAR),
        ("crl", "an answer that is not current any more"): lambda: crl(bench.root, issued=long_ago, following=later),
    }
    return made[kind, what]()


# -- what comes of it -------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with link_bench(tmp_path_factory.mktemp("links")) as bench:
        yield bench


@pytest.fixture
def bench(running: Bench) -> Bench:
    """With all links as good as new."""
    running.time.moment += 10 * PAUSE
    return running


OF_TWO = {
    "two answers swapped",
    "one signature for two digests",
    "fewer signatures than digests",
    "more signatures than digests",
}
"""What takes two digests to happen."""

Ask = Callable[[str | None], Awaitable[Answer]]


def asking(bench: Bench, destination: str, what: str) -> Ask:
    """A request that needs the destination."""
    if what in OF_TWO:
        hashes = [base64.b64encode(hashlib.sha256(bytes([number])).digest()).decode() for number in range(2)]
        return lambda key: bench.ask_for_values(hashes, key)
    certificate_id = destination if destination in {"ocsp", "crl"} else "c1"
    return lambda key: bench.ask(certificate_id, form="es-t" if destination == "tsa" else "es", key=key)


def new_key() -> str:
    return str(uuid.uuid4())


async def go_through(bench: Bench, destination: str, row: Row) -> None:
    """Have a row happen, once and again and again, and be over."""
    link, ask = bench.links[destination], asking(bench, destination, row.what)
    assert (await ask(None)).code == "signed"
    bench.settled = asyncio.all_tasks()
    spent = Spent(bench)
    async with link.failing(fault_of(bench, destination, row.what)):
        answer = await ask(None)
        assert answer.code == row.code
        assert answer.seconds < row.attempts * SECONDS + SLACK
        spent.check(destination, row.attempts, digests_in(row))
        if row.opens:
            await _goes_on_until_it_opens(bench, destination, row, ask)
        else:
            await _goes_on_and_stays_closed(bench, destination, row, ask)
    await bench.assert_nothing_left()
    bench.time.moment += PAUSE
    assert (await ask(None)).code == "signed"
    assert bench.link(destination).state is BreakerState.CLOSED
    await bench.assert_nothing_left()


class Spent:
    """What was asked and made since."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._before = self._now()

    def _now(self) -> tuple[int, int, int]:
        return self._bench.central.signed, len(self._bench.tsa.queries), len(self._bench.seen.repeats)

    @property
    def signatures(self) -> int:
        return self._bench.central.signed - self._before[0]

    def check(self, destination: str, attempts: int, digests: int) -> None:
        """So many attempts were made, and no more of anything than they asked for."""
        signatures, tokens, repeats = (now - before for now, before in zip(self._now(), self._before, strict=True))
        assert repeats == attempts - 1
        link = self._bench.links[destination]
        if link.connections:
            assert (link.exchanges or link.connections) == attempts
        match destination:
            case "central":
                assert signatures <= attempts * digests
            case "tsa":
                assert (signatures, tokens <= attempts) == (1, True)
            case _:
                assert signatures <= 1


def digests_in(row: Row) -> int:
    return 2 if row.what in OF_TWO else 1


async def _goes_on_until_it_opens(bench: Bench, destination: str, row: Row, ask: Ask) -> None:
    def state() -> BreakerState:
        return (bench.link(destination) if row.opens == "link" else bench.certificate("c1")).state

    for _ in range(FAILURES):
        if state() is BreakerState.OPEN:
            break
        assert (await ask(None)).code == row.code
    assert state() is BreakerState.OPEN
    assert bench.link(destination).state is (BreakerState.OPEN if row.opens == "link" else BreakerState.CLOSED)

    def spent() -> int:
        # A certificate of which the values are wrong is asked for anew, which signs nothing.
        return bench.links[destination].connections if row.opens == "link" else bench.central.signed

    before = spent()
    answer = await ask(None)
    assert (answer.code, spent()) == (UNAVAILABLE[destination], before)
    assert answer.status in {502, 503}
    assert 1 <= (answer.retry_after or 0) <= PAUSE


async def _goes_on_and_stays_closed(bench: Bench, destination: str, row: Row, ask: Ask) -> None:
    for _ in range(FAILURES):
        await ask(None)
        assert bench.link(destination).state is bench.certificate("c1").state is BreakerState.CLOSED, row


def cases(section: str, *, everyday: bool = False) -> list[object]:
    """The rows; those that are there for every kind of destination are tried for one kind every day."""
    lean = {"reset amid the answer", "500, once"}
    return [
        pytest.param(row, id=row.what, marks=[] if everyday or row.what in lean else pytest.mark.full) for row in rows(section)
    ]


@pytest.mark.parametrize("row", cases("central", everyday=True))
async def test_the_central_signer(bench: Bench, row: Row) -> None:
    await go_through(bench, "central", row)


@pytest.mark.parametrize("row", cases("tsa"))
async def test_a_time_stamping_authority(bench: Bench, row: Row) -> None:
    await go_through(bench, "tsa", row)


@pytest.mark.parametrize("destination", ["ocsp", "crl"])
@pytest.mark.parametrize("row", cases("revocation"))
async def test_a_host_of_revocation_data(bench: Bench, destination: str, row: Row) -> None:
    await go_through(bench, destination, row)


@pytest.mark.parametrize("row", cases("central"))
async def test_the_central_signer_under_a_key(bench: Bench, row: Row) -> None:
    link, ask, key = bench.links["central"], asking(bench, "central", row.what), new_key()
    assert (await ask(new_key())).code == "signed"
    bench.settled = asyncio.all_tasks()
    spent = Spent(bench)
    async with link.failing(fault_of(bench, "central", row.what)):
        assert (await ask(key)).code == row.code_under_key
        spent.check("central", row.attempts_under_key, digests_in(row))
        assert spent.signatures <= digests_in(row)
    await bench.assert_nothing_left()
    bench.time.moment += PAUSE
    again = await ask(key)
    if row.what == "a signature for another digest":
        # The signer keeps to what it was asked under this key, and it was not asked by us.
        assert again.code == "SIGNER_ERROR"
        return
    assert again.code == "signed"
    # By another certificate it is another signature. Every other is made once, however often it was asked for.
    assert spent.signatures == (2 if row.what == "its certificate changed under way" else digests_in(row))


async def test_the_page_says_when_a_breaker_opens_and_for_how_long() -> None:
    text = PAGE.read_text("utf-8")
    assert re.findall(r"`links\.[a-z_]+`", text) == ["`links.pause_seconds`"]
    for section in SECTIONS:
        assert len({row.what for row in rows(section)}) == len(rows(section)) > 10
