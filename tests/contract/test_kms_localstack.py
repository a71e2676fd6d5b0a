"""proxy.signers.kms against LocalStack's KMS: keys that Amazon's own SDK made there, and values that openssl judges."""

from collections.abc import AsyncIterator, Callable
from itertools import product
from pathlib import Path

import pytest

from proxy.errors import AlgorithmNotAllowed, InvalidParameter, KeyNotFound, SignerError
from proxy.model import Digest, HashAlgorithm, KeyAlgorithm, SignAlgorithm
from proxy.settings import KMSSettings
from proxy.signers.kms import KMSKeys
from proxy.signers.kms_algorithms import KEY_SPECS
from tests.support.localstack import CREDENTIALS, REGION, LocalStack
from tests.support.openssl_judge import Judge
from tests.support.pki import FixedClock, new_call

pytestmark = pytest.mark.xdist_group("localstack")

RSA = (SignAlgorithm.RSASSA_PKCS1_V1_5, SignAlgorithm.RSASSA_PSS)
OWN_HASH = {
    KeyAlgorithm.P_256: HashAlgorithm.SHA256,
    KeyAlgorithm.P_384: HashAlgorithm.SHA384,
    KeyAlgorithm.P_521: HashAlgorithm.SHA512,
}
COMBINATIONS = [
    *((key, SignAlgorithm.ECDSA, hashed) for key, hashed in OWN_HASH.items()),
    *((KeyAlgorithm.RSA_2048, *rest) for rest in product(RSA, HashAlgorithm)),
    *(
        pytest.param(key, *rest, marks=pytest.mark.full)
        for key in (KeyAlgorithm.RSA_3072, KeyAlgorithm.RSA_4096)
        for rest in product(RSA, HashAlgorithm)
    ),
]

Maker = Callable[[KeyAlgorithm], str]


@pytest.fixture(scope="module")
def key_of(localstack: LocalStack) -> Maker:
    """A key of each kind, made when it is first asked for."""
    client, made = localstack.client(), dict[KeyAlgorithm, str]()

    def make(algorithm: KeyAlgorithm) -> str:
        if algorithm not in made:
            answer = client.create_key(KeySpec=KEY_SPECS[algorithm], KeyUsage="SIGN_VERIFY")
            made[algorithm] = answer["KeyMetadata"]["Arn"]
        return made[algorithm]

    return make


@pytest.fixture
async def opened(localstack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., KMSKeys]]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    made: list[KMSKeys] = []

    def open_keys(*keys: str, **settings: str) -> KMSKeys:
        values = {"region": REGION, "endpoint_url": localstack.url, "keys": keys, "timeout_seconds": 20.0, **settings}
        made.append(KMSKeys(KMSSettings.model_validate(values), 4, FixedClock()))
        return made[-1]

    yield open_keys
    for one in made:
        await one.close()


@pytest.mark.parametrize(("algorithm", "sign_algorithm", "hash_algorithm"), COMBINATIONS, ids=str)
async def test_values_verify_by_openssl(
    opened: Callable[..., KMSKeys],
    key_of: Maker,
    tmp_path: Path,
    algorithm: KeyAlgorithm,
    sign_algorithm: SignAlgorithm,
    hash_algorithm: HashAlgorithm,
) -> None:
    judge, keys = Judge(tmp_path), opened(key_of(algorithm))
    key = await keys.get_key(new_call(), key_of(algorithm))
    digest, other = Digest.of(b"one", hash_algorithm), Digest.of(b"other", hash_algorithm)
    call = new_call()
    (value,) = await keys.sign(call, key, sign_algorithm, [digest])
    assert judge.accepts(key.public_key, sign_algorithm, digest, value)
    assert not judge.accepts(key.public_key, sign_algorithm, other, value)
    assert [exchange.destination for exchange in call.ledger.exchanges] == ["kms"]


@pytest.mark.parametrize("algorithm", OWN_HASH)
async def test_another_hash_than_the_curves_own_is_refused_unsent(
    opened: Callable[..., KMSKeys], key_of: Maker, algorithm: KeyAlgorithm
) -> None:
    keys = opened(key_of(algorithm))
    key = await keys.get_key(new_call(), key_of(algorithm))
    assert key.hash_algorithms == (OWN_HASH[algorithm],)
    for hash_algorithm in set(HashAlgorithm) - {OWN_HASH[algorithm]}:
        call = new_call()
        with pytest.raises(AlgorithmNotAllowed):
            await keys.sign(call, key, SignAlgorithm.ECDSA, [Digest.of(b"", hash_algorithm)])
        assert call.ledger.exchanges == ()


async def test_many_digests_are_answered_in_order(opened: Callable[..., KMSKeys], key_of: Maker, tmp_path: Path) -> None:
    keys = opened(key_of(KeyAlgorithm.P_256))
    (key,) = await keys.list_keys(new_call())
    digests = [Digest.of(bytes([number]), HashAlgorithm.SHA256) for number in range(12)]
    values = await keys.sign(new_call(), key, SignAlgorithm.ECDSA, digests)
    judge = Judge(tmp_path)
    for digest, value in zip(digests, values, strict=True):
        assert judge.accepts(key.public_key, SignAlgorithm.ECDSA, digest, value)


async def test_a_key_that_is_switched_off_or_gone(opened: Callable[..., KMSKeys], localstack: LocalStack) -> None:
    client = localstack.client()
    reference = client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    keys = opened(reference)
    key = await keys.get_key(new_call(), reference)
    digest = [Digest.of(b"", HashAlgorithm.SHA256)]
    client.disable_key(KeyId=reference)
    with pytest.raises(SignerError, match="disabled"):
        await keys.sign(new_call(), key, SignAlgorithm.ECDSA, digest)
    client.schedule_key_deletion(KeyId=reference)
    fresh = opened(reference)
    with pytest.raises(SignerError, match="deletion"):
        await fresh.get_key(new_call(), reference)
    with pytest.raises(KeyNotFound):
        await opened("alias/nothing").get_key(new_call(), "alias/nothing")


async def test_a_key_made_here_is_there_after_a_restart(opened: Callable[..., KMSKeys], tmp_path: Path) -> None:
    keys = opened(create_under="alias/seals/")
    made = await keys.create_key(new_call(), KeyAlgorithm.P_384, "press-2026")
    with pytest.raises(InvalidParameter):
        await keys.create_key(new_call(), KeyAlgorithm.P_384, "press-2026")
    again = opened(create_under="alias/seals/")
    assert await again.get_key(new_call(), "alias/seals/press-2026") == made
    digest = Digest.of(b"", HashAlgorithm.SHA384)
    (value,) = await again.sign(new_call(), made, SignAlgorithm.ECDSA, [digest])
    assert Judge(tmp_path).accepts(made.public_key, SignAlgorithm.ECDSA, digest, value)
