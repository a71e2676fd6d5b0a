"""Sealing: what it takes to open a value again, and what a keyed digest depends on."""

import base64
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.errors import InternalError, SettingsError
from proxy.secrets import SecretReference
from proxy.stores.sealing import MessageSealer

CONTEXT = {"scope": "00ff", "execution": "e", "purpose": "result"}


def secret(folder: Path, content: bytes) -> SecretReference:
    path = folder / "key"
    path.write_bytes(content)
    return SecretReference(f"file:{path}")


def key(number: int) -> bytes:
    return base64.b64encode(bytes([number]) * 32)


@pytest.fixture
async def sealer(tmp_path: Path) -> AsyncIterator[MessageSealer]:
    made = MessageSealer(secret(tmp_path, key(1)))
    yield made
    await made.close()


@pytest.mark.parametrize("size", [0, 1, 5_000_000])
async def test_what_was_sealed_is_opened(sealer: MessageSealer, size: int) -> None:
    data = b"planted" * (size // 7)
    sealed = await sealer.seal(data, CONTEXT)
    assert b"planted" not in sealed
    assert len(sealed) < len(data) * 1.02 + 1_000
    assert await sealer.seal(data, CONTEXT) != sealed
    assert await sealer.unseal(sealed, CONTEXT) == data


async def test_another_context_opens_nothing(sealer: MessageSealer) -> None:
    sealed = await sealer.seal(b"value", CONTEXT)
    for context in ({**CONTEXT, "purpose": "values"}, {"scope": "00ff"}, {}, {**CONTEXT, "more": "x"}):
        with pytest.raises(InternalError):
            await sealer.unseal(sealed, context)


async def test_what_was_changed_is_not_opened(sealer: MessageSealer) -> None:
    sealed = await sealer.seal(b"value" * 2_000, CONTEXT)
    for position in (0, 3, 40, len(sealed) // 2, len(sealed) - 1):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(InternalError):
            await sealer.unseal(bytes(changed), CONTEXT)
    for cut in (b"", sealed[:50], sealed[:-1]):
        with pytest.raises(InternalError):
            await sealer.unseal(cut, CONTEXT)


async def test_another_key_opens_nothing_and_digests_differently(sealer: MessageSealer, tmp_path: Path) -> None:
    other = MessageSealer(secret(tmp_path, key(2)))
    with pytest.raises(InternalError):
        await other.unseal(await sealer.seal(b"value", CONTEXT), CONTEXT)
    await other.close()
    digests = {
        sealer.keyed_digest("scope", b"data"),
        sealer.keyed_digest("key", b"data"),
        sealer.keyed_digest("scope", b"other"),
        other.keyed_digest("scope", b"data"),
    }
    assert len(digests) == 4
    assert sealer.keyed_digest("scope", b"data") in digests


@pytest.mark.parametrize("content", [b"no base64!", base64.b64encode(bytes(16)), base64.b64encode(bytes(31)), b""])
def test_what_is_no_key_is_refused_and_not_repeated(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SettingsError) as caught:
        MessageSealer(secret(tmp_path, content))
    assert not content or content.decode() not in str(caught.value)


def test_a_service_without_sealing_does_not_import_the_library() -> None:
    code = "import sys, proxy.app; sys.exit(any(name.startswith('aws_encryption_sdk') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
