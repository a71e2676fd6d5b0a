"""``curl`` is enough to use it."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tests.api.fakes import INCREMENT
from tests.api.service import PDF, People, Service, running

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

ES = "/v1/signatures/es"
LARGE = PDF + hashlib.shake_256(b"document").digest(3_000_000)


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "契約書.pdf"
    path.write_bytes(LARGE)
    return path


async def test_upload_file(service: Service, document: Path) -> None:
    result = await service.curl("-T", str(document), f"{service.url}{ES}?certificateId=seal-1")
    assert (result.code, result.status) == (0, 200)
    assert result.body == LARGE + INCREMENT
    # curl asks before it sends this much, and is told to go on.
    assert [status for status, *_ in result.answers] == [100, 200]


@pytest.mark.parametrize("params_first", [True, False])
async def test_form(service: Service, document: Path, params_first: bool) -> None:
    parts = ["-F", 'params={"certificateId":"seal-1","reason":"承認"};type=application/json', "-F", f"document=@{document}"]
    if not params_first:
        parts = parts[2:] + parts[:2]
    result = await service.curl(*parts, service.url + ES)
    assert (result.code, result.status) == (0, 200)
    assert result.body == LARGE + INCREMENT
    assert service.work.requests[0].reason == "承認"


@pytest.mark.parametrize("options", [[], ["-H", "Expect:"], ["-H", "Transfer-Encoding: chunked"], ["--http1.0"], ["--tlsv1.3"]])
async def test_data_binary(service: Service, document: Path, options: list[str]) -> None:
    result = await service.curl("--data-binary", f"@{document}", *options, f"{service.url}{ES}?certificateId=seal-1")
    assert (result.code, result.status) == (0, 200)
    assert result.body == LARGE + INCREMENT


async def test_data_that_is_no_pdf(service: Service) -> None:
    result = await service.curl("-d", "certificateId=seal-1", service.url + ES + "?certificateId=seal-1")
    assert (result.status, json.loads(result.body)["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_who_asks_first_and_is_refused_sends_nothing(people: People, tmp_path: Path, document: Path) -> None:
    async with running(people, tmp_path, limits={"document_bytes": 1_000_000}) as service:
        for query, status, code in (
            ("?certificateId=seal-1", 413, "TOO_LARGE"),
            ("?certificateId=secret", 403, "CERTIFICATE_NOT_PERMITTED"),
            ("", 400, "INVALID_PARAMETER"),
        ):
            result = await service.curl("-T", str(document), "-w", "%{size_upload}", service.url + ES + query)
            assert [answer[0] for answer in result.answers] == [status]
            assert result.headers["connection"] == "close"
            body, _, uploaded = result.body.decode().rpartition("}")
            assert json.loads(body + "}")["code"] == code
            assert uploaded == "0"
        result = await service.curl("-T", str(document), service.url + "/v1/nowhere")
        assert [answer[0] for answer in result.answers] == [404]


async def test_without_a_certificate(service: Service) -> None:
    result = await service.curl("--cert", "", "--key", "", f"{service.url}/v1/certificates", identity=service.people.alice)
    assert json.loads(result.body)["code"] == "CLIENT_CERTIFICATE_REQUIRED"


async def test_the_increment_completes_the_callers_own_copy(service: Service, document: Path, tmp_path: Path) -> None:
    result = await service.curl("-T", str(document), f"{service.url}{ES}?certificateId=seal-1&return=increment")
    whole = LARGE + result.body
    assert hashlib.sha256(whole).hexdigest() == result.headers["result-sha256"]
