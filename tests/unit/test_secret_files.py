"""Files that are made of secrets: there before anything reads them, and what the secret is from then on."""

import asyncio
import stat
from pathlib import Path

import pytest

from proxy.errors import SettingsError
from proxy.secret_files import kept_secret_files, write_secret
from proxy.settings import SecretFileSettings
from tests.support.emulators import CREDENTIALS, REGION
from tests.support.localstack import LocalStack


def section(path: Path, reference: str) -> SecretFileSettings:
    return SecretFileSettings.model_validate({"path": path, "secret": reference})


def test_it_is_for_this_user_alone_and_written_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = section(tmp_path / "run" / "key.pem", "env:A_KEY")
    monkeypatch.setenv("A_KEY", "one\ntwo\n")
    assert write_secret(file)
    assert file.path.read_bytes() == b"one\ntwo\n"
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    before = file.path.stat().st_mtime_ns
    assert not write_secret(file)
    assert file.path.stat().st_mtime_ns == before
    monkeypatch.setenv("A_KEY", "three")
    assert write_secret(file)
    assert file.path.read_bytes() == b"three\n"
    assert [path.name for path in file.path.parent.iterdir()] == ["key.pem"]


async def test_a_rotated_secret_is_found_and_one_that_cannot_be_read_leaves_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = section(tmp_path / "key.pem", "env:A_KEY")
    monkeypatch.setenv("A_KEY", "first")

    async def until(content: bytes) -> None:
        async with asyncio.timeout(10):
            while file.path.read_bytes() != content:  # noqa: ASYNC110 - the file has no event
                await asyncio.sleep(0.005)

    async with kept_secret_files([file], 0.01):
        assert file.path.read_bytes() == b"first\n"
        monkeypatch.delenv("A_KEY")
        await asyncio.sleep(0.05)
        assert file.path.read_bytes() == b"first\n"
        monkeypatch.setenv("A_KEY", "second")
        await until(b"second\n")


async def test_without_its_secret_nothing_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("A_KEY", raising=False)
    with pytest.raises(SettingsError, match="env:A_KEY"):
        async with kept_secret_files([section(tmp_path / "key.pem", "env:A_KEY")], 60):
            pytest.fail("it began")


@pytest.mark.xdist_group("localstack")
def test_secrets_of_aws(tmp_path: Path, localstack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", localstack.url)
    client = localstack.client(service="secretsmanager")
    arn = client.create_secret(Name="proxy/pin", SecretString='{"pin": "user:1234"}')["ARN"]
    assert f":{REGION}:" in arn
    whole, member = section(tmp_path / "whole", f"aws:{arn}"), section(tmp_path / "member", f"aws:{arn}#pin")
    assert write_secret(whole)
    assert whole.path.read_text() == '{"pin": "user:1234"}\n'
    assert write_secret(member)
    assert member.path.read_text() == "user:1234\n"
    client.put_secret_value(SecretId=arn, SecretString='{"pin": "user:5678"}')
    assert write_secret(member)
    assert member.path.read_text() == "user:5678\n"
    with pytest.raises(SettingsError, match="no JSON object with that member") as raised:
        section(tmp_path / "x", f"aws:{arn}#puk").secret.read()
    assert "5678" not in str(raised.value)
    with pytest.raises(SettingsError, match="ResourceNotFoundException"):
        section(tmp_path / "x", f"aws:{arn[:-6]}AAAAAA").secret.read()


@pytest.mark.parametrize(
    "text", ["aws:", "aws:name", "aws:arn:aws:s3:eu-central-1:111122223333:secret:x", "aws:arn:aws:secretsmanager:::secret:x"]
)
def test_what_is_no_arn_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="a reference"):
        section(tmp_path / "x", text)
