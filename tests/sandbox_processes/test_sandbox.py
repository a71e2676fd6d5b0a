"""``signproxy sandbox`` as its user meets it: one command, real processes, its own curl lines, signals, restarts."""

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psutil
import pytest

from proxy.errors import SettingsError
from proxy.sandbox import profiles
from proxy.sandbox.folder import StateFolder
from proxy.sandbox.info import SandboxInfo
from proxy.sandbox.invoice import make_invoice
from proxy.sandbox.pki import client_crl
from proxy.sandbox.run import running_sandbox
from tests.conformance.judges import tool

pytestmark = [pytest.mark.xdist_group("sandbox_processes"), pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder, whose PKI is made once."""
    return tmp_path_factory.mktemp("sandbox") / "state"


@pytest.fixture(scope="module")
def shared(state: Path) -> Iterator[SandboxInfo]:
    """A sandbox for the tests that only ask it."""
    with running_sandbox(state) as info:
        yield info


@pytest.fixture
def invoice(tmp_path: Path) -> Path:
    path = tmp_path / "contract.pdf"
    make_invoice(path, date(2026, 11, 22))
    return path


def _until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Other processes bring it about: there is nothing to wait on but the thing itself."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it did not come about in time"
        time.sleep(0.02)


def _curl(info: SandboxInfo, *arguments: str, client: str | None = "app") -> tuple[int, Any, bytes]:
    """The status, the body as JSON where it is, and the body."""
    folder = StateFolder.at(info.ca_file.parents[2])
    identity = (
        [] if client is None else ["--cert", str(folder.client(client).certificate), "--key", str(folder.client(client).key)]
    )
    command = [tool("curl"), "-sS", "--cacert", str(info.ca_file), *identity, "-w", "\n%{http_code}", *arguments]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    body, _, status = done.stdout.rpartition(b"\n")
    with contextlib.suppress(ValueError):
        return int(status), json.loads(body), body
    return int(status), None, body


def _counts(url: str) -> Any:
    done = subprocess.run(
        [tool("curl"), "-sSf", f"{url.rpartition('/')[0]}/counts"], capture_output=True, timeout=60, check=True
    )
    return json.loads(done.stdout)


def _sign(info: SandboxInfo, document: Path, form: str, certificate: str, client: str = "app") -> tuple[int, Any, bytes]:
    return _curl(info, "-T", str(document), f"{info.proxy}/v1/signatures/{form}?certificateId={certificate}", client=client)


def _judged_valid(document: bytes, path: Path) -> bool:
    path.write_bytes(document)
    said = subprocess.run([tool("pdfsig"), "-nocert", path], capture_output=True, timeout=60, check=False).stdout.decode()
    return "Signature is Valid" in said and "Total document signed" in said


def _command(state: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "proxy", "sandbox", "--dir", str(state), *more]


def _alive(pids: Iterable[int]) -> list[int]:
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


# -- with a provider of remote signatures ----------------------------------------------------------------------------


@pytest.mark.full
def test_with_csc_the_proxy_signs_by_a_remote_key(tmp_path: Path, invoice: Path) -> None:
    with running_sandbox(tmp_path / "state", with_csc=True) as info:
        assert info.csc is not None
        assert info.processes.keys() == {"sandbox", "responder", "tsa", "csc", "central", "proxy"}
        status, _, document = _sign(info, invoice, "es", "csc-natural-person-rsa")
        assert status == 200
        assert _judged_valid(document, tmp_path / "signed.pdf")


# -- what it tells ---------------------------------------------------------------------------------------------------


def test_it_tells_where_everything_is(shared: SandboxInfo, state: Path) -> None:
    members = json.loads((state / "sandbox.json").read_bytes())
    assert {
        "proxy", "central", "tsa", "caFile", "clientCertificate", "clientKey", "trustAnchors", "certificates",
    } <= members.keys()  # fmt: skip
    assert members["proxy"].startswith("https://127.0.0.1:")
    for file in (members["caFile"], members["clientCertificate"], members["clientKey"], *members["trustAnchors"]):
        assert b"-----BEGIN" in Path(file).read_bytes()
    assert members["pids"].keys() == {"sandbox", "responder", "tsa", "central", "proxy"}
    assert set(members["certificates"]) == {profile.name for profile in profiles.SIGNING}


def test_every_part_is_a_process_of_its_own(shared: SandboxInfo) -> None:
    parent = shared.processes["sandbox"]
    children = {process.pid: process.cmdline() for process in psutil.Process(parent).children()}
    assert children.keys() == {pid for name, pid in shared.processes.items() if name != "sandbox"}
    for service in ("central", "proxy"):  # the production command, with nothing but a settings file
        assert children[shared.processes[service]][1:] == [
            *("-m", "proxy", "serve", "--settings", str(shared.settings[service])),
        ]


@pytest.mark.parametrize("line", range(3))
def test_the_lines_for_curl_work(shared: SandboxInfo, state: Path, invoice: Path, line: int) -> None:
    printed = [text for text in (state / "logs" / "sandbox.log").read_text("utf-8").splitlines() if text.startswith("curl ")]
    assert printed == list(shared.curl_lines())
    curl, *arguments = shlex.split(printed[line])
    done = subprocess.run([curl, "-sSf", *arguments], cwd=invoice.parent, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    if line == 0:
        listed = {entry["certificateId"] for entry in json.loads(done.stdout)["certificates"]}
        assert set(shared.certificates.values()) <= listed
    else:
        assert _judged_valid((invoice.parent / "signed.pdf").read_bytes(), invoice.parent / "judged.pdf")
        tampered = bytearray((invoice.parent / "signed.pdf").read_bytes())
        tampered[200] ^= 1
        assert not _judged_valid(bytes(tampered), invoice.parent / "judged.pdf")


@pytest.mark.parametrize(("client", "status", "code"), [
    ("other", 403, "OPERATION_NOT_PERMITTED"),
    ("stranger", 401, "CLIENT_CERTIFICATE_INVALID"),
    ("revoked", 401, "CLIENT_CERTIFICATE_INVALID"),
])  # fmt: skip
def test_clients_may_do_what_they_are_for(shared: SandboxInfo, invoice: Path, client: str, status: int, code: str) -> None:
    answered, problem, _ = _sign(shared, invoice, "es", "eseal-rsa", client)
    assert (answered, problem["code"]) == (status, code)
    listed, _, _ = _curl(shared, f"{shared.proxy}/v1/certificates", client=client)
    assert (listed == 200) == (client == "other")


@pytest.mark.parametrize(("certificate", "code"), [
    ("test-expired", "CERTIFICATE_EXPIRED"),
    ("test-not-yet-valid", "CERTIFICATE_NOT_YET_VALID"),
    ("test-revoked", "CERTIFICATE_REVOKED"),
    ("test-revoked-issuer", "CERTIFICATE_REVOKED"),
])  # fmt: skip
def test_certificates_that_must_fail_do(shared: SandboxInfo, invoice: Path, certificate: str, code: str) -> None:
    before = _counts(shared.tsa)
    status, problem, _ = _sign(shared, invoice, "es-t", certificate)
    assert (status, problem["code"]) == (422, code)
    assert _counts(shared.tsa) == before


@pytest.mark.parametrize(
    "certificate", ["natural-person-p256", "eseal-rsa", "test-rsa2048", "test-rsa4096", "test-p384", "test-p521"]
)
def test_certificates_that_sign_do(shared: SandboxInfo, invoice: Path, certificate: str) -> None:
    before = _counts(shared.tsa)["granted"]
    status, _, signed = _sign(shared, invoice, "es-t", certificate)
    assert status == 200, signed[:500]
    assert _judged_valid(signed, invoice.parent / "judged.pdf")
    assert _counts(shared.tsa)["granted"] == before + 1


def test_a_certificate_is_requested_issued_registered_and_signs(shared: SandboxInfo, state: Path, invoice: Path) -> None:
    out = invoice.parent / "issued.pem"
    arguments = ["issue", str(shared.unregistered_csr), "--profile", "eseal", "--out", str(out)]
    subprocess.run(_command(state, *arguments), check=True, timeout=60, capture_output=True)
    leaf, *chain = [
        f"{text}-----END CERTIFICATE-----\n" for text in out.read_text().split("-----END CERTIFICATE-----\n") if text
    ]
    body = json.dumps(
        {"keyId": shared.unregistered_key_id, "certificate": _base64(leaf), "chain": [_base64(item) for item in chain]}
    )
    status, answer, raw = _curl(shared, "--json", body, f"{shared.proxy}/v1/certificates")
    assert status in {200, 201}, raw
    status, _, signed = _sign(shared, invoice, "es", answer["certificateId"])
    assert status == 200, signed[:500]
    assert _judged_valid(signed, invoice.parent / "judged.pdf")


def _base64(pem: str) -> str:
    return "".join(pem.splitlines()[1:-1])


def test_a_second_sandbox_keeps_off_the_folder(shared: SandboxInfo, state: Path) -> None:
    with pytest.raises(SettingsError, match=r"runs on .* already"), running_sandbox(state):
        pass
    assert SandboxInfo.read(state) == shared
    assert _curl(shared, f"{shared.proxy}/readyz")[0] == 200


# -- how it ends, and begins again -----------------------------------------------------------------------------------


def test_a_life_of_interruptions(tmp_path: Path, invoice: Path) -> None:
    state = tmp_path / "state"
    log = state / "logs" / "sandbox.log"

    # Parts die: the others go on, and what fails has the name of the part.
    with running_sandbox(state) as first:
        before = _kept(state)
        assert _sign(first, invoice, "es-t", "eseal-p256")[0] == 200
        os.kill(first.processes["tsa"], signal.SIGKILL)
        _until(lambda: "tsa was killed by SIGKILL" in log.read_text())
        status, problem, _ = _sign(first, invoice, "es-t", "eseal-p256")
        assert (status, problem["code"]) == (503, "TSA_UNAVAILABLE")
        assert _sign(first, invoice, "es", "eseal-p256")[0] == 200
        os.kill(first.processes["central"], signal.SIGKILL)
        _until(lambda: "central was killed by SIGKILL" in log.read_text())
        status, problem, _ = _sign(first, invoice, "es", "eseal-p256")
        assert (status, problem["code"]) == (503, "SIGNER_UNAVAILABLE")
        assert _counts(first.ocsp)["ocsp"] > 0

    # SIGTERM ended it cleanly.
    assert not _alive(first.processes.values())
    assert not (state / "sandbox.json").exists()
    assert log.read_text().endswith("\nstopped\n")

    # It comes back as it was, whatever the environment says to services; then it is killed, and takes everything along.
    process = subprocess.Popen(_command(state), stdout=subprocess.PIPE, env={**os.environ, "SIGNPROXY__LISTENER__PORT": "1"})
    assert process.stdout is not None
    with process.stdout:
        assert any(line.startswith(b"ready: ") for line in process.stdout)
        second = SandboxInfo.read(state)
        assert (second.proxy, second.central, second.tsa, second.ocsp) == (first.proxy, first.central, first.tsa, first.ocsp)
        assert second.certificates == first.certificates
        assert _kept(state) == before
        assert _sign(second, invoice, "es-t", "eseal-p256")[0] == 200
        everything = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        assert len(everything) > 4
        process.kill()
        process.wait()
    if sys.platform == "linux":  # elsewhere no kernel binds children to their parent
        _until(lambda: not _alive(everything))

    # The file it left behind misleads nobody, and Ctrl-C ends the next one cleanly.
    assert (state / "sandbox.json").exists()
    with running_sandbox(state) as third:
        assert third.processes["sandbox"] != second.processes["sandbox"]
        assert _curl(third, f"{third.proxy}/readyz")[0] == 200
        os.kill(third.processes["sandbox"], signal.SIGINT)
        _until(lambda: not _alive(third.processes.values()))
    assert not (state / "sandbox.json").exists()
    assert log.read_text().endswith("\nstopped\n")


def _kept(state: Path) -> dict[str, bytes]:
    """Keys, certificates, settings, addresses."""
    folder = StateFolder.at(state)
    return {
        str(path): path.read_bytes()
        for pattern in ("*.toml", "addresses.json", "**/*.pem", "**/*.csr")
        for path in sorted(state.glob(pattern))
        if path != client_crl(folder)
    }


def test_a_part_that_does_not_start_ends_the_start_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "central-keys" / "keys").mkdir(parents=True)
    (tmp_path / "central-keys" / "keys" / "broken.pem").write_text("no key")
    done = subprocess.run(_command(tmp_path, "--listen", "127.0.0.1:0"), capture_output=True, timeout=120, check=False)
    assert done.returncode == 2
    assert b"central did not start" in done.stderr
    assert b"broken.pem" in done.stderr
    assert not (tmp_path / "sandbox.json").exists()


def test_a_taken_address_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        command = _command(tmp_path, "--listen", f"127.0.0.1:{port}")
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"127.0.0.1:{port}, the address of proxy".encode() in done.stderr
    assert not (tmp_path / "pki").exists()


def test_an_address_that_its_certificates_are_not_for(tmp_path: Path) -> None:
    done = subprocess.run(_command(tmp_path, "--listen", "192.0.2.1:8443"), capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert b"loopback" in done.stderr
    assert list(tmp_path.iterdir()) == []
