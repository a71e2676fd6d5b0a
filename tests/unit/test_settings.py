"""Settings: one file, overlaid by the environment, refused as a whole when anything in it is not understood."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from proxy import settings as module
from proxy.errors import SettingsError
from proxy.model.pkcs11_uri import PKCS11URI
from proxy.settings import ClientSettings, ListenerSettings, PKCS11Settings, Section, Settings, load_settings

MINIMAL = """
[listener]
certificate = "tls/server.pem"
key = "/etc/tls/server.key"
client_ca = "tls/clients.pem"

[software]
directory = "keys"

[stores]
transaction_log = "log.sqlite"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "proxy.toml"
    path.write_text(MINIMAL, "utf-8")
    return path


def refused(file: Path, more: str = "", environment: dict[str, str] | None = None) -> str:
    """The message with which the file, with ``more`` at its end, is refused."""
    file.write_text(MINIMAL + more, "utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(file, environment or {})
    return caught.value.detail


def test_the_defaults_are_the_contracts(file: Path) -> None:
    limits = load_settings(file, {}).limits
    assert limits.document_bytes == 200_000_000
    assert limits.json_body_bytes == 60_000_000
    assert limits.upstream_in_flight == 30


def test_relative_paths_start_at_the_file(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    settings = load_settings(file, {})
    assert settings.listener.certificate == tmp_path / "tls/server.pem"
    assert settings.listener.key == Path("/etc/tls/server.key")
    assert settings.software is not None
    assert settings.software.directory == tmp_path / "keys"
    assert settings.stores.transaction_log == tmp_path / "log.sqlite"


def test_the_environment_overlays_single_values(file: Path, tmp_path: Path) -> None:
    settings = load_settings(
        file,
        {
            "SIGNPROXY__LISTENER__PORT": "9443",
            "SIGNPROXY__LISTENER__HOST": "127.0.0.1",
            "SIGNPROXY__LIMITS__QUEUE_SECONDS": "2.5",
            "SIGNPROXY__SOFTWARE__DIRECTORY": "elsewhere",
            "SIGNPROXY__TRUST__ANCHORS": '["a.pem", "/b.pem"]',
            "SIGNPROXY__REVOCATION__SOURCE": "off",
            "PATH": "/bin",
            "SIGNPROXY_HOME": "not ours: one underscore",
        },
    )
    assert (settings.listener.port, settings.listener.host) == (9443, "127.0.0.1")
    assert settings.limits.queue_seconds == 2.5
    assert settings.software is not None
    assert settings.software.directory == tmp_path / "elsewhere"
    assert settings.trust.anchors == (tmp_path / "a.pem", Path("/b.pem"))
    assert settings.revocation.source == "off"
    assert settings.listener.certificate == tmp_path / "tls/server.pem"


def test_the_process_environment_is_the_default(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNPROXY__LISTENER__PORT", "9000")
    assert load_settings(file).listener.port == 9000
    assert load_settings(file, {}).listener.port == 8443


@pytest.mark.parametrize(
    ("more", "environment", "says"),
    [
        ("[limits]\nqueu = 1\n", {}, "limits.queu"),
        ("[surprise]\n", {}, "surprise"),
        ("[limits]\nqueue = -1\n", {}, "limits.queue"),
        ("[engine]\nmemory_bytes = 5\n", {}, "engine.memory_bytes"),
        ("[log]\nlevel = 'loud'\n", {}, "log.level"),
        ("[admin]\nport = 70000\n", {}, "admin.port"),
        ("[limits\n", {}, "proxy.toml"),
        ("", {"SIGNPROXY__LISTENER__PRT": "1"}, "listener.prt"),
        ("", {"SIGNPROXY__LISTENER__PORT": "many"}, "listener.port"),
        ("", {"SIGNPROXY__LISTENER__PORT__DEEPER": "1"}, "listener.port"),
        ("", {"SIGNPROXY__STORES__TRANSACTION_LOG__DEEPER": "1"}, "SIGNPROXY__STORES__TRANSACTION_LOG__DEEPER"),
        ("", {"SIGNPROXY__STORES__IDEMPOTENCY": "kept.sqlite"}, "go together"),
        ("[revocation]\nsource = 'central'\n", {}, "needs the section central"),
        ("[[tsa]]\nurl = 'http://127.0.0.1/'\ntrust_anchors = []\n", {}, "tsa.0.trust_anchors"),
        ("[[clients]]\nname = 'a'\n", {}, "clients.0"),
        ("[[clients]]\nname = 'a'\ncertificate_sha256 = 'AB'\n", {}, "clients.0.certificate_sha256"),
    ],
)
def test_what_is_not_understood_is_refused_by_its_name(file: Path, more: str, environment: dict[str, str], says: str) -> None:
    assert says in refused(file, more, environment)


def test_every_problem_is_named_at_once(file: Path) -> None:
    message = refused(file, "[limits]\nqueue = -1\nqueu = 2\n[log]\nlevel = 'loud'\n")
    assert all(name in message for name in ("limits.queue:", "limits.queu:", "log.level:"))


def test_a_missing_file_and_one_that_is_no_text_are_settings_errors(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml"):
        load_settings(tmp_path / "none.toml", {})
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"binary\.toml"):
        load_settings(binary, {})


def test_no_signer_is_no_configuration(file: Path) -> None:
    file.write_text(MINIMAL.replace('[software]\ndirectory = "keys"\n', ""), "utf-8")
    with pytest.raises(SettingsError, match="no signer"):
        load_settings(file, {})


@pytest.mark.parametrize(
    ("token", "chosen"),
    [
        (None, PKCS11URI()),
        ("hsm1", PKCS11URI(token="hsm1")),
        ("pkcs11:serial=01;slot-id=2", PKCS11URI(serial="01", slot_id=2)),
    ],
)
def test_a_token_by_its_label_or_an_uri(token: str | None, chosen: PKCS11URI) -> None:
    section = PKCS11Settings.model_validate({"module": "/lib/hsm.so", "pin": "env:PIN", "token": token})
    assert section.chosen_token == chosen


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("[pkcs11]\nmodule = 'hsm.so'\npin = '1234'", "a secret is a reference"),
        ("[pkcs11]\nmodule = 'hsm.so'\npin = 'env:PIN'\ntoken = 'pkcs11:object=a'", "token's URI"),
        ("[pkcs11]\nmodule = 'hsm.so'\npin = 'env:PIN'\ntoken = 'pkcs11:token=a?pin-value=1234'", "no query attribute"),
        ("[pkcs11]\nmodule = 'hsm.so'\npin = 'env:PIN'\nprocesses = 0", "pkcs11.processes"),
        ("[[credentials]]\nid = 'a'\nbackend = 'pkcs11'\nkey = 'pkcs11:token=a'\ncertificate = 'a.pem'", "an object, an id"),
        (
            "[[credentials]]\nid = 'a'\nbackend = 'pkcs11'\nkey = 'pkcs11:object=a'\ncertificate = 'a.pem'",
            "needs the section pkcs11",
        ),
    ],
)
def test_what_cannot_be_right_about_a_token_is_refused(file: Path, more: str, says: str) -> None:
    message = refused(file, more)
    assert says in message
    assert "1234" not in message


def test_two_clients_of_one_name_are_refused(file: Path) -> None:
    one = f"[[clients]]\nname = 'a'\ncertificate_sha256 = '{'0' * 64}'\n"
    assert "unique" in refused(file, one + one)


def test_a_client_may_do_nothing_unless_granted() -> None:
    client = ClientSettings(name="a", certificate_sha256="0" * 64)
    assert (client.operations, client.certificates) == ((), ())


@pytest.mark.parametrize(
    "identity",
    [
        {},
        {"issuer": "CN=CA"},
        {"serial_number": "0a"},
        {"certificate_sha256": "0" * 64, "issuer": "CN=CA", "serial_number": "0a"},
    ],
)
def test_a_client_is_named_in_one_whole_way(identity: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="name a client"):
        ClientSettings(name="a", **identity)


def test_a_client_by_issuer_and_serial_number() -> None:
    assert ClientSettings(name="a", issuer="CN=CA", serial_number="0a").serial_number == "0a"


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"certificate": "a", "key": "b"},
        {"mode": "load-balancer", "client_ca": "a"},
        {"mode": "load-balancer", "trusted_addresses": ["10.0.0.0/8"]},
    ],
)
def test_a_listener_that_could_not_know_its_callers_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="needs"):
        ListenerSettings.model_validate(values)


def test_every_section_is_frozen_closed_and_documented() -> None:
    sections = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Section)]
    assert Settings in sections
    for section in sections:
        assert issubclass(section, BaseModel)
        assert section.model_config.get("frozen"), section
        assert section.model_config.get("extra") == "forbid", section
        assert section.__doc__, section


def test_the_example_in_the_documentation_is_read(tmp_path: Path) -> None:
    page = Path(__file__).parents[2].joinpath("docs", "settings.md").read_text("utf-8")
    example = page.split("```toml\n", 1)[1].split("```", 1)[0]
    (tmp_path / "proxy.toml").write_text(example, "utf-8")
    settings = load_settings(tmp_path / "proxy.toml", {})
    assert settings.clients[0].name == "invoicing"
    sections = {name for name in Settings.model_fields if f"[{name}]" in example or f"[[{name}]]" in example}
    assert sections | {"software", "log"} == set(Settings.model_fields)


def test_the_text_may_be_in_a_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    page = Path(__file__).parents[2].joinpath("docs", "settings.md").read_text("utf-8")
    example = page.split("```toml\n", 1)[1].split("```", 1)[0]
    settings = load_settings(Path("env:ALL_OF_IT"), {"ALL_OF_IT": example, "SIGNPROXY__LISTENER__PORT": "9443"})
    assert settings.listener.port == 9443
    assert settings.listener.certificate == tmp_path / "tls" / "server.pem"


@pytest.mark.parametrize("environment", [{}, {"ALL_OF_IT": "no = [TOML"}])
def test_a_variable_that_holds_no_settings_is_named(environment: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="env:ALL_OF_IT"):
        load_settings(Path("env:ALL_OF_IT"), environment)
