"""Changes after a signature: annotations written directly into their page are no obstacle, and no cover for anything else."""

import io
from collections.abc import Callable

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import NameObject, pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY, DiffPolicy, DiffResult

from proxy.pades.differences import POLICY
from tests.support.pdf_files import PdfFile, plain_file
from tests.support.signed_files import sign_in_process, signed_by_others

LINK = b"<</Type/Annot/Subtype/Link/Rect[10 10 50 20]/Border[0 0 0.5]/A<</S/URI/URI(https://example.com/)>>>>"
NOTE = b"<</Type/Annot/Subtype/Text/Rect[0 0 9 9]/Contents(a note)>>"
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Annots %s>>"


def with_annotations(annotations: bytes) -> bytes:
    """Two pages, of which the second has these annotations; object 1000 is a note, 1001 an array with a link."""
    file = plain_file(pages=2, extra={1000: NOTE, 1001: b"[" + LINK + b"]"})
    objects = {**file.objects, 11: PAGE % annotations}
    # A new field's widget goes onto the first page: let that one have them too.
    return PdfFile({**objects, 10: PAGE % annotations}).with_table()


DOCUMENTS = {
    "direct": b"[" + LINK + b"]",
    "direct and by reference": b"[" + LINK + b" 1000 0 R " + LINK + b"]",
    "an array of its own": b"1001 0 R",
    "by reference": b"[1000 0 R]",
    "none": b"[]",
}


def judged(document: bytes, policy: DiffPolicy = POLICY) -> bool:
    """Whether the changes after the first signature are permitted."""
    first, *_ = PdfFileReader(io.BytesIO(document)).embedded_signatures
    first.coverage = first.evaluate_signature_coverage()
    return isinstance(first.evaluate_modifications(policy), DiffResult)


@pytest.mark.parametrize("annotations", [pytest.param(value, id=name) for name, value in DOCUMENTS.items()])
def test_a_second_signature_is_permitted_whatever_the_annotations_look_like(annotations: bytes) -> None:
    signed = sign_in_process(sign_in_process(with_annotations(annotations)))
    assert judged(signed)
    assert judged(signed_by_others(signed, "Others"))


def test_pyhankos_own_rule_stumbles_over_direct_annotations() -> None:
    """Why there is a rule of our own; once this fails there need not be."""
    signed = sign_in_process(sign_in_process(with_annotations(DOCUMENTS["direct"])))
    assert not judged(signed, DEFAULT_DIFF_POLICY)


def page_annotations(writer: IncrementalPdfFileWriter) -> generic.ArrayObject:
    page = writer.root["/Pages"]["/Kids"][0]
    writer.mark_update(page.reference if isinstance(page, generic.IndirectObject) else page.container_ref)
    annotations = page["/Annots"]
    assert isinstance(annotations, generic.ArrayObject)
    return annotations


def change(annotations: generic.ArrayObject, _: IncrementalPdfFileWriter) -> None:
    annotations[0]["/A"]["/URI"] = generic.pdf_string("https://example.org/")


def remove(annotations: generic.ArrayObject, _: IncrementalPdfFileWriter) -> None:
    del annotations[0]


def add_directly(annotations: generic.ArrayObject, _: IncrementalPdfFileWriter) -> None:
    annotations.append(generic.DictionaryObject({pdf_name("/Subtype"): NameObject("/Text")}))


def add_by_reference(annotations: generic.ArrayObject, writer: IncrementalPdfFileWriter) -> None:
    note = generic.DictionaryObject({pdf_name("/Type"): pdf_name("/Annot"), pdf_name("/Subtype"): NameObject("/Text")})
    annotations.append(writer.add_object(note))


def change_the_page(annotations: generic.ArrayObject, writer: IncrementalPdfFileWriter) -> None:
    writer.root["/Pages"]["/Kids"][0]["/Rotate"] = generic.NumberObject(90)


@pytest.mark.parametrize("tamper", [change, remove, add_directly, add_by_reference, change_the_page])
@pytest.mark.parametrize("and_sign", [False, True])
def test_nothing_else_slips_in_with_a_new_field(
    tamper: Callable[[generic.ArrayObject, IncrementalPdfFileWriter], None], and_sign: bool
) -> None:
    signed = sign_in_process(with_annotations(DOCUMENTS["direct and by reference"]))
    writer = IncrementalPdfFileWriter(io.BytesIO(signed))
    tamper(page_annotations(writer), writer)
    out = io.BytesIO()
    writer.write(out)
    tampered = out.getvalue()
    assert not judged(signed_by_others(tampered, "Cover") if and_sign else tampered)
