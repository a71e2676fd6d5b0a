"""Memory does not depend on a document's size: what a proxy's processes hold together hardly grows while 200 MB pass through.

Proportional set sizes are sampled while ``curl`` sends and receives. The spool is on disk: where it is memory, it is not the
proxy's.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.judges import pdfsig, tampered_copy
from tests.invariants.calls import CERTIFICATE, FORMS
from tests.invariants.deployment import Deployment, Proxy
from tests.support.pdf_files import write_sized_file

pytestmark = pytest.mark.xdist_group("invariants")

LARGEST = 200_000_000
LARGEST_JSON = 60_000_000
GROWTH = 32 << 20
SAMPLE_SECONDS = 0.03


class Watch:
    """The most memory that a proxy's processes held together while the body ran, beyond what they held before."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._before = proxy.pss()
        self._most = self._before
        self._samples = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="memory")

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            self._most = max(self._most, self._proxy.pss())
            self._samples += 1

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def growth(self) -> int:
        """Bytes; to be read afterwards."""
        assert self._samples >= 5, "too few samples to have seen anything"
        return self._most - self._before


@pytest.fixture(scope="module")
def proxy(deployment: Deployment) -> Iterator[Proxy]:
    # What survives a restart is no memory (Filesystem Hierarchy Standard 3.0, 5.15).
    with tempfile.TemporaryDirectory(dir="/var/tmp") as spool, deployment.proxy(spool={"directory": spool}) as running:
        yield running


@pytest.fixture(scope="module")
def largest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sized_file(tmp_path_factory.mktemp("largest") / "contract.pdf", LARGEST)


def sized_file(path: Path, size: int) -> Path:
    block = os.urandom(1 << 20)
    with path.open("wb") as out:
        write_sized_file(out, size, iter(lambda: block, b""))
    assert path.stat().st_size == size
    return path


def json_body(path: Path, size: int) -> tuple[Path, Path]:
    """A JSON request of about ``size`` bytes and not more, and the document in it."""
    document = sized_file(path.with_suffix(".pdf"), (size - 200) // 4 * 3)
    body = {"certificateId": CERTIFICATE, "reason": "memory", "document": b64encode(document.read_bytes()).decode()}
    path.write_text(json.dumps(body))
    assert size - 200 < path.stat().st_size <= size
    return path, document


def curl(deployment: Deployment, url: str, out: Path, *options: str | Path) -> dict[str, str]:
    """Run ``curl``; the headers of a 200."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    headers = out.with_suffix(".headers")
    command = ["curl", "--silent", "--show-error", "--max-time", "60", *deployment.curl_options()]
    subprocess.run([*command, "--dump-header", headers, "--output", out, *options, url], check=True, timeout=90)
    answers = headers.read_text("ascii").replace("\r\n", "\n").strip().split("\n\n")
    status, *lines = answers[-1].split("\n")
    assert " 200" in status, (status, out.read_bytes()[:500])
    return dict(line.split(": ", 1) for line in lines)


def sent_raw(deployment: Deployment, proxy: Proxy, form: str, document: Path, out: Path) -> dict[str, str]:
    return curl(deployment, f"{proxy.url}{FORMS[form]}?certificateId={CERTIFICATE}", out, "-T", document)


def sent_in_parts(deployment: Deployment, proxy: Proxy, form: str, document: Path, out: Path) -> dict[str, str]:
    parameters = json.dumps({"certificateId": CERTIFICATE, "reason": "memory"})
    parts = ("-F", f"document=@{document};type=application/pdf", "-F", f"params={parameters};type=application/json")
    return curl(deployment, f"{proxy.url}{FORMS[form]}", out, *parts)


def sent_as_json(deployment: Deployment, proxy: Proxy, form: str, body: Path, out: Path) -> dict[str, str]:
    options = ("-X", "POST", "-H", "Content-Type: application/json", "-H", "Expect:", "-T", body)
    return curl(deployment, f"{proxy.url}{FORMS[form]}", out, *options)


WAYS = {"curl -T": sent_raw, "curl -F": sent_in_parts}


def verify(original: Path, signed: Path, stated_sha256: str, tmp_path: Path) -> None:
    """The result begins with the original, is what its header says, and ``pdfsig`` believes it but not its tampered copy."""
    size = original.stat().st_size
    with signed.open("rb") as result, original.open("rb") as source:
        whole, begin, received = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
        left = size
        while piece := result.read(1 << 20):
            whole.update(piece)
            begin.update(piece[:left])
            left -= min(left, len(piece))
        while piece := source.read(1 << 20):
            received.update(piece)
    assert whole.hexdigest() == stated_sha256
    assert begin.digest() == received.digest()
    (verdict,) = pdfsig(signed)
    assert verdict.valid, verdict.text
    assert verdict.total_document, verdict.text
    (verdict,) = pdfsig(tampered_copy(signed, tmp_path / "tampered.pdf"))
    assert not verdict.valid, verdict.text


@pytest.mark.parametrize(
    ("way", "form"),
    [
        ("curl -T", "ES"),
        ("curl -F", "ES-T"),
        pytest.param("curl -T", "ES-T", marks=pytest.mark.full),
        pytest.param("curl -F", "ES", marks=pytest.mark.full),
    ],
)
def test_200_mb_pass_through(deployment: Deployment, proxy: Proxy, largest: Path, tmp_path: Path, way: str, form: str) -> None:
    send = WAYS[way]
    send(deployment, proxy, form, sized_file(tmp_path / "warm-up.pdf", 10_000), tmp_path / "warm.pdf")
    signed = tmp_path / "signed.pdf"
    with Watch(proxy) as watch:
        headers = send(deployment, proxy, form, largest, signed)
    assert watch.growth < GROWTH
    verify(largest, signed, headers["Result-SHA256"], tmp_path)


@pytest.mark.parametrize("form", ["ES-T", pytest.param("ES", marks=pytest.mark.full)])
def test_60_mb_of_json_pass_through(deployment: Deployment, proxy: Proxy, tmp_path: Path, form: str) -> None:
    warm_up, _ = json_body(tmp_path / "warm-up.json", 10_000)
    sent_as_json(deployment, proxy, form, warm_up, tmp_path / "warm.json")
    body, document = json_body(tmp_path / "body.json", LARGEST_JSON)
    answer = tmp_path / "answer.json"
    with Watch(proxy) as watch:
        headers = sent_as_json(deployment, proxy, form, body, answer)
    assert watch.growth < GROWTH
    signed = tmp_path / "signed.pdf"
    signed.write_bytes(b64decode(json.loads(answer.read_bytes())["document"]))
    verify(document, signed, headers["Result-SHA256"], tmp_path)


def test_a_document_kept_in_memory_is_seen(deployment: Deployment, tmp_path: Path) -> None:
    with deployment.proxy(plant={"kind": "hoard"}) as hoarding:
        sent_raw(deployment, hoarding, "ES", sized_file(tmp_path / "warm-up.pdf", 10_000), tmp_path / "warm.pdf")
        document = sized_file(tmp_path / "document.pdf", 60_000_000)
        with Watch(hoarding) as watch:
            sent_raw(deployment, hoarding, "ES", document, tmp_path / "signed.pdf")
        assert watch.growth > GROWTH


@pytest.mark.parametrize("form", ["ES", pytest.param("ES-T", marks=pytest.mark.full)])
@pytest.mark.parametrize(
    "size",
    [9_999_999, 99_999_999]
    + [pytest.param(size, marks=pytest.mark.full) for size in (10_000_000, 10_000_001, 100_000_000, 100_000_001)],
)
def test_where_offsets_grow_by_a_digit_documents_sign(
    deployment: Deployment, proxy: Proxy, tmp_path: Path, size: int, form: str
) -> None:
    document, signed = sized_file(tmp_path / "document.pdf", size), tmp_path / "signed.pdf"
    headers = sent_raw(deployment, proxy, form, document, signed)
    verify(document, signed, headers["Result-SHA256"], tmp_path)
