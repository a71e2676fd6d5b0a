"""Where the sandbox listens."""

import socket
from pathlib import Path

import pytest

from proxy.errors import SettingsError
from proxy.sandbox.addresses import Addresses, Listen
from proxy.sandbox.folder import StateFolder


@pytest.mark.parametrize(
    ("text", "listen", "url_host"),
    [
        ("127.0.0.1:8443", Listen("127.0.0.1", 8443), "127.0.0.1"),
        ("localhost:0", Listen("localhost", 0), "localhost"),
        ("[::1]:8443", Listen("::1", 8443), "[::1]"),
        ("0.0.0.0:443", Listen("0.0.0.0", 443), "127.0.0.1"),
        ("[::]:443", Listen("::", 443), "[::1]"),
    ],
)
def test_listen(text: str, listen: Listen, url_host: str) -> None:
    assert Listen.parse(text) == listen
    assert listen.url_host == url_host


@pytest.mark.parametrize(
    "text", ["", "8443", ":8443", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "10.0.0.1:1", "a.test:1"]
)
def test_what_listen_refuses(text: str) -> None:
    with pytest.raises(SettingsError):
        Listen.parse(text)


def test_ports_are_chosen_once(tmp_path: Path) -> None:
    folder = StateFolder.at(tmp_path)
    first = Addresses.ensure(folder, Listen("127.0.0.1", 0))
    ports = {first.proxy, first.admin, first.central, first.tsa, first.responder}
    assert len(ports) == 5
    assert all(15_000 <= port < 32_000 for port in ports)
    assert Addresses.ensure(folder, None) == first
    assert Addresses.ensure(folder, Listen("127.0.0.1", 0)) == first
    assert Addresses.load(folder) == first


def test_a_port_the_user_names_is_the_proxys_and_stays(tmp_path: Path) -> None:
    folder = StateFolder.at(tmp_path)
    before = Addresses.ensure(folder, None)
    after = Addresses.ensure(folder, Listen("127.0.0.1", 1234))
    assert after.proxy == 1234
    assert after.central == before.central
    assert Addresses.ensure(folder, None) == after


def test_the_usual_port_is_taken_only_if_it_is_free(tmp_path: Path) -> None:
    with socket.socket() as other:
        try:
            other.bind(("127.0.0.1", 8443))
        except OSError:
            assert Addresses.ensure(StateFolder.at(tmp_path / "a"), None).proxy != 8443
            return
        assert Addresses.ensure(StateFolder.at(tmp_path / "a"), None).proxy != 8443
    assert Addresses.ensure(StateFolder.at(tmp_path / "b"), None).proxy == 8443


@pytest.mark.parametrize("content", ["", "{}", '{"proxy": 1}', "[1]"])
def test_damaged_addresses(tmp_path: Path, content: str) -> None:
    folder = StateFolder.at(tmp_path)
    folder.addresses.write_text(content)
    with pytest.raises(SettingsError, match=r"addresses\.json"):
        Addresses.ensure(folder, None)


@pytest.mark.parametrize("name", ["proxy", "admin", "central", "tsa", "responder"])
def test_a_taken_address_is_named(tmp_path: Path, name: str) -> None:
    addresses = Addresses.ensure(StateFolder.at(tmp_path), Listen("127.0.0.1", 0))
    addresses.require_free("127.0.0.1")
    taken = pytest.raises(SettingsError, match=f"{getattr(addresses, name)}, the address of {name}")
    with socket.create_server(("127.0.0.1", getattr(addresses, name))), taken:
        addresses.require_free("127.0.0.1")
    addresses.require_free("127.0.0.1")
