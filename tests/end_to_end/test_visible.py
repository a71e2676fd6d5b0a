"""Visible signatures over HTTP: seals and text in every form, on new fields and existing ones; and what cannot be drawn.

Where they come to lie on the page is measured elsewhere; here it is what goes in, and what is refused.
"""

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, append_signature_field

from tests.conformance.judges import pdfsig, tampered_copy
from tests.support.calling import Answer
from tests.support.sandbox import Sandbox
from tests.support.seal_images import seal
from tests.support.security_store import opened
from tests.support.signed_files import with_field

BOX = {"page": 1, "x": 20, "y": 20, "width": 60, "height": 24}
IMAGES = ["PNG", "JPEG", "GIF", "BMP", "TIFF"]


def signed(
    sandbox: Sandbox,
    document: bytes,
    appearance: Mapping[str, Any],
    image: bytes | None = None,
    form: str = "es",
    **params: Any,
) -> Answer:
    members = {"certificateId": "eseal-p256", "appearance": dict(appearance), **params}
    return sandbox.app.send_parts(f"/v1/signatures/{form}", document, members, seal_image=image)


def valid(document: bytes, folder: Path) -> list[bool]:
    path = folder / "judged.pdf"
    path.write_bytes(document)
    assert not any(one.valid for one in pdfsig(tampered_copy(path, folder / "tampered.pdf")))
    return [one.valid for one in pdfsig(path)]


def shown(document: bytes, page: int = 0) -> bytes:
    """The pixels of a page with its annotations."""
    opened_by_pdfium = pypdfium2.PdfDocument(document)
    opened_by_pdfium.init_forms()
    image = opened_by_pdfium[page].render(may_draw_forms=True).to_pil()
    opened_by_pdfium.close()
    pixels: bytes = image.convert("RGB").tobytes()
    return pixels


def red(document: bytes, page: int = 0) -> int:
    """How many pixels of a page are as red as the seal."""
    pixels = shown(document, page)
    triples = zip(pixels[::3], pixels[1::3], pixels[2::3], strict=True)
    return sum(one > 150 and two < 120 and three < 120 for one, two, three in triples)


@pytest.mark.parametrize("form", ["es", "es-t", "mdp", "es-a"])
def test_seal_and_text_in_every_form(sandbox: Sandbox, invoice: bytes, tmp_path: Path, form: str) -> None:
    answer = signed(sandbox, invoice, {**BOX, "text": "承認 2026年11月22日\n山田 太郎"}, seal(), form)
    assert answer.status == 200, answer.body
    assert answer.body.startswith(invoice)
    assert valid(answer.body, tmp_path) == [True]
    assert red(answer.body) > 50 > red(invoice)


@pytest.mark.parametrize("image_format", IMAGES)
def test_every_kind_of_image(sandbox: Sandbox, invoice: bytes, tmp_path: Path, image_format: str) -> None:
    answer = signed(sandbox, invoice, BOX, seal(image_format))
    assert answer.status == 200, answer.body
    assert valid(answer.body, tmp_path) == [True]
    assert red(answer.body) > 50


def test_the_ways_in(sandbox: Sandbox, invoice: bytes, tmp_path: Path) -> None:
    query = {f"appearance.{name}": str(value) for name, value in BOX.items()}
    members = {"certificateId": "eseal-p256", "appearance": {**BOX, "text": "承認"}}
    encoded = {"document": base64.b64encode(invoice).decode(), "sealImage": base64.b64encode(seal()).decode()}
    as_json = sandbox.app.post_json("/v1/signatures/es", members | encoded, headers={"Accept": "application/pdf"})
    assert as_json.status == 200, as_json.body
    assert valid(as_json.body, tmp_path) == [True]
    assert red(as_json.body) > 50
    # A raw body has no place for image or text, and an empty box shows nothing.
    assert sandbox.app.sign(invoice, query=query).code == "APPEARANCE_INVALID"
    for name in ("sealImage", "appearance.text"):
        refused = sandbox.app.sign(invoice, query={**query, name: "x"})
        assert (refused.code, refused.members["errors"][0]["field"]) == ("INVALID_PARAMETER", name)


def test_several_seals_in_one_document(sandbox: Sandbox, invoice: bytes, tmp_path: Path) -> None:
    document, reds = invoice, [0]
    for number, (page, form) in enumerate([(1, "es"), (1, "es-t"), (2, "es"), (1, "es-a")]):
        appearance = {**BOX, "page": page, "y": 20 + 30 * number, "text": f"第{number + 1}承認"}
        answer = signed(sandbox, document, appearance, seal(), form)
        assert answer.status == 200, answer.body
        document = answer.body
        reds.append(red(document))
        assert valid(document, tmp_path) == [True] * (number + 1)
    assert reds[0] < reds[1] < reds[2] == reds[3] < reds[4]
    assert red(document, page=1) > 50


def with_visible_field(document: bytes, name: str, box: tuple[int, int, int, int]) -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(document))
    append_signature_field(writer, SigFieldSpec(name, on_page=1, box=box))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_a_seal_on_an_existing_field_takes_the_fields_box(sandbox: Sandbox, invoice: bytes, tmp_path: Path) -> None:
    document = with_visible_field(invoice, "Approval", (100, 100, 200, 160))
    answer = signed(sandbox, document, {**BOX, "text": "承認"}, seal(), fieldName="Approval", existingFieldOnly=True)
    assert answer.status == 200, answer.body
    assert valid(answer.body, tmp_path) == [True]
    (signature,) = opened(answer.body).embedded_signatures
    assert [int(number) for number in signature.sig_field["/Rect"]] == [100, 100, 200, 160]
    assert red(answer.body, page=1) > 50 > red(answer.body, page=0)


@pytest.mark.parametrize("level", [2, 3])
def test_after_a_certification_seals_go_where_fields_wait_for_them(
    sandbox: Sandbox, invoice: bytes, tmp_path: Path, level: int
) -> None:
    prepared = with_visible_field(invoice, "Approval", (100, 100, 200, 160))
    document = signed(sandbox, prepared, {**BOX, "text": "認証"}, seal(), "mdp", docMdp=level, fieldName="Author").body
    with sandbox.spending() as spent:
        refused = signed(sandbox, document, {**BOX, "y": 100}, seal())
    # Validators differ about new visible fields in a certified document, so that none is made.
    assert (refused.status, refused.code) == (409, "MDP_LOCKED")
    assert spent.nothing, spent
    answer = signed(sandbox, document, {**BOX, "text": "承認"}, seal(), "es-t", fieldName="Approval")
    assert answer.status == 200, answer.body
    assert valid(answer.body, tmp_path) == [True, True]
    assert red(answer.body, page=1) > 50


def test_an_invisible_field_shows_nothing(sandbox: Sandbox, invoice: bytes) -> None:
    with sandbox.spending() as spent:
        answer = signed(sandbox, with_field(invoice, "Hidden"), {**BOX, "text": "承認"}, fieldName="Hidden")
    assert (answer.status, answer.code) == (422, "APPEARANCE_INVALID")
    assert answer.members["errors"][0]["field"] == "fieldName"
    assert spent.nothing


WRONG: dict[str, tuple[dict[str, Any], bytes | None, str, str]] = {
    "no such page": ({"page": 3, "text": "x"}, None, "APPEARANCE_INVALID", "appearance.page"),
    "right of the page": ({"x": 200, "text": "x"}, None, "APPEARANCE_INVALID", "appearance.x"),
    "above the page": ({"y": 290, "text": "x"}, None, "APPEARANCE_INVALID", "appearance.y"),
    "no width to see": ({"width": 0.5, "text": "x"}, None, "APPEARANCE_INVALID", "appearance.width"),
    "empty": ({}, None, "APPEARANCE_INVALID", "appearance"),
    "text that does not fit": ({"text": "長" * 900, "width": 10, "height": 5}, None, "APPEARANCE_INVALID", "appearance.text"),
    "negative": ({"x": -1, "text": "x"}, None, "INVALID_PARAMETER", "appearance.x"),
    "page 0": ({"page": 0, "text": "x"}, None, "INVALID_PARAMETER", "appearance.page"),
    "askew": ({"rotation": 45, "text": "x"}, None, "INVALID_PARAMETER", "appearance.rotation"),
    "inches": ({"unit": "in", "text": "x"}, None, "INVALID_PARAMETER", "appearance.unit"),
    "a control character": ({"text": "\x00"}, None, "INVALID_PARAMETER", "appearance.text"),
    "an unknown member": ({"colour": "red", "text": "x"}, None, "INVALID_PARAMETER", "appearance.colour"),
    "no image": ({}, b"%PDF-1.7", "SEAL_IMAGE_INVALID", "sealImage"),
    "half an image": ({}, seal()[: len(seal()) // 2], "SEAL_IMAGE_INVALID", "sealImage"),
    "an SVG": ({}, b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SEAL_IMAGE_INVALID", "sealImage"),
    "an image of no bytes": ({"text": "x"}, b"", "SEAL_IMAGE_INVALID", "sealImage"),
}


@pytest.mark.parametrize("form", ["es", pytest.param("es-a", marks=pytest.mark.full)])
@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_drawn_is_told_and_costs_nothing(sandbox: Sandbox, invoice: bytes, name: str, form: str) -> None:
    appearance, image, code, field = WRONG[name]
    with sandbox.spending() as spent:
        answer = signed(sandbox, invoice, {**BOX, **appearance}, image, form)
    assert answer.code == code, answer.body
    assert field in [error["field"] for error in answer.members["errors"]]
    assert spent.nothing, spent


def test_an_image_without_a_box_is_refused(sandbox: Sandbox, invoice: bytes) -> None:
    with sandbox.spending() as spent:
        answer = sandbox.app.send_parts("/v1/signatures/es", invoice, {"certificateId": "eseal-p256"}, seal_image=seal())
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER")
    assert answer.members["errors"][0]["field"] == "appearance"
    assert spent.nothing
