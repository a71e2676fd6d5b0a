"""Keys in files: what is read, what is refused at start, and that a new key appears whole, once, and for this user alone."""

import asyncio
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from pydantic import ValidationError

from proxy.errors import InvalidParameter, KeyNotFound, NotSupported, SettingsError, SignerError
from proxy.model import Digest, HashAlgorithm, KeyAlgorithm, SignAlgorithm
from proxy.settings import SoftwareSettings
from proxy.signers.software import SoftwareKeys
from tests.support.keys import PrivateKey, ec_key, rsa_key
from tests.support.pki import new_call

HASH = hashes.SHA256()
DIGEST = Digest.of(b"one", HashAlgorithm.SHA256)


def pkcs8(key: PrivateKey | ed25519.Ed25519PrivateKey, password: bytes | None = None) -> bytes:
    encryption = NoEncryption() if password is None else BestAvailableEncryption(password)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "keys"
    made.mkdir()
    (made / "k1.pem").write_bytes(pkcs8(ec_key()))
    (made / ".k2.partial").write_bytes(b"half a key")
    return made


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def opened(folder: Path | None, **more: Any) -> SoftwareKeys:
    return SoftwareKeys(SoftwareSettings.model_validate({"directory": folder, **more}))


async def test_keys_of_a_folder_and_of_single_files(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "locked.pem").write_bytes(pkcs8(rsa_key(), b"first"))
    (tmp_path / "bag.p12").write_bytes(
        serialize_key_and_certificates(b"x", ec_key("secp384r1"), None, None, BestAvailableEncryption(b"second"))
    )
    (tmp_path / "pin").write_text("first\n")
    monkeypatch.setenv("BAG_PASSWORD", "second")
    files = [
        {"id": "locked", "file": tmp_path / "locked.pem", "password": f"file:{tmp_path / 'pin'}"},
        {"id": "bag", "file": tmp_path / "bag.p12", "password": "env:BAG_PASSWORD"},
    ]
    for directory, ids in ((folder, ["k1", "locked", "bag"]), (None, ["locked", "bag"])):
        keys = opened(directory, keys=files)
        assert [key.key_id for key in await keys.list_keys(new_call())] == ids
        key = await keys.get_key(new_call(), "bag")
        assert key.sign_algorithms == (SignAlgorithm.ECDSA,)
        (value,) = await keys.sign(new_call(), key, SignAlgorithm.ECDSA, [DIGEST])
        ec_key("secp384r1").public_key().verify(value, b"one", ec.ECDSA(HASH))
        await keys.close()
    with pytest.raises(SettingsError, match="two keys"):
        opened(folder, keys=[{**files[1], "id": "k1"}])
    monkeypatch.setenv("BAG_PASSWORD", "wrong")
    with pytest.raises(SettingsError, match=r"bag\.p12") as failure:
        opened(None, keys=files)
    assert "wrong" not in str(failure.value)


@pytest.mark.parametrize(
    "content",
    [
        b"rubbish",
        b"",
        pkcs8(ec_key(), b"pin"),
        pkcs8(ed25519.Ed25519PrivateKey.generate()),
        pkcs8(ec.generate_private_key(ec.SECP256K1())),
        pkcs8(rsa.generate_private_key(65_537, 1024)),  # noqa: S505 - too short, and to be refused
    ],
)
def test_files_that_cannot_be_used_are_named(folder: Path, content: bytes) -> None:
    (folder / "bad.pem").write_bytes(content)
    with pytest.raises(SettingsError, match=r"bad\.pem") as failure:
        opened(folder)
    assert "PRIVATE KEY" not in str(failure.value)


def test_the_folder_of_an_earlier_version_is_told_from_one_of_keys(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"\[\[credentials\]\]"):
        opened(tmp_path)
    with pytest.raises(SettingsError, match="no folder"):
        opened(tmp_path / "nowhere")
    for nothing in ({}, {"create_keys": True}, {"create_keys": True, "keys": [{"id": "k", "file": "k.pem"}]}):
        with pytest.raises(ValidationError, match="directory"):
            SoftwareSettings.model_validate(nothing)


class TestNewKeys:
    @pytest.mark.parametrize("algorithm", [KeyAlgorithm.RSA_2048, KeyAlgorithm.P_256, KeyAlgorithm.P_384, KeyAlgorithm.P_521])
    async def test_a_new_key_is_there_after_a_restart(self, tmp_path: Path, algorithm: KeyAlgorithm) -> None:
        folder = tmp_path / "new"
        keys = opened(folder, create_keys=True)
        named, unnamed = [await keys.create_key(new_call(), algorithm, label) for label in ("seal-2026", None)]
        assert named.key_id == "seal-2026"
        assert names(folder) == {"seal-2026.pem", f"{unnamed.key_id}.pem"}
        assert {mode(folder / name) for name in names(folder)} == {0o600}
        await keys.close()
        again = opened(folder)
        assert await again.get_key(new_call(), "seal-2026") == named
        assert set(await again.list_keys(new_call())) == {named, unnamed}
        await again.close()

    async def test_a_key_that_another_process_made_is_found(self, folder: Path) -> None:
        here, there = opened(folder), opened(folder, create_keys=True)
        made = await there.create_key(new_call(), KeyAlgorithm.P_256, "new")
        assert await here.get_key(new_call(), "new") == made
        for unknown in ("k2", "", "..", "../keys/k1", ".k2.partial", "k1.pem", "x" * 300):
            with pytest.raises(KeyNotFound):
                await here.get_key(new_call(), unknown)
        for keys in (here, there):
            await keys.close()

    async def test_no_key_is_made_over_another(self, folder: Path) -> None:
        keys = opened(folder, create_keys=True)
        for label in ("k1", "../k9", ".k9", "a/b", "a b", "", "x" * 101, "é"):
            with pytest.raises(InvalidParameter):
                await keys.create_key(new_call(), KeyAlgorithm.P_256, label)
        racing = [keys.create_key(new_call(), KeyAlgorithm.P_256, "same") for _ in range(4)]
        ended = await asyncio.gather(*racing, return_exceptions=True)
        made = [one for one in ended if not isinstance(one, BaseException)]
        assert (len(made), {type(one) for one in ended if isinstance(one, BaseException)}) == (1, {InvalidParameter})
        private = load_pem_private_key((folder / "same.pem").read_bytes(), None)
        (value,) = await keys.sign(new_call(), made[0], SignAlgorithm.ECDSA, [DIGEST])
        public = private.public_key()
        assert isinstance(public, ec.EllipticCurvePublicKey)
        public.verify(value, b"one", ec.ECDSA(HASH))
        assert names(folder) == {"k1.pem", "same.pem", ".k2.partial"}
        await keys.close()

    async def test_none_is_made_unless_the_settings_say_so(self, folder: Path) -> None:
        keys = opened(folder)
        with pytest.raises(NotSupported):
            await keys.create_key(new_call(), KeyAlgorithm.P_256, None)
        await keys.close()

    async def test_a_key_that_cannot_be_stored_was_not_made(self, folder: Path) -> None:
        keys = opened(folder, create_keys=True)
        shutil.rmtree(folder)
        with pytest.raises(SignerError):
            await keys.create_key(new_call(), KeyAlgorithm.P_256, "lost")
        assert [key.key_id for key in await keys.list_keys(new_call())] == ["k1"]
        await keys.close()
