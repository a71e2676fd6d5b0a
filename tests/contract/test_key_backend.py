"""The contract of ``proxy.ports.KeyBackend``, held against every backend that holds keys: SoftHSM, LocalStack's KMS, files.

Every value is judged by ``openssl pkeyutl -verify``, which must refuse it for another digest.
"""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from proxy.errors import AlgorithmNotAllowed, DeadlineExceeded, InvalidParameter, KeyNotFound
from proxy.model import Digest, HashAlgorithm, KeyAlgorithm, SignAlgorithm
from tests.contract.benches import marks_of
from tests.contract.key_benches import KEY_BACKENDS, RSA, KeyBench
from tests.support.openssl_judge import Judge
from tests.support.pki import new_call

LONG = {KeyAlgorithm.RSA_3072, KeyAlgorithm.RSA_4096}
KINDS = [pytest.param(kind, marks=pytest.mark.full) if kind in LONG else kind for kind in KeyAlgorithm]
DIGEST = Digest.of(b"one", HashAlgorithm.SHA256)

BACKENDS = [pytest.param(name, marks=marks_of(name)) for name in KEY_BACKENDS]


@pytest.fixture(params=BACKENDS)
def bench(request: pytest.FixtureRequest, key_bench_of: Callable[[str], KeyBench], monkeypatch: pytest.MonkeyPatch) -> KeyBench:
    made = key_bench_of(request.param)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.mark.parametrize("kind", KINDS)
async def test_values_verify_by_openssl_and_what_is_not_declared_is_refused_unsent(
    bench: KeyBench, tmp_path: Path, kind: KeyAlgorithm
) -> None:
    judge, reference = Judge(tmp_path), bench.reference(kind)
    makes = set(RSA) if kind.startswith("RSA") else {SignAlgorithm.ECDSA}
    async with bench.opened() as keys:
        key = await keys.get_key(new_call(), reference)
        assert (set(key.sign_algorithms), set(key.hash_algorithms)) == (makes, bench.hashes(kind))
        for sign_algorithm, hash_algorithm in product(SignAlgorithm, HashAlgorithm):
            what, call = f"{sign_algorithm} {hash_algorithm}", new_call()
            digest, other = Digest.of(b"one", hash_algorithm), Digest.of(b"other", hash_algorithm)
            if sign_algorithm not in makes or hash_algorithm not in bench.hashes(kind):
                with pytest.raises(AlgorithmNotAllowed):
                    await keys.sign(call, key, sign_algorithm, [digest])
                assert (call.ledger.exchanges, call.spans) == ((), []), what
                continue
            (value,) = await keys.sign(call, key, sign_algorithm, [digest])
            assert judge.accepts(key.public_key, sign_algorithm, digest, value), what
            assert not judge.accepts(key.public_key, sign_algorithm, other, value), what
            assert all(sent.destination == bench.name and sent.sent < 1024 for sent in call.ledger.exchanges), what


async def test_many_digests_are_answered_in_order(bench: KeyBench, tmp_path: Path) -> None:
    judge, reference = Judge(tmp_path), bench.reference(KeyAlgorithm.P_256)
    digests = [Digest.of(bytes([number]), HashAlgorithm.SHA256) for number in range(12)]
    async with bench.opened() as keys:
        key = await keys.get_key(new_call(), reference)
        values = await keys.sign(new_call(), key, SignAlgorithm.ECDSA, digests)
    for digest, value in zip(digests, values, strict=True):
        assert judge.accepts(key.public_key, SignAlgorithm.ECDSA, digest, value)


async def test_what_the_port_does_not_take_is_refused_unsent(bench: KeyBench) -> None:
    reference = bench.reference(KeyAlgorithm.P_256)
    async with bench.opened() as keys:
        key, call = await keys.get_key(new_call(), reference), new_call()
        for digests in ([], [DIGEST] * (keys.max_digests + 1), [DIGEST, Digest.of(b"", HashAlgorithm.SHA384)]):
            with pytest.raises(ValueError, match="digests"):
                await keys.sign(call, key, SignAlgorithm.ECDSA, digests)
        assert call.spans == []


async def test_a_call_whose_time_is_over_signs_nothing(bench: KeyBench) -> None:
    reference = bench.reference(KeyAlgorithm.P_256)
    async with bench.opened() as keys:
        key, call = await keys.get_key(new_call(), reference), new_call(0)
        with pytest.raises(DeadlineExceeded):
            await keys.sign(call, key, SignAlgorithm.ECDSA, [DIGEST])
        assert call.ledger.exchanges == ()


async def test_keys_are_listed_as_they_are_found(bench: KeyBench) -> None:
    references = [bench.reference(kind) for kind in (KeyAlgorithm.P_256, KeyAlgorithm.RSA_2048)]
    async with bench.opened() as keys:
        await keys.check(new_call())
        listed = {key.key_id: key for key in await keys.list_keys(new_call())}
        assert len(listed) >= len(references)
        for reference in references:
            found = await keys.get_key(new_call(), reference)
            assert listed[found.key_id] == found == await keys.get_key(new_call(), found.key_id)
            assert found.backend == bench.name == keys.name


@pytest.mark.parametrize(
    "unknown", ["", "nothing", "é", "../nothing", "x" * 300, "pkcs11:object=nothing", "pkcs11:?pin-value=1"]
)
async def test_an_unknown_key_is_not_found(bench: KeyBench, unknown: str) -> None:
    bench.reference(KeyAlgorithm.P_256)
    async with bench.opened() as keys:
        with pytest.raises(KeyNotFound):
            await keys.get_key(new_call(), unknown)


async def test_a_key_made_here_is_there_after_a_restart(bench: KeyBench, tmp_path: Path) -> None:
    digest = Digest.of(b"", HashAlgorithm.SHA384)
    async with bench.opened() as keys:
        made = await keys.create_key(new_call(), KeyAlgorithm.P_384, "press-2026")
        with pytest.raises(InvalidParameter):
            await keys.create_key(new_call(), KeyAlgorithm.P_384, "press-2026")
        with pytest.raises(InvalidParameter):
            await keys.create_key(new_call(), KeyAlgorithm.P_384, "")
        assert await keys.get_key(new_call(), made.key_id) == made
    async with bench.opened() as again:
        assert await again.get_key(new_call(), made.key_id) == made
        (value,) = await again.sign(new_call(), made, SignAlgorithm.ECDSA, [digest])
    assert Judge(tmp_path).accepts(made.public_key, SignAlgorithm.ECDSA, digest, value)
