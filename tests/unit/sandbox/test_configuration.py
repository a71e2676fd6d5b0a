"""The settings files it writes are ones the service takes."""

import pytest
from cryptography.hazmat.primitives.hashes import SHA256

from proxy.errors import SettingsError
from proxy.sandbox.addresses import Addresses, Listen
from proxy.sandbox.authority import load_chain
from proxy.sandbox.configuration import write_settings
from proxy.sandbox.folder import StateFolder
from proxy.sandbox.info import SandboxInfo
from proxy.sandbox.profiles import SIGNING
from proxy.settings import load_settings


def test_both_files_load_and_fit_together(folder: StateFolder) -> None:
    addresses = Addresses.load(folder)
    write_settings(folder, addresses, "127.0.0.1")
    central = load_settings(folder.settings("central"), {})
    proxy = load_settings(folder.settings("proxy"), {})

    assert central.software is not None
    assert central.software.directory == folder.central_keys / "keys"
    assert {block.id for block in central.credentials} == {profile.name for profile in SIGNING}
    assert (central.listener.host, central.listener.port) == ("127.0.0.1", addresses.central)
    assert proxy.central is not None
    assert proxy.central.url == f"https://127.0.0.1:{central.listener.port}"
    assert proxy.central.client_certificate == folder.client("proxy").certificate
    assert [authority.url for authority in proxy.tsa] == [f"http://127.0.0.1:{addresses.tsa}/tsa"]
    assert proxy.revocation.source == "network"
    assert proxy.revocation.allow == (f"127.0.0.1:{addresses.responder}",)
    assert all(path.is_file() for path in (*proxy.trust.anchors, *proxy.tsa[0].trust_anchors))

    def fingerprint(name: str) -> str:
        return load_chain(folder.client(name).certificate)[0].fingerprint(SHA256()).hex()

    of_central = {client.certificate_sha256: set(client.operations) for client in central.clients}
    assert of_central[fingerprint("proxy")] == {"hash", "certificates", "register", "revocation", "keys", "csr"}
    of_proxy = {client.certificate_sha256: set(client.operations) for client in proxy.clients}
    assert of_proxy.keys() == {fingerprint("app"), fingerprint("other")}
    assert of_proxy[fingerprint("other")] == {"certificates"}


def test_what_a_sandbox_tells_is_read_back(folder: StateFolder) -> None:
    info = SandboxInfo.of(folder, Addresses.load(folder), Listen("127.0.0.1", 1), {"sandbox": 7, "proxy": 8})
    info.write(folder)
    assert SandboxInfo.read(folder.root) == info
    for file in (info.ca_file, info.client_certificate, info.client_key, info.unregistered_csr, *info.trust_anchors):
        assert file.is_file()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"proxy": 1}'])
def test_what_cannot_be_read(folder: StateFolder, content: str) -> None:
    folder.info.unlink(missing_ok=True)
    with pytest.raises(SettingsError, match="no sandbox runs"):
        SandboxInfo.read(folder.root)
    folder.info.write_text(content)
    with pytest.raises(SettingsError, match=r"sandbox\.json"):
        SandboxInfo.read(folder.root)
