"""Key files: what is read, what is refused at start, and that a registration appears whole or not at all."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from structlog.testing import capture_logs

from proxy.errors import InvalidParameter, SettingsError, SignerError
from proxy.settings import SoftwareSettings
from proxy.signers.software import SoftwareSigner
from tests.support.keys import ec_key
from tests.support.pki import SIGNER_USAGE, Hierarchy, issue, new_call


@pytest.fixture(scope="module")
def pki() -> Hierarchy:
    return Hierarchy.make()


@pytest.fixture
def folder(tmp_path: Path, pki: Hierarchy) -> Path:
    for sub in ("keys", "certificates"):
        (tmp_path / sub).mkdir()
    signer = pki.signer(key=ec_key())
    (tmp_path / "keys" / "k1.pem").write_bytes(signer.key_pem)
    (tmp_path / "certificates" / "c1.pem").write_bytes(signer.pem + pki.issuing.pem)
    return tmp_path


def opened(folder: Path) -> SoftwareSigner:
    return SoftwareSigner(SoftwareSettings(directory=folder))


async def test_two_certificates_may_share_a_key_and_one_without_is_left_out(folder: Path, pki: Hierarchy) -> None:
    (folder / "certificates" / "c2.pem").write_bytes(pki.signer("Second", key=ec_key()).pem)
    (folder / "certificates" / "c3.pem").write_bytes(pki.signer("Keyless").pem)
    (folder / "certificates" / ".c4.partial").write_bytes(b"half a certif")
    with capture_logs() as logs:
        backend = opened(folder)
    listed = await backend.list_credentials(new_call())
    assert [(entry.certificate_id, len(entry.chain)) for entry in listed] == [("c1", 1), ("c2", 0)]
    assert [entry["certificateId"] for entry in logs if entry["event"] == "software.certificate_without_key"] == ["c3"]
    await backend.close()


def test_files_that_cannot_be_used_are_named(folder: Path, pki: Hierarchy) -> None:
    key = ec_key()
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pin"))
    ed = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for sub, content in (
        ("keys", b"rubbish"),
        ("keys", locked),
        ("keys", ed),
        ("certificates", b"rubbish"),
        ("certificates", b""),
        ("certificates", issue("Ed", pki.issuing, key=ed25519.Ed25519PrivateKey.generate()).pem),  # type: ignore[arg-type]
    ):
        bad = folder / sub / "bad.pem"
        bad.write_bytes(content)
        with pytest.raises(SettingsError, match=r"bad\.pem") as failure:
            opened(folder)
        assert "PRIVATE KEY" not in str(failure.value)
        bad.unlink()
    opened(folder)


async def test_an_empty_folder_has_nothing(tmp_path: Path) -> None:
    backend = opened(tmp_path)
    assert await backend.list_credentials(new_call()) == ()
    await backend.close()


async def test_a_registration_is_in_the_folder_for_the_next_start(folder: Path, pki: Hierarchy) -> None:
    backend = opened(folder)
    issued = issue("Issued", pki.issuing, key=ec_key(), extensions=[SIGNER_USAGE])
    made = await backend.register_certificate(new_call(), "k1", issued.der, pki.chain)
    await backend.close()
    assert len(made.certificate_id) == 32
    assert {path.name for path in (folder / "certificates").iterdir()} == {"c1.pem", f"{made.certificate_id}.pem"}
    again = opened(folder)
    assert await again.get_credential(new_call(), made.certificate_id) == made
    await again.close()


async def test_what_is_no_certificate_is_not_registered(folder: Path, pki: Hierarchy) -> None:
    backend = opened(folder)
    issued = issue("Issued", pki.issuing, key=ec_key(), extensions=[SIGNER_USAGE])
    for certificate, chain in ((b"rubbish", ()), (issued.der, (b"rubbish",))):
        with pytest.raises(InvalidParameter):
            await backend.register_certificate(new_call(), "k1", certificate, chain)
    await backend.close()


async def test_a_registration_that_cannot_be_stored_did_not_happen(folder: Path, pki: Hierarchy) -> None:
    backend = opened(folder)
    issued = issue("Issued", pki.issuing, key=ec_key(), extensions=[SIGNER_USAGE])
    for path in (folder / "certificates").iterdir():
        path.unlink()
    (folder / "certificates").rmdir()
    (folder / "certificates").write_text("a file where the folder was")
    with pytest.raises(SignerError):
        await backend.register_certificate(new_call(), "k1", issued.der, pki.chain)
    assert [entry.certificate_id for entry in await backend.list_credentials(new_call())] == ["c1"]
    await backend.close()
