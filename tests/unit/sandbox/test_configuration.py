"""The settings files it writes are ones the service takes."""

import json
import shutil
from dataclasses import replace

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


def test_what_an_earlier_version_registered_is_still_served(folder: StateFolder) -> None:
    """It lay beside the others, under a name that is no key's."""
    certificates = folder.central_keys / "certificates"
    registered, nobodys = certificates / "0f1e2d.pem", certificates / "nobodys.pem"
    shutil.copy(folder.signing("eseal-p256").certificate, registered)
    shutil.copy(folder.anchor("p256-root"), nobodys)
    try:
        write_settings(folder, Addresses.load(folder), "127.0.0.1")
        blocks = {block.id: block for block in load_settings(folder.settings("central"), {}).credentials}
    finally:
        registered.unlink()
        nobodys.unlink()
    assert (blocks["0f1e2d"].key, blocks["0f1e2d"].certificate) == ("eseal-p256", registered)
    assert "nobodys" not in blocks


def test_with_a_provider_of_remote_signatures_the_proxy_is_its_client(folder: StateFolder) -> None:
    addresses = Addresses.load(folder)
    write_settings(folder, addresses, "127.0.0.1")
    assert load_settings(folder.settings("proxy"), {}).csc is None
    secrets = (folder.csc_pin.read_text(), folder.csc_client_secret.read_text())
    write_settings(folder, addresses, "127.0.0.1", with_csc=True)
    csc = load_settings(folder.settings("proxy"), {}).csc
    assert csc is not None
    assert (csc.url, csc.client_id) == (f"https://127.0.0.1:{addresses.csc}/csc/v2", "signproxy")
    assert csc.client_secret is not None
    assert (csc.auth_data["PIN"].read(), csc.client_secret.read()) == secrets
    assert {path.stat().st_mode & 0o777 for path in (folder.csc_pin, folder.csc_client_secret)} == {0o600}


def test_a_folder_of_a_version_without_that_provider_gets_a_port_for_it(folder: StateFolder) -> None:
    members = json.loads(folder.addresses.read_bytes())
    del members["csc"]
    folder.addresses.write_text(json.dumps(members))
    assert Addresses.load(folder).csc == 0
    chosen = Addresses.ensure(folder, None)
    assert chosen.csc > 0
    assert replace(chosen, csc=0) == replace(Addresses.load(folder), csc=0)
    assert Addresses.load(folder) == Addresses.ensure(folder, None) == chosen


def test_what_a_sandbox_tells_is_read_back(folder: StateFolder) -> None:
    info = SandboxInfo.of(folder, Addresses.load(folder), Listen("127.0.0.1", 1), {"sandbox": 7, "proxy": 8})
    for told in (info, replace(info, csc="https://127.0.0.1:1/csc/v2")):
        told.write(folder)
        assert SandboxInfo.read(folder.root) == told
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
