"""What the signatures already in a document still allow (engine process): ISO 32000-2, 12.8.2.2 (DocMDP), 12.8.2.4 (FieldMDP).

Enforced before a digest leaves. The rules are read from the dictionaries themselves, so that a signature whose CMS cannot be
parsed still locks what it locks; a rule that cannot be read refuses, it does not permit.
"""

from collections.abc import Iterator
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import FieldMDPSpec, enumerate_sig_fields

from proxy.errors import FieldLocked, MDPLocked, MDPNotFirst
from proxy.pades.objects import entry

NO_CHANGES = 1


def signed_fields(reader: PdfFileReader) -> Iterator[tuple[str, generic.DictionaryObject, generic.DictionaryObject]]:
    """Name, field and signature dictionary of every filled signature field, in the form's order."""
    for name, value, reference in enumerate_sig_fields(reader, filled_status=True):
        yield name, reference.get_object(), value.get_object()


def enforce_permissions(reader: PdfFileReader, field_name: str | None) -> None:
    """Refuse an update that an earlier signature forbids.

    Args:
        reader: The document.
        field_name: Fully qualified name of the field that is to be signed, new or existing; ``None`` for validation data and
            document timestamps, which no field lock means (ISO 32000-2, 12.8.2.2.2).

    Raises:
        MDPLocked: A certification, or an approval signature's lock, permits no change at all.
        FieldLocked: A lock covers the field.
    """
    for transform in _certification_transforms(reader):
        _refuse_no_changes(transform)
    for _, field, signature in signed_fields(reader):
        for method, parameters in _transforms(signature):
            _refuse_no_changes(parameters)
            if method == "/FieldMDP" and field_name is not None:
                _refuse_locked_field(parameters, field_name)
        lock = entry(field, "/Lock")
        if lock is not None:
            _refuse_no_changes(lock)
            if field_name is not None:
                _refuse_locked_field(lock, field_name)


def is_certification(signature: object) -> bool:
    """Whether a signature dictionary is a certification's (ISO 32000-2, 12.8.2.2)."""
    return any(method == "/DocMDP" for method, _ in _transforms(signature))


def refuse_certification(reader: PdfFileReader) -> None:
    """Refuse to certify a document that is signed, time-stamped or certified already.

    Raises:
        MDPNotFirst: It is.
    """
    if next(signed_fields(reader), None) is not None or entry(entry(reader.root, "/Perms"), "/DocMDP") is not None:
        raise MDPNotFirst("a certification is a document's first signature, and this one is signed already")


def _certification_transforms(reader: PdfFileReader) -> Iterator[Any]:
    for _, parameters in _transforms(entry(entry(reader.root, "/Perms"), "/DocMDP")):
        yield parameters


def _transforms(signature: object) -> Iterator[tuple[str, Any]]:
    for item in entry(signature, "/Reference") or ():
        reference = item.get_object()
        yield entry(reference, "/TransformMethod"), entry(reference, "/TransformParams")


def _refuse_no_changes(parameters: object) -> None:
    if entry(parameters, "/P") == NO_CHANGES:
        raise MDPLocked("the document is certified or locked against any change (DocMDP P=1)")


def _refuse_locked_field(parameters: object, field_name: str) -> None:
    try:
        locked = FieldMDPSpec.from_pdf_object(parameters).is_locked(field_name)
    except (KeyError, TypeError, ValueError, PdfReadError) as error:
        raise FieldLocked("a field lock in the document cannot be read, so it cannot be kept") from error
    if locked:
        raise FieldLocked(f"an earlier signature locks the field {field_name!r}")
