"""What operations sign with, over a real central signer: values verified once, whatever their order, each call its own."""

import asyncio
import base64
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from aiohttp import web

from proxy.call import Call
from proxy.errors import AlgorithmNotAllowed, DeadlineExceeded, ProxyError, SignatureInvalid, SignerError, SignerUnavailable
from proxy.model import BreakerState, Credential, Digest, HashAlgorithm, SignAlgorithm
from proxy.outbound import Links
from proxy.settings import CentralSettings
from proxy.signers import matching
from proxy.signers.central import CentralSigner
from proxy.signers.verification import verify_value
from proxy.signers.verified import VerifiedSigner
from tests.support.central_server import CentralServer, Entry, Handler, central_server, problem
from tests.support.keys import ec_key, sign_digest
from tests.support.pki import FixedClock, Hierarchy, new_call
from tests.support.stepped import SteppedTime
from tests.support.tls_files import TLSFiles, make_tls_files

ECDSA = SignAlgorithm.ECDSA
DIGESTS = [Digest.of(b"%d" % number, HashAlgorithm.SHA256) for number in range(24)]
LONG = 60.0
"""Seconds that nobody waits: what is under way has its answer before."""


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TLSFiles:
    return make_tls_files(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def pki() -> Hierarchy:
    return Hierarchy.make()


@pytest.fixture
async def server(tls: TLSFiles, pki: Hierarchy) -> AsyncIterator[CentralServer]:
    async with central_server(tls) as running:
        running.entries["seal"] = Entry(pki.signer("Seal", key=ec_key()), pki.chain, ("ECDSA",), ("SHA-256",))
        yield running


@pytest.fixture
async def backend(server: CentralServer) -> AsyncIterator[CentralSigner]:
    made = CentralSigner(CentralSettings.model_validate(server.settings), 4, FixedClock())
    yield made
    await made.close()


@pytest.fixture
async def credential(backend: CentralSigner, server: CentralServer) -> Credential:
    found = await backend.get_credential(new_call(), "seal")
    server.asked.clear()
    return found


def answering(arrange: Callable[[list[Digest], list[bytes]], Sequence[bytes]]) -> Handler:
    """A central signer that signs, and then gives the values as ``arrange`` would have them."""

    async def handler(request: web.Request) -> web.Response:
        digests = [Digest(HashAlgorithm.SHA256, base64.b64decode(text)) for text in (await request.json())["hashes"]]
        values = arrange(digests, [sign_digest(ec_key(), ECDSA, digest) for digest in digests])
        return web.json_response({"signatures": [base64.b64encode(value).decode() for value in values]})

    return handler


async def together(signer: VerifiedSigner, credential: Credential, digests: Sequence[Digest] = DIGESTS) -> list[bytes | None]:
    """Ask for each at the same moment; ``None`` where SIGNATURE_INVALID comes."""

    async def one(digest: Digest) -> bytes | None:
        try:
            (value,) = await signer.sign_digests(new_call(), credential, ECDSA, [digest])
        except SignatureInvalid:
            return None
        verify_value(credential.certificate, ECDSA, digest, value)
        return value

    return await asyncio.gather(*map(one, digests))


def sizes(server: CentralServer) -> list[int]:
    """How many digests each request to sign had."""
    return [len(json.loads(body)["hashes"]) for _, path, body in server.asked if path == "/v1/signatures/hash"]


@pytest.mark.parametrize(
    "arrange",
    [
        pytest.param(lambda _, values: values, id="in order"),
        pytest.param(lambda _, values: values[::-1], id="reversed"),
        pytest.param(lambda _, values: [values[1], values[0], *values[2:]] if len(values) > 1 else values, id="swapped"),
        pytest.param(
            lambda digests, values: [value for _, value in sorted(zip([d.value for d in digests], values, strict=True))],
            id="sorted",
        ),
    ],
)
async def test_everyone_is_served_whatever_the_order(
    server: CentralServer, backend: CentralSigner, credential: Credential, arrange: Callable[..., Sequence[bytes]]
) -> None:
    server.fault = answering(arrange)
    assert None not in await together(VerifiedSigner(backend, LONG, Links()), credential)
    assert sizes(server) == [1, 23]
    values = await VerifiedSigner(backend, 0, Links()).sign_digests(new_call(), credential, ECDSA, DIGESTS)
    for digest, value in zip(DIGESTS, values, strict=True):
        verify_value(credential.certificate, ECDSA, digest, value)


async def test_one_poisoned_digest_fails_alone_and_the_credential_is_learnt_anew(
    server: CentralServer, backend: CentralSigner, credential: Credential
) -> None:
    poisoned = DIGESTS[5]

    def poison(digests: list[Digest], values: list[bytes]) -> list[bytes]:
        return [values[0][:-1] if digest == poisoned else value for digest, value in zip(digests, values, strict=True)]

    server.fault = answering(poison)
    answers = await together(VerifiedSigner(backend, LONG, Links()), credential)
    assert [number for number, value in enumerate(answers) if value is None] == [5]
    assert sizes(server) == [1, 23]
    # A call of several digests has all of them or none.
    with pytest.raises(SignatureInvalid):
        await VerifiedSigner(backend, LONG, Links()).sign_digests(new_call(), credential, ECDSA, DIGESTS[4:7])
    server.fault = None
    server.asked.clear()
    await backend.get_credential(new_call(), "seal")
    assert server.paths() == ["GET /v1/certificates/seal/chain"]


@pytest.mark.parametrize(
    "arrange",
    [
        pytest.param(lambda _, values: values[:-1], id="fewer"),
        pytest.param(lambda _, values: [*values, values[0]], id="more"),
        pytest.param(lambda _, values: [], id="none"),
    ],
)
async def test_another_number_of_values_than_digests_is_none_for_anybody(
    server: CentralServer, backend: CentralSigner, credential: Credential, arrange: Callable[..., Sequence[bytes]]
) -> None:
    server.fault = answering(arrange)
    with pytest.raises(SignerError, match="another number"):
        await VerifiedSigner(backend, 0, Links()).sign_digests(new_call(), credential, ECDSA, DIGESTS[:3])


async def test_a_certificate_whose_values_do_not_verify_is_left_alone_and_it_alone(
    server: CentralServer, backend: CentralSigner, credential: Credential, pki: Hierarchy
) -> None:
    time = SteppedTime()
    links = time.links(failures_to_open=3, pause_seconds=10)
    signer = VerifiedSigner(backend, 0, links)

    async def sign(one: Credential) -> int:
        """Gives how many digests the central signer got."""
        server.asked.clear()
        await signer.sign_digests(new_call(), one, ECDSA, DIGESTS[:1])
        return sum(sizes(server))

    other_key = ec_key("secp384r1")
    server.entries["other"] = Entry(pki.signer("Other", key=other_key), pki.chain, ("ECDSA",), ("SHA-256",))
    other = await backend.get_credential(new_call(), "other")
    server.fault = answering(lambda digests, _: [sign_digest(other_key, ECDSA, digest) for digest in digests])
    for _ in range(3):
        with pytest.raises(SignatureInvalid):
            await sign(credential)
    with pytest.raises(SignerUnavailable) as refused:
        await sign(credential)
    assert (sizes(server), refused.value.retry_after) == ([], 10)
    assert await sign(other) == 1
    # Of the same id, and of another key: what was made for the former says nothing of it.
    server.fault = None
    server.entries["seal"] = Entry(pki.signer("Seal", key=ec_key()), pki.chain, ("ECDSA",), ("SHA-256",))
    backend.forget("seal")
    assert await sign(await backend.get_credential(new_call(), "seal")) == 1
    with pytest.raises(SignerUnavailable):
        await sign(credential)
    time.moment += 10
    assert await sign(credential) == 1
    assert {state.name.rsplit(":", 1)[0] for state in links.states} == {"central:seal", "central:other"}
    assert {state.state for state in links.states} == {BreakerState.CLOSED}


async def test_each_value_is_verified_once(
    server: CentralServer, backend: CentralSigner, credential: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[Digest] = []

    def counted(certificate: bytes, sign_algorithm: SignAlgorithm, digest: Digest, value: bytes) -> None:
        verified.append(digest)
        verify_value(certificate, sign_algorithm, digest, value)

    monkeypatch.setattr(matching, "verify_value", counted)
    signer = VerifiedSigner(backend, LONG, Links())
    await together(signer, credential)
    await signer.sign_digests(new_call(), credential, ECDSA, DIGESTS[:1])
    assert Counter(verified) == Counter([*DIGESTS, DIGESTS[0]])


async def test_a_call_with_an_upstream_key_goes_alone_with_its_key(
    server: CentralServer, backend: CentralSigner, credential: Credential
) -> None:
    signer, calls = VerifiedSigner(backend, LONG, Links()), [new_call() for _ in range(6)]
    for number in (1, 3):
        calls[number].upstream_key = f"key-{number}"
    server.idempotency_keys.clear()
    await asyncio.gather(
        *(signer.sign_digests(call, credential, ECDSA, [digest]) for call, digest in zip(calls, DIGESTS, strict=False))
    )
    keys = dict(zip([json.loads(body)["hashes"][0] for _, _, body in server.asked], server.idempotency_keys, strict=True))
    expected = {base64.b64encode(DIGESTS[number].value).decode(): f"key-{number}" for number in (1, 3)}
    assert {digest: key for digest, key in keys.items() if key is not None} == expected
    assert sorted(sizes(server)) == [1, 1, 1, 3]


async def test_off_where_it_is_switched_off_and_where_the_backend_takes_one_at_a_time(
    server: CentralServer, backend: CentralSigner, credential: Credential
) -> None:
    single = Credential(**{**{name: getattr(credential, name) for name in Credential.__slots__}, "multisign": 1})
    for signer, of in ((VerifiedSigner(backend, 0, Links()), credential), (VerifiedSigner(backend, LONG, Links()), single)):
        server.asked.clear()
        assert None not in await together(signer, of, DIGESTS[:6])
        assert sizes(server) == [1] * 6


async def test_what_would_be_refused_is_refused_before_it_joins_others(
    server: CentralServer, backend: CentralSigner, credential: Credential
) -> None:
    signer = VerifiedSigner(backend, LONG, Links())
    other = Digest.of(b"", HashAlgorithm.SHA512)

    async def wrong(sign_algorithm: SignAlgorithm, *digests: Digest) -> None:
        await signer.sign_digests(new_call(), credential, sign_algorithm, digests)

    answers, *refusals = await asyncio.gather(
        together(signer, credential),
        wrong(SignAlgorithm.RSASSA_PSS, DIGESTS[0]),
        wrong(ECDSA, other),
        wrong(ECDSA, DIGESTS[0], other),
        wrong(ECDSA),
        return_exceptions=True,
    )
    assert isinstance(answers, list)
    assert None not in answers
    assert [type(refusal) for refusal in refusals] == [AlgorithmNotAllowed, AlgorithmNotAllowed, ValueError, ValueError]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (problem(503, "SIGNER_UNAVAILABLE"), SignerUnavailable),
        (problem(500, "INTERNAL"), SignerError),
        (answering(lambda _, values: values[:-1]), SignerError),
        (answering(lambda _, values: [*values, values[0]]), SignerError),
    ],
)
async def test_a_failure_of_the_question_is_that_of_each_call(
    server: CentralServer, backend: CentralSigner, credential: Credential, fault: Handler, kind: type[ProxyError]
) -> None:
    server.fault = fault
    signer = VerifiedSigner(backend, LONG, Links())
    failures = await asyncio.gather(
        *(signer.sign_digests(new_call(), credential, ECDSA, [digest]) for digest in DIGESTS[:5]), return_exceptions=True
    )
    assert [type(failure) for failure in failures] == [kind] * 5


async def test_one_that_leaves_early_has_on_its_ledger_what_the_signer_had_from_it(
    server: CentralServer, backend: CentralSigner, credential: Credential
) -> None:
    came, may_answer = asyncio.Event(), asyncio.Event()
    held_back = answering(lambda _, values: values)

    async def slowly(request: web.Request) -> web.StreamResponse:
        if len((await request.json())["hashes"]) > 1:
            came.set()
            await may_answer.wait()
        return await held_back(request)

    server.fault = slowly
    signer = VerifiedSigner(backend, LONG, Links())
    calls: list[Call] = [new_call(), new_call(), new_call(0.5), new_call()]
    tasks = [
        asyncio.create_task(signer.sign_digests(call, credential, ECDSA, [digest]))
        for call, digest in zip(calls, DIGESTS, strict=False)
    ]
    await came.wait()
    tasks[1].cancel()
    with pytest.raises(DeadlineExceeded):
        await tasks[2]
    may_answer.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    verify_value(credential.certificate, ECDSA, DIGESTS[3], tasks[3].result()[0])
    (body,) = (body for _, _, body in server.asked if len(json.loads(body)["hashes"]) == 3)
    for call, received in ((calls[1], False), (calls[2], False), (calls[3], True)):
        (exchange,) = call.ledger.exchanges
        assert (exchange.sent, exchange.sent_sha256) == (len(body), hashlib.sha256(body).hexdigest())
        assert (exchange.digests, exchange.own_digests, exchange.received > 0) == (3, 1, received)
