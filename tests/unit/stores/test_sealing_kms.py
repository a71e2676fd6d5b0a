"""Sealing with data keys that AWS KMS wraps, by moto: what values cost there, and what becomes of them without the key."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from proxy.errors import InternalError
from proxy.secrets import SecretReference
from proxy.settings import SealingKMSSettings
from proxy.stores.sealing import MessageSealer
from tests.support.aws_front import AWSFront, aws_front, refuses
from tests.support.emulators import CREDENTIALS
from tests.support.faulty_server import unused_url
from tests.support.moto_server import Moto

pytestmark = pytest.mark.xdist_group("localstack")


@pytest.fixture
async def front(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AWSFront]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    async with aws_front(moto.url) as standing:
        yield standing


@pytest.fixture
def key(moto: Moto) -> str:
    return moto.create_key()


def opened(folder: Path, front: AWSFront, key: str) -> MessageSealer:
    (folder / "key").write_bytes(base64.b64encode(bytes(32)))
    return MessageSealer(SecretReference(f"file:{folder / 'key'}"), SealingKMSSettings(key=key, endpoint_url=front.url))


async def test_a_data_key_serves_many_values_of_other_contexts(tmp_path: Path, front: AWSFront, key: str) -> None:
    one, other = opened(tmp_path, front, key), opened(tmp_path, front, key)
    values = [(b"value %d" % number, {"execution": str(number)}) for number in range(100)]
    sealed = [await one.seal(*value) for value in values]
    assert front.asked == {"GenerateDataKey": 1}
    assert [await other.unseal(message, context) for message, (_, context) in zip(sealed, values, strict=True)] == [
        data for data, _ in values
    ]
    assert front.asked == {"GenerateDataKey": 1, "Decrypt": 1}
    with pytest.raises(InternalError):
        await other.unseal(sealed[0], values[1][1])
    await one.close()
    await other.close()


async def test_what_another_key_wrapped_is_not_opened(tmp_path: Path, front: AWSFront, key: str, moto: Moto) -> None:
    one = opened(tmp_path, front, key)
    other = opened(tmp_path, front, moto.create_key())
    sealed = await one.seal(b"value", {})
    with pytest.raises(InternalError, match="opened"):
        await other.unseal(sealed, {})
    await one.close()
    await other.close()


@pytest.mark.parametrize("code", ["AccessDeniedException", "DisabledException", "ThrottlingException"])
async def test_what_kms_does_not_do_is_a_fault_that_passes(tmp_path: Path, front: AWSFront, key: str, code: str) -> None:
    sealer = opened(tmp_path, front, key)
    front.faults["GenerateDataKey"] += [refuses(code)] * 3
    with pytest.raises(InternalError, match="sealed") as caught:
        await sealer.seal(b"value", {})
    assert "internal" not in caught.value.detail
    front.faults["GenerateDataKey"].clear()
    assert await sealer.unseal(await sealer.seal(b"value", {}), {}) == b"value"
    await sealer.close()


async def test_a_kms_that_is_not_there_and_credentials_that_are_not_are_faults_by_name(
    tmp_path: Path, front: AWSFront, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed_by = opened(tmp_path, front, key)
    sealed = await sealed_by.seal(b"value", {})
    await sealed_by.close()
    front.url = unused_url()
    absent = opened(tmp_path, front, key)
    with pytest.raises(InternalError, match="sealed"):
        await absent.seal(b"value", {})
    with pytest.raises(InternalError, match="opened"):
        await absent.unseal(sealed, {})
    await absent.close()
    for name in CREDENTIALS:
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "BOTO_CONFIG"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    nobody = opened(tmp_path, front, key)
    with pytest.raises(InternalError, match="sealed"):
        await nobody.seal(b"value", {})
    await nobody.close()


@pytest.mark.parametrize("key", ["alias/seal", "arn:aws:kms:eu-central-1:111122223333:alias/seal", "1234abcd"])
def test_the_key_is_named_by_its_arn(key: str) -> None:
    with pytest.raises(ValidationError, match="ARN"):
        SealingKMSSettings(key=key)
