"""Tokens larger than the room that was kept for them: the request still succeeds, and the next one knows."""

from pathlib import Path

import pytest
from asn1crypto import cms

from tests.conformance.judges import pdfsig, pyhanko_verdicts
from tests.end_to_end.odd_authorities import OddAuthorities
from tests.end_to_end.services import Service
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.xdist_group("end_to_end_services")


async def test_a_token_beyond_the_room_costs_one_more_signature_once(
    sandbox: Sandbox, narrow: Service, odd: OddAuthorities, invoice: bytes, tmp_path: Path
) -> None:
    spent_each, asked_each, results = [], [], []
    for _ in range(3):
        asked = odd.asked["/large"]
        with sandbox.spending() as spent:
            answer = narrow.caller().sign(invoice, form="es-t", tsaProfile="large")
        assert (answer.status, answer.headers["Signature-Level"]) == (200, "B-T"), answer.body
        assert answer.body.startswith(invoice)
        spent_each.append(spent.signatures)
        asked_each.append(odd.asked["/large"] - asked)
        results.append(answer.body)
    assert spent_each == [2, 1, 1]
    assert asked_each == [2, 1, 1]

    for result in results:
        path = tmp_path / "signed.pdf"
        path.write_bytes(result)
        (verdict,) = await pyhanko_verdicts(path, sandbox.anchors)
        assert (verdict.valid, verdict.total_document, verdict.timestamp) == (True, True, True)
        (seen,) = pdfsig(path)
        assert (seen.valid, seen.total_document) == (True, True), seen.text
        assert _token_size(result) > 20_000


async def test_a_first_attempt_that_did_not_fit_leaves_nothing_in_the_document(
    sandbox: Sandbox, narrow: Service, invoice: bytes
) -> None:
    answer = narrow.caller().sign(invoice, form="es-t", tsaProfile="large")
    assert answer.body.count(b"/ByteRange") == 1
    assert answer.body.count(b"%%EOF") == invoice.count(b"%%EOF") + 1


def _token_size(signed: bytes) -> int:
    contents = signed[signed.index(b"/Contents <") + 11 :]
    signer = cms.ContentInfo.load(bytes.fromhex(contents[: contents.index(b">")].decode()))["content"]["signer_infos"][0]
    (attribute,) = signer["unsigned_attrs"]
    assert attribute["type"].native == "signature_time_stamp_token"
    return len(attribute["values"][0].dump())
