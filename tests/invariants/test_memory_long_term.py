"""Memory in the long-term forms: each revision reads the document again, and still nothing grows while 200 MB pass through."""

import hashlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.judges import pdfsig
from tests.invariants.calls import CERTIFICATE, LONG_TERM
from tests.invariants.deployment import Deployment, Proxy
from tests.invariants.test_memory import GROWTH, LARGEST, Watch, curl, sized_file
from tests.support.seal_images import seal

pytestmark = pytest.mark.xdist_group("invariants")

FORMS = [form if form == "ES-A" else pytest.param(form, marks=pytest.mark.full) for form in LONG_TERM]


@pytest.fixture(scope="module")
def proxy(deployment: Deployment) -> Iterator[Proxy]:
    # What survives a restart is no memory (Filesystem Hierarchy Standard 3.0, 5.15).
    with tempfile.TemporaryDirectory(dir="/var/tmp") as spool, deployment.proxy(spool={"directory": spool}) as running:
        yield running


@pytest.fixture(scope="module")
def largest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # As large as may come in again once it is signed.
    return sized_file(tmp_path_factory.mktemp("largest") / "contract.pdf", LARGEST - 1_000_000)


def sent(deployment: Deployment, proxy: Proxy, form: str, document: Path, out: Path) -> dict[str, str]:
    """In parts; a signature shows a seal and a text."""
    path, chosen = LONG_TERM[form]
    parts: list[str | Path] = ["-F", f"document=@{document};type=application/pdf"]
    parameters = dict(chosen)
    if path != "/v1/timestamps":
        image = out.with_suffix(".png")
        image.write_bytes(seal())
        box = {"x": 20, "y": 20, "width": 60, "height": 24, "text": "承認 2026-11-22"}
        parameters |= {"certificateId": CERTIFICATE, "appearance": box}
        parts += ["-F", f"sealImage=@{image};type=image/png"]
    parts += ["-F", f"params={json.dumps(parameters)};type=application/json"]
    return curl(deployment, f"{proxy.url}{path}", out, *parts)


@pytest.mark.parametrize("form", FORMS)
def test_200_mb_in_the_long_term_forms(deployment: Deployment, proxy: Proxy, largest: Path, tmp_path: Path, form: str) -> None:
    small, document = sized_file(tmp_path / "warm-up.pdf", 10_000), largest
    if form == "ES_A":
        for path in (small, largest):
            signed = tmp_path / f"signed-{path.name}"
            sent(deployment, proxy, "ES-T with ltv", path, signed)
        small, document = tmp_path / "signed-warm-up.pdf", tmp_path / f"signed-{largest.name}"
    sent(deployment, proxy, form, small, tmp_path / "warm.pdf")
    result = tmp_path / "result.pdf"
    with Watch(proxy) as watch:
        headers = sent(deployment, proxy, form, document, result)
    assert watch.growth < GROWTH
    with result.open("rb") as finished:
        assert hashlib.file_digest(finished, "sha256").hexdigest() == headers["Result-SHA256"]
    assert all(verdict.valid for verdict in pdfsig(result))
