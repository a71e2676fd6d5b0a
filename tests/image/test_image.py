"""The image, really run: without rights it signs over TLS, its health check tells, and stopping it under load loses nothing."""

import hashlib
import json
import os
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conformance.judges import new_qpdf_messages, pdfsig
from tests.image.container import USER, Container, podman, running
from tests.support.calling import Answer
from tests.support.pdf_files import plain_file
from tests.support.sandbox import Sandbox
from tests.support.spawned import until

pytestmark = [pytest.mark.image, pytest.mark.timeout(300)]

IMAGE = os.environ.get("SIGNPROXY_IMAGE", "localhost/signproxy:test")
DOCUMENT = plain_file().with_table()
CERTIFICATE = "legal-person-rsa"
ROOT = Path(__file__).parents[2]
TAG = "localhost/signproxy:again"
UNLIMITED = ("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096")


@pytest.fixture
def container(sandbox: Sandbox, tmp_path: Path) -> Iterator[Container]:
    # Another user's process has to get to it.
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    settings = tmp_path / "etc"
    settings.mkdir()
    with running(IMAGE, sandbox.info, sandbox.directory, settings) as started:
        yield started


@pytest.mark.parametrize("form", ["es", "es-t", "es-a"])
def test_it_signs_over_tls(container: Container, tmp_path: Path, form: str) -> None:
    answer = container.app.sign(DOCUMENT, CERTIFICATE, form=form)
    assert answer.status == 200, answer.body[:500]
    original, signed = tmp_path / "document.pdf", tmp_path / "signed.pdf"
    original.write_bytes(DOCUMENT)
    signed.write_bytes(answer.body)
    assert [verdict.valid for verdict in pdfsig(signed)] == [True]
    assert not new_qpdf_messages(signed, original)


def test_it_has_no_rights_and_nothing_to_get_any(container: Container) -> None:
    status = container.run("python3", "-c", "print(open('/proc/self/status').read())").stdout
    fields = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == ["10001"] * 4
    assert {int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert fields["NoNewPrivs"].strip() == "1"
    assert "Read-only file system" in container.run("python3", "-c", "open('/opt/signproxy/x', 'w')").stderr
    for tool in ("pip", "pip3", "gcc", "cc", "make", "curl", "wget", "git"):
        assert container.run("sh", "-c", f"command -v {tool}").returncode != 0, tool
    assert container.run("python3", "-c", "import pip").returncode != 0
    found = container.run("sh", "-c", "find / -xdev -perm /6000 -type f 2>/dev/null").stdout
    assert found == ""


def test_its_fonts_its_labels_and_what_it_is_stopped_by(container: Container) -> None:
    fonts = container.run("sh", "-c", "ls /opt/signproxy/lib/python3*/site-packages/proxy/fonts").stdout.split()
    assert {"VL-Gothic-Regular.ttf", "LICENSE-VL-Gothic.txt"} <= set(fonts)
    config = json.loads(podman("image", "inspect", "--format", "{{json .Config}}", IMAGE).stdout)
    assert config["User"] == "10001:10001"
    assert config["StopSignal"] == "SIGTERM"
    assert config["Entrypoint"] == ["signproxy"]
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert config["Labels"]["org.opencontainers.image.version"] == container.run("signproxy", "--version").stdout.split()[1]
    secrets = ("PIP", "INDEX", "PROXY_", "TOKEN", "CERT=")
    assert [entry for entry in config["Env"] if any(word in entry for word in secrets) and "SIGNPROXY__" not in entry] == []


def test_stopped_under_load_it_finishes_what_is_in_and_loses_nothing(container: Container) -> None:
    assert container.healthy()
    assert container.app.sign(DOCUMENT, CERTIFICATE, form="es-t").status == 200

    def ask(_number: int) -> Answer | None:
        try:
            return container.app.sign(DOCUMENT, CERTIFICATE, form="es-t")
        except (OSError, HTTPException):
            return None

    with ThreadPoolExecutor(8) as callers:
        answers = [callers.submit(ask, number) for number in range(400)]
        assert answers[10].result() is not None
        assert container.stop() == 0
        ended = [answer.result() for answer in answers]
    got = [answer for answer in ended if answer is not None]
    served = [answer for answer in got if answer.status == 200]
    assert served
    assert len(served) < len(ended), "it was stopped after the load"
    assert {answer.code for answer in got if answer.status != 200} <= {"SHUTTING_DOWN"}
    assert all(int(answer.headers["Content-Length"]) == len(answer.body) for answer in served)
    lines = [json.loads(line) for line in container.logs().splitlines() if line.startswith("{")]
    succeeded = [
        line for line in lines if line["event"] == "call.ended" and line["resultCode"] is None and line["operation"] == "es-t"
    ]
    assert len(succeeded) == len(served) + 1, "a signature was made whose answer did not arrive"


def test_what_is_rotated_is_in_use_without_a_restart(container: Container, sandbox: Sandbox) -> None:
    """The authorities that clients are held against, the server's certificate, and a secret that becomes a file."""
    started = container.run("cat", "/proc/1/stat").stdout.split()[21]
    assert container.app.get("/v1/certificates").status == 200
    authority = sandbox.folder.anchor("client-ca").relative_to(sandbox.directory)
    clients, tls = container.settings / authority, container.settings / "tls"
    good = clients.read_bytes()
    replace(clients, sandbox.folder.anchor("tls-ca").read_bytes())
    until(lambda: not trusted(container))
    replace(clients, good)
    until(lambda: trusted(container))

    before = served_certificate(container)
    for name in ("-key.pem", ".pem"):
        replace(tls / f"proxy{name}", (tls / f"central{name}").read_bytes())
    until(lambda: served_certificate(container) != before)

    replace(container.settings / "secrets" / "rotated", b"the second")
    secret = ("cat", "/run/signproxy/secret.pem")
    until(lambda: container.run(*secret).stdout == "the second\n")
    assert container.run("cat", "/proc/1/stat").stdout.split()[21] == started


def replace(path: Path, content: bytes) -> None:
    """As an operator would: in one step."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    os.chown(new, USER, USER)
    new.replace(path)


def trusted(container: Container) -> bool:
    """Whether the client's certificate gets it in."""
    try:
        return container.app.get("/v1/certificates").status == 200
    except (OSError, HTTPException):
        return False


def served_certificate(container: Container) -> str:
    """What the service proves itself with."""
    address = urlsplit(container.url)
    assert address.hostname is not None
    assert address.port is not None
    return ssl.get_server_certificate((address.hostname, address.port))


def test_the_cloudhsm_target_takes_the_package_that_it_is_told_and_no_other(tmp_path: Path) -> None:
    """A package as AWS's is laid out; its library is only looked for here."""
    root, package = tmp_path / "root", ROOT / "docker" / "cloudhsm" / "test.deb"
    library, control = root / "opt/cloudhsm/lib/libcloudhsm_pkcs11.so", root / "DEBIAN" / "control"
    for path, text in (
        (library, "a library"),
        (control, "Package: cloudhsm-pkcs11\nVersion: 5.17.0\nArchitecture: amd64\nMaintainer: nobody\nDescription: test\n"),
    ):
        path.parent.mkdir(parents=True)
        path.write_text(text)
    package.parent.mkdir(exist_ok=True)
    try:
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", str(root), str(package)], check=True, capture_output=True)
        digest = hashlib.sha256(package.read_bytes()).hexdigest()
        built = build("cloudhsm", "CLOUDHSM_PACKAGE=test.deb", f"CLOUDHSM_SHA256={digest}")
        assert built.returncode == 0, built.stderr[-2000:]
        where = f"/{library.relative_to(root)}"
        found = podman("run", "--rm", "--network", "none", "--entrypoint", "cat", *UNLIMITED, TAG, where)
        assert found.stdout == "a library"
        refused = build("cloudhsm", "CLOUDHSM_PACKAGE=test.deb", f"CLOUDHSM_SHA256={'0' * 64}")
        assert refused.returncode != 0
        assert "FAILED" in refused.stdout + refused.stderr
    finally:
        package.unlink(missing_ok=True)
        podman("rmi", "--force", TAG, check=False)


def build(target: str, *arguments: str, no_cache: bool = False) -> "subprocess.CompletedProcess[str]":
    """Build a target as :data:`TAG`, on the base that the image under test has."""
    options = os.environ.get("SIGNPROXY_BUILD", "").split()
    given = [word for argument in arguments for word in ("--build-arg", argument)]
    command = ["docker/build.sh", target, TAG, *options, *given, *(["--no-cache"] if no_cache else [])]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_the_same_source_gives_the_same_bytes() -> None:
    base = podman("image", "inspect", "--format", "{{.Id}}", IMAGE).stdout.strip()
    layers = json.loads(podman("image", "inspect", "--format", "{{json .RootFS.Layers}}", base).stdout)
    again = build("runtime", no_cache=True)
    assert again.returncode == 0, again.stderr[-2000:]
    rebuilt = json.loads(podman("image", "inspect", "--format", "{{json .RootFS.Layers}}", TAG).stdout)
    podman("rmi", TAG)
    assert rebuilt == layers
