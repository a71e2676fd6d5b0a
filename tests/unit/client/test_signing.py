"""Documents through the client library, over real mutual TLS."""

import io
import resource
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from proxy.client import AnswerInvalid, ServiceProblem, ServiceUnreachable, SigningClient
from proxy.errors import (
    CertificateNotPermitted,
    ConcurrencyLimit,
    DeadlineExceeded,
    InvalidParameter,
    ProxyError,
    SettingsError,
    TooLarge,
)
from proxy.model import (
    Appearance,
    BaselineLevel,
    GracePolicy,
    HashAlgorithm,
    LengthUnit,
    Origin,
    SignAlgorithm,
    SignatureForm,
    SignatureRequest,
)
from tests.support.contract_service import INCREMENT, ContractService, pdf

ES = SignatureRequest(SignatureForm.ES, "seal")
ES_T = SignatureRequest(SignatureForm.ES_T, "seal")


class Counter:
    def __init__(self) -> None:
        self.up = 0
        self.down = 0

    def sent(self, count: int) -> None:
        self.up += count

    def received(self, count: int) -> None:
        self.down += count


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_increment_is_appended_to_a_copy(service: ContractService, tmp_path: Path) -> None:
    document = pdf(tmp_path, size=700_000)
    counter = Counter()
    async with SigningClient(service.connection()) as client:
        signed = await client.sign(document, ES_T, tmp_path / "out.pdf", progress=counter)
    assert (tmp_path / "out.pdf").read_bytes() == document.read_bytes() + INCREMENT
    assert left_over(tmp_path) == ["contract.pdf", "out.pdf"]
    assert signed.form is SignatureForm.ES_T
    assert signed.level is BaselineLevel.B_T
    assert signed.valid_until == datetime(2031, 4, 5, 6, 7, 8, tzinfo=UTC)
    assert (signed.sent, signed.received) == (document.stat().st_size, len(INCREMENT))
    assert (counter.up, counter.down) == (signed.sent, signed.received)
    assert signed.size == signed.sent + signed.received
    assert (signed.upstream_sent, signed.upstream_received) == (412, 733)
    (seen,) = service.seen
    assert seen.peer == "application"
    assert seen.query == {"certificateId": "seal", "return": "increment"}
    assert seen.headers["Content-Type"] == "application/pdf"
    assert seen.headers["Content-Length"] == seen.headers["Document-Length"] == str(signed.sent)
    assert seen.headers["Accept"] == "application/octet-stream"
    assert signed.transaction_id == seen.headers["Transaction-Id"]


async def test_the_whole_document_on_request(service: ContractService, tmp_path: Path) -> None:
    document = pdf(tmp_path, size=700_000)
    async with SigningClient(service.connection()) as client:
        signed = await client.sign(document, ES, tmp_path / "out.pdf", whole=True)
    assert (tmp_path / "out.pdf").read_bytes() == document.read_bytes() + INCREMENT
    assert signed.received == signed.size == document.stat().st_size + len(INCREMENT)
    assert service.seen[0].query == {"certificateId": "seal"}
    assert service.seen[0].headers["Accept"] == "application/pdf"


async def test_free_text_goes_in_the_body_and_no_file_name_at_all(service: ContractService, tmp_path: Path) -> None:
    document = pdf(tmp_path, "極秘.pdf")
    request = SignatureRequest(
        SignatureForm.ES,
        "seal",
        field_name="Approval",
        existing_field_only=True,
        reason="承認のため",
        location="東京",
        contact_info="legal@example.com",
        hash_algorithm=HashAlgorithm.SHA384,
        sign_algorithm=SignAlgorithm.RSASSA_PSS,
        tsa_profile="second",
    )
    async with SigningClient(service.connection()) as client:
        await client.sign(document, request, tmp_path / "out.pdf")
    (seen,) = service.seen
    assert seen.params == {"reason": "承認のため", "location": "東京", "contactInfo": "legal@example.com"}
    assert seen.document == document.read_bytes()
    assert seen.query == {
        "certificateId": "seal",
        "fieldName": "Approval",
        "existingFieldOnly": "true",
        "hashAlgorithm": "SHA-384",
        "signAlgorithm": "RSASSA-PSS",
        "tsaProfile": "second",
        "return": "increment",
    }
    assert not any("filename" in value for part in seen.part_headers for value in part.values())
    assert "Content-Length" in seen.headers


@pytest.mark.parametrize(
    ("request_", "path", "query", "level"),
    [
        (SignatureRequest(SignatureForm.ES_T, "seal", ltv=True), "es-t", {"ltv": "true"}, BaselineLevel.B_LT),
        (SignatureRequest(SignatureForm.MDP, "seal"), "mdp", {"docMdp": "1", "ltv": "false"}, BaselineLevel.B_T),
        (
            SignatureRequest(SignatureForm.MDP, "seal", doc_mdp=3, ltv=True),
            "mdp",
            {"docMdp": "3", "ltv": "true"},
            BaselineLevel.B_LT,
        ),
        (SignatureRequest(SignatureForm.ES_A, "seal"), "es-a", {"gracePolicy": "now"}, BaselineLevel.B_LTA),
        (
            SignatureRequest(SignatureForm.ES_A, "seal", grace_policy=GracePolicy.FRESH),
            "es-a",
            {"gracePolicy": "fresh"},
            BaselineLevel.B_LTA,
        ),
    ],
)
async def test_every_form_says_what_it_wants(
    service: ContractService,
    tmp_path: Path,
    request_: SignatureRequest,
    path: str,
    query: dict[str, str],
    level: BaselineLevel,
) -> None:
    async with SigningClient(service.connection()) as client:
        signed = await client.sign(pdf(tmp_path), request_, tmp_path / "out.pdf")
    assert (signed.form, signed.level) == (request_.form, level)
    (seen,) = service.seen
    assert seen.path == f"/v1/signatures/{path}"
    assert seen.query == {"certificateId": "seal", "return": "increment", **query}


@pytest.mark.parametrize(
    ("request_", "least"),
    [
        (SignatureRequest(SignatureForm.ES_T, "seal", ltv=True), "B-T"),
        (SignatureRequest(SignatureForm.MDP, "seal"), "B-B"),
        (SignatureRequest(SignatureForm.MDP, "seal", ltv=True), "B-T"),
        (SignatureRequest(SignatureForm.ES_A, "seal"), "B-LT"),
    ],
)
async def test_less_than_was_asked_for_is_refused(
    service: ContractService, tmp_path: Path, request_: SignatureRequest, least: str
) -> None:
    service.headers = {"Signature-Level": least}
    async with SigningClient(service.connection()) as client:
        with pytest.raises(AnswerInvalid, match="less than"):
            await client.sign(pdf(tmp_path), request_, tmp_path / "out.pdf")
    assert left_over(tmp_path) == ["contract.pdf"]


async def test_appearance_seal_and_password_travel_in_the_body(service: ContractService, tmp_path: Path) -> None:
    document, seal = pdf(tmp_path), bytes(range(256)) * 8_000
    appearance = Appearance(
        page=2,
        origin=Origin.TOP_RIGHT,
        x=15.0,
        y=30.5,
        width=70.0,
        height=24.0,
        unit=LengthUnit.POINT,
        text="承認済",
        rotation=90,
        seal_image=seal,
    )
    request = SignatureRequest(SignatureForm.ES, "seal", appearance=appearance, document_password="ひみつ")
    async with SigningClient(service.connection()) as client:
        await client.sign(document, request, tmp_path / "out.pdf")
    (seen,) = service.seen
    assert seen.params == {
        "documentPassword": "ひみつ",
        "appearance": {
            "page": 2,
            "origin": "top-right",
            "x": 15.0,
            "y": 30.5,
            "width": 70.0,
            "height": 24.0,
            "unit": "pt",
            "text": "承認済",
            "rotation": 90,
        },
    }
    assert seen.seal_image == seal
    assert seen.document == document.read_bytes()
    assert seen.query == {"certificateId": "seal", "return": "increment"}
    assert [part["Content-Disposition"] for part in seen.part_headers] == [
        'form-data; name="params"',
        'form-data; name="sealImage"',
        'form-data; name="document"',
    ]
    assert "Content-Length" in seen.headers


async def test_a_dry_run_keeps_nothing(service: ContractService, tmp_path: Path) -> None:
    request = SignatureRequest(SignatureForm.ES, "seal", dry_run=True)
    async with SigningClient(service.connection()) as client:
        signed = await client.sign(pdf(tmp_path), request)
        with pytest.raises(ValueError, match="dry run"):
            await client.sign(tmp_path / "contract.pdf", request, tmp_path / "out.pdf")
        with pytest.raises(ValueError, match="dry run"):
            await client.sign(tmp_path / "contract.pdf", ES)
    assert signed.result_sha256 is None
    assert service.seen[0].query == {"certificateId": "seal", "dryRun": "true"}
    assert left_over(tmp_path) == ["contract.pdf"]


async def test_streams_in_and_out(service: ContractService, tmp_path: Path) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    async with SigningClient(service.connection()) as client:
        for source in (io.BytesIO(b"skipped%PDF-1.7 x"), Pipe(b"skipped%PDF-1.7 x")):
            source.read(7)
            target = io.BytesIO()
            signed = await client.sign(source, ES, target)
            assert target.getvalue() == b"%PDF-1.7 x" + INCREMENT
            assert signed.sent == 10
    assert service.seen[0].headers["Content-Length"] == "10"
    assert service.seen[1].headers["Transfer-Encoding"] == "chunked"


async def test_an_output_is_never_replaced_unless_asked(service: ContractService, tmp_path: Path) -> None:
    document = pdf(tmp_path)
    output = tmp_path / "out.pdf"
    output.write_bytes(b"mine")
    async with SigningClient(service.connection()) as client:
        with pytest.raises(FileExistsError):
            await client.sign(document, ES, output)
        assert output.read_bytes() == b"mine"
        assert not service.seen, "a signature was asked for although its result could not be kept"
        await client.sign(document, ES, output, overwrite=True)
    assert output.read_bytes() == document.read_bytes() + INCREMENT


async def test_an_output_that_appears_meanwhile_is_not_replaced(service: ContractService, tmp_path: Path) -> None:
    output = tmp_path / "out.pdf"

    class Rival(Counter):
        def received(self, count: int) -> None:
            output.write_bytes(b"rival")

    async with SigningClient(service.connection()) as client:
        with pytest.raises(FileExistsError):
            await client.sign(pdf(tmp_path), ES, output, progress=Rival())
    assert output.read_bytes() == b"rival"
    assert left_over(tmp_path) == ["contract.pdf", "out.pdf"]


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Result-SHA256": "00" * 32}, "digest"),
        ({"Result-SHA256": None}, "Result-SHA256"),
        ({"Signature-Level": "B-B"}, "less than"),
        ({"Signature-Level": "B-X"}, "Signature-Level"),
        ({"Signature-Level": None}, "Signature-Level"),
        ({"Signature-Form": "ES"}, "asked for"),
        ({"Valid-Until": "soon"}, "Valid-Until"),
        ({"Upstream-Bytes": "many"}, "Upstream-Bytes"),
    ],
)
async def test_an_answer_that_contradicts_is_refused(
    service: ContractService, tmp_path: Path, headers: dict[str, str | None], said: str, whole: bool
) -> None:
    service.headers = headers
    async with SigningClient(service.connection()) as client:
        with pytest.raises(AnswerInvalid, match=said) as caught:
            await client.sign(pdf(tmp_path), ES_T, tmp_path / "out.pdf", whole=whole)
    assert caught.value.transaction_id == service.seen[0].headers["Transaction-Id"]
    assert left_over(tmp_path) == ["contract.pdf"]


async def test_a_higher_level_than_asked_for_is_fine(service: ContractService, tmp_path: Path) -> None:
    service.headers = {"Signature-Level": "B-LT"}
    async with SigningClient(service.connection()) as client:
        assert (await client.sign(pdf(tmp_path), ES_T, tmp_path / "out.pdf")).level is BaselineLevel.B_LT


@pytest.mark.parametrize("whole", [False, True])
async def test_a_result_damaged_on_its_way_is_refused(service: ContractService, tmp_path: Path, whole: bool) -> None:
    service.spoil = True
    async with SigningClient(service.connection()) as client:
        with pytest.raises(AnswerInvalid, match="digest"):
            await client.sign(pdf(tmp_path), ES, tmp_path / "out.pdf", whole=whole)
    assert left_over(tmp_path) == ["contract.pdf"]


async def test_a_whole_document_must_begin_with_what_was_sent(service: ContractService, tmp_path: Path) -> None:
    document = tmp_path / "contract.pdf"
    document.write_bytes(INCREMENT + b"x")

    service.swap = (b"x", b"y")
    async with SigningClient(service.connection()) as client:
        with pytest.raises(AnswerInvalid, match="begin"):
            await client.sign(document, ES, tmp_path / "out.pdf", whole=True)


@pytest.mark.parametrize(
    ("status", "members", "kind"),
    [
        (403, {"code": "CERTIFICATE_NOT_PERMITTED", "detail": "not yours"}, CertificateNotPermitted),
        (429, {"code": "CONCURRENCY_LIMIT", "detail": "busy"}, ConcurrencyLimit),
        (
            400,
            {"code": "INVALID_PARAMETER", "detail": "bad", "errors": [{"field": "reason", "reason": "long"}]},
            InvalidParameter,
        ),
        (418, {"code": "TEAPOT", "detail": "short and stout"}, ServiceProblem),
        (500, {}, ServiceProblem),
        (502, {}, ServiceUnreachable),
    ],
)
async def test_problems_become_the_errors_they_name(
    service: ContractService, tmp_path: Path, status: int, members: dict[str, Any], kind: type[ProxyError]
) -> None:
    service.problem = (status, members)
    async with SigningClient(service.connection()) as client:
        with pytest.raises(kind) as caught:
            await client.sign(pdf(tmp_path), ES, tmp_path / "out.pdf")
    error = caught.value
    assert type(error) is kind
    assert error.transaction_id == service.seen[0].headers["Transaction-Id"]
    assert error.retry_after == 7.0
    assert members.get("detail", str(status)) in error.detail
    assert error.fields == ({"reason": "long"} if "errors" in members else {})
    assert len(service.seen) == 1, "a signature was asked for twice"
    assert left_over(tmp_path) == ["contract.pdf"]


async def test_a_refusal_before_the_document_is_read_is_heard(service: ContractService, tmp_path: Path) -> None:
    service.problem = (413, {"code": "TOO_LARGE", "detail": "too large"})
    service.refuse_unread = True
    async with SigningClient(service.connection()) as client:
        with pytest.raises(TooLarge):
            await client.sign(pdf(tmp_path, size=900_000), ES, tmp_path / "out.pdf")


async def test_a_large_document_is_not_sent_to_a_service_that_refuses_it(service: ContractService, tmp_path: Path) -> None:
    service.problem = (413, {"code": "TOO_LARGE", "detail": "too large"})
    service.refuse_unread = True
    counter = Counter()
    async with SigningClient(service.connection()) as client:
        with pytest.raises(TooLarge):
            await client.sign(pdf(tmp_path, size=30_000_000), ES, tmp_path / "out.pdf", progress=counter)
    assert counter.up == 0


async def test_a_lost_answer_names_the_transaction(service: ContractService, tmp_path: Path) -> None:
    service.lose = True
    async with SigningClient(service.connection()) as client:
        with pytest.raises(ServiceUnreachable) as caught:
            await client.sign(pdf(tmp_path), ES, tmp_path / "out.pdf")
    assert caught.value.transaction_id == service.seen[0].headers["Transaction-Id"]
    assert len(service.seen) == 1


async def test_a_service_that_is_not_there(service: ContractService, tmp_path: Path) -> None:
    async with SigningClient(service.connection(url="https://127.0.0.1:1")) as client:
        with pytest.raises(ServiceUnreachable):
            await client.sign(pdf(tmp_path), ES, tmp_path / "out.pdf")


async def test_a_service_of_another_authority_is_not_trusted(service: ContractService, tmp_path: Path) -> None:
    async with SigningClient(service.connection(ca=None)) as client:
        with pytest.raises(ServiceUnreachable, match=r"(?i)certificate"):
            await client.sign(pdf(tmp_path), ES, tmp_path / "out.pdf")
    assert not service.seen


async def test_the_time_is_bounded(service: ContractService, tmp_path: Path) -> None:
    service.hang = True
    async with SigningClient(service.connection(timeout_seconds=0.2)) as client:
        with pytest.raises(DeadlineExceeded) as caught:
            await client.sign(pdf(tmp_path), ES, tmp_path / "out.pdf")
    assert caught.value.transaction_id is not None
    assert left_over(tmp_path) == ["contract.pdf"]


async def test_a_document_that_shrinks_while_it_is_read(service: ContractService, tmp_path: Path) -> None:
    document = pdf(tmp_path, size=2_000_000)

    class Truncating(Counter):
        def sent(self, count: int) -> None:
            with document.open("r+b") as file:
                file.truncate(300_000)

    async with SigningClient(service.connection()) as client:
        with pytest.raises(OSError, match="shorter"):
            await client.sign(document, ES, tmp_path / "out.pdf", progress=Truncating())
    assert left_over(tmp_path) == ["contract.pdf"]


async def test_a_document_that_cannot_be_read(service: ContractService, tmp_path: Path) -> None:
    async with SigningClient(service.connection()) as client:
        with pytest.raises(FileNotFoundError):
            await client.sign(tmp_path / "none.pdf", ES, tmp_path / "out.pdf")


@pytest.mark.parametrize(
    "overrides",
    [
        {"url": "ftp://127.0.0.1"},
        {"url": "https://user:secret@127.0.0.1"},
        {"ca": Path("/nowhere/ca.pem")},
        {"client_key": Path("/nowhere/key.pem")},
        {"client_certificate": None},
    ],
)
async def test_a_connection_that_cannot_be_made(service: ContractService, overrides: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        SigningClient(service.connection(**overrides))


async def test_memory_does_not_depend_on_the_size(service: ContractService, tmp_path: Path) -> None:
    # The service under test lives in this process and would hold the document; it only counts here.
    service.count_only = True
    small, large = tmp_path / "small.pdf", tmp_path / "large.pdf"
    for path, size in ((small, 1_000_000), (large, 200_000_000)):
        with path.open("wb") as file:
            file.truncate(size)
    async with SigningClient(service.connection()) as client:
        await client.sign(small, ES, tmp_path / "1.pdf")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await client.sign(large, ES, tmp_path / "2.pdf")
        await client.sign(large, ES, tmp_path / "3.pdf", whole=True)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024


async def test_a_call_whose_answer_was_lost_is_made_again_under_one_key(service: ContractService, tmp_path: Path) -> None:
    document = pdf(tmp_path)
    service.lose_first = 2
    async with SigningClient(service.connection(), repeats=2) as client:
        await client.sign(document, ES, tmp_path / "out.pdf")
        await client.sign(document, ES, tmp_path / "another.pdf")
    assert (tmp_path / "out.pdf").read_bytes() == document.read_bytes() + INCREMENT
    keys = [seen.headers["Idempotency-Key"] for seen in service.seen]
    assert keys == [keys[0]] * 3 + [keys[3]]
    assert keys[3] != keys[0]


async def test_repeats_end(service: ContractService, tmp_path: Path) -> None:
    service.lose = True
    async with SigningClient(service.connection(), repeats=1) as client:
        with pytest.raises(ServiceUnreachable):
            await client.sign(pdf(tmp_path), ES, tmp_path / "out.pdf")
    assert len(service.seen) == 2
    assert left_over(tmp_path) == ["contract.pdf"]


async def test_nothing_is_made_again_unasked_nor_from_a_stream(service: ContractService, tmp_path: Path) -> None:
    service.lose = True
    document = pdf(tmp_path)
    async with SigningClient(service.connection()) as client:
        with pytest.raises(ServiceUnreachable):
            await client.sign(document, ES, tmp_path / "out.pdf", idempotency_key="chosen")
    async with SigningClient(service.connection(), repeats=3) as client:
        with document.open("rb") as stream, pytest.raises(ServiceUnreachable):
            await client.sign(stream, ES, tmp_path / "out.pdf")
    assert [seen.headers.get("Idempotency-Key") for seen in service.seen] == ["chosen", None]
