"""What a key's state in AWS KMS does, by LocalStack. That values and refusals are right, ``test_key_backend`` says."""

from collections.abc import AsyncIterator, Callable

import pytest

from proxy.errors import KeyNotFound, SignerError
from proxy.model import Digest, HashAlgorithm, SignAlgorithm
from proxy.settings import KMSSettings
from proxy.signers.kms import KMSKeys
from tests.support.emulators import CREDENTIALS, REGION
from tests.support.localstack import LocalStack
from tests.support.pki import FixedClock, new_call

pytestmark = pytest.mark.xdist_group("localstack")


@pytest.fixture
async def opened(localstack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., KMSKeys]]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    made: list[KMSKeys] = []

    def open_keys(*keys: str) -> KMSKeys:
        values = {"region": REGION, "endpoint_url": localstack.url, "keys": keys, "timeout_seconds": 20.0}
        made.append(KMSKeys(KMSSettings.model_validate(values), 4, FixedClock()))
        return made[-1]

    yield open_keys
    for one in made:
        await one.close()


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
