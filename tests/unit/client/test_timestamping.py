"""Document timestamps through the client library, over real mutual TLS."""

from pathlib import Path

import pytest

from proxy.client import AnswerInvalid, SigningClient
from proxy.errors import AlreadyTimestamped
from proxy.model import BaselineLevel, OnAlreadyTimestamped, TimestampPurpose, TimestampRequest
from tests.support.contract_service import INCREMENT, ContractService, pdf

WHOLE = pytest.mark.parametrize("whole", [False, True])
ALONE = TimestampRequest()
EXTENSION = TimestampRequest(TimestampPurpose.ES_A)
SKIP = TimestampRequest(on_already_timestamped=OnAlreadyTimestamped.SKIP)


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@WHOLE
async def test_a_timestamp_stands_for_itself(service: ContractService, tmp_path: Path, whole: bool) -> None:
    document = pdf(tmp_path)
    async with SigningClient(service.connection()) as client:
        done = await client.timestamp(document, ALONE, tmp_path / "out.pdf", whole=whole)
    assert (tmp_path / "out.pdf").read_bytes() == document.read_bytes() + INCREMENT
    assert (done.form, done.level, done.skipped) == (TimestampPurpose.DOC_TIME_STAMP, None, False)
    assert done.valid_until is not None
    (seen,) = service.seen
    assert seen.path == "/v1/timestamps"
    assert seen.headers["Content-Type"] == "application/pdf"
    increment = {} if whole else {"return": "increment"}
    assert seen.query == {"purpose": "DocTimeStamp", "onAlreadyTimestamped": "add", **increment}


async def test_every_parameter_of_an_extension(service: ContractService, tmp_path: Path) -> None:
    request = TimestampRequest(TimestampPurpose.ES_A, "second", OnAlreadyTimestamped.REJECT, "secret")
    async with SigningClient(service.connection()) as client:
        done = await client.timestamp(pdf(tmp_path), request, tmp_path / "out.pdf")
    assert (done.form, done.level) == (TimestampPurpose.ES_A, BaselineLevel.B_LTA)
    (seen,) = service.seen
    assert seen.params == {"documentPassword": "secret"}
    assert seen.query == {
        "purpose": "ES_A",
        "tsaProfile": "second",
        "onAlreadyTimestamped": "reject",
        "return": "increment",
    }


@WHOLE
async def test_what_is_skipped_comes_out_as_it_was(service: ContractService, tmp_path: Path, whole: bool) -> None:
    service.stamped = True
    document = pdf(tmp_path)
    async with SigningClient(service.connection()) as client:
        done = await client.timestamp(document, SKIP, tmp_path / "out.pdf", whole=whole)
    assert done.skipped
    assert (done.level, done.valid_until) == (None, None)
    assert done.size == document.stat().st_size
    assert (tmp_path / "out.pdf").read_bytes() == document.read_bytes()


async def test_an_extension_that_is_skipped_needs_no_level(service: ContractService, tmp_path: Path) -> None:
    service.stamped = True
    request = TimestampRequest(TimestampPurpose.ES_A, on_already_timestamped=OnAlreadyTimestamped.SKIP)
    async with SigningClient(service.connection()) as client:
        assert (await client.timestamp(pdf(tmp_path), request, tmp_path / "out.pdf")).skipped


@WHOLE
@pytest.mark.parametrize("request_", [ALONE, EXTENSION])
async def test_nothing_added_is_no_timestamp_where_none_may_be_skipped(
    service: ContractService, tmp_path: Path, request_: TimestampRequest, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.contract_service.INCREMENT", b"")
    async with SigningClient(service.connection()) as client:
        with pytest.raises(AnswerInvalid, match="nothing"):
            await client.timestamp(pdf(tmp_path), request_, tmp_path / "out.pdf", whole=whole)
    assert left_over(tmp_path) == ["contract.pdf"]


async def test_a_skipped_document_that_is_another_one_is_refused(service: ContractService, tmp_path: Path) -> None:
    service.stamped = True
    service.swap = (b"%PDF-1.7", b"%PDF-1.6")
    async with SigningClient(service.connection()) as client:
        with pytest.raises(AnswerInvalid, match="another document"):
            await client.timestamp(pdf(tmp_path), SKIP, tmp_path / "out.pdf", whole=True)
    assert left_over(tmp_path) == ["contract.pdf"]


@WHOLE
@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Signature-Form": "DocTimeStamp"}, "asked for"),
        ({"Signature-Form": "ES-A"}, "Signature-Form"),
        ({"Signature-Level": "B-LT"}, "less than"),
        ({"Signature-Level": None}, "Signature-Level"),
        ({"Result-SHA256": "00" * 32}, "digest"),
    ],
)
async def test_an_answer_that_contradicts_is_refused(
    service: ContractService, tmp_path: Path, headers: dict[str, str | None], said: str, whole: bool
) -> None:
    service.headers = headers
    async with SigningClient(service.connection()) as client:
        with pytest.raises(AnswerInvalid, match=said):
            await client.timestamp(pdf(tmp_path), EXTENSION, tmp_path / "out.pdf", whole=whole)
    assert left_over(tmp_path) == ["contract.pdf"]


@pytest.mark.parametrize("stamped", [False, True])
async def test_a_dry_run_tells_what_would_be_skipped(service: ContractService, tmp_path: Path, stamped: bool) -> None:
    service.stamped = stamped
    request = TimestampRequest(on_already_timestamped=OnAlreadyTimestamped.SKIP, dry_run=True)
    async with SigningClient(service.connection()) as client:
        done = await client.timestamp(pdf(tmp_path), request)
        with pytest.raises(ValueError, match="dry run"):
            await client.timestamp(tmp_path / "contract.pdf", request, tmp_path / "out.pdf")
    assert done.skipped is stamped
    assert done.result_sha256 is None
    assert left_over(tmp_path) == ["contract.pdf"]


async def test_a_refusal_is_the_error_it_names(service: ContractService, tmp_path: Path) -> None:
    service.problem = (409, {"code": "ALREADY_TIMESTAMPED", "detail": "it is"})
    async with SigningClient(service.connection()) as client:
        with pytest.raises(AlreadyTimestamped):
            await client.timestamp(pdf(tmp_path), ALONE, tmp_path / "out.pdf")
