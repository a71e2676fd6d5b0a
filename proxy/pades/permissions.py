"""What the signatures already in a document still allow (engine process): ISO 32000-2, 12.8.2.2 (DocMDP), 12.8.2.4 (FieldMDP).

Enforced before a digest leaves. The rules are read from the dictionaries themselves, so that a signature whose CMS cannot be
parsed still locks what it locks; a rule that cannot be read refuses, it does not permit.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import FieldMDPSpec, enumerate_sig_fields

from proxy.errors import FieldLocked, MDPLocked, MDPNotFirst
from proxy.pades.appearance.pages import pages
from proxy.pades.objects import entry

NO_CHANGES = 1
SIGNATURES_EXIST = 1
MOST_LEVELS = 32
MOST_PAGES = 5_000
"""Pages that are looked at for signatures outside the form."""


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
    for _, parameters in transforms(entry(entry(reader.root, "/Perms"), "/DocMDP")):
        _refuse_no_changes(parameters)
    for field, signature in _locking(reader):
        for method, parameters in transforms(signature):
            if method in {"/DocMDP", "/FieldMDP"}:
                _refuse_no_changes(parameters)
            if method == "/FieldMDP" and field_name is not None:
                _refuse_locked_field(parameters, field_name)
        lock = entry(field, "/Lock")
        if lock is not None:
            _refuse_no_changes(lock)
            if field_name is not None:
                _refuse_locked_field(lock, field_name)


def _locking(reader: PdfFileReader) -> Iterator[tuple[generic.DictionaryObject, generic.DictionaryObject]]:
    """Every signature that could lock something, with its field: also those that pyHanko does not count as fields.

    Fields without a name, and fields written directly into an array, are found with the form. Widgets that only a page lists
    are looked for where the form says that the document is signed (``/SigFlags``, ISO 32000-2, table 225): to read every page
    of every document for them would cost more than all else.
    """
    form = entry(reader.root, "/AcroForm")
    yield from _filled(entry(form, "/Fields"), None, 0)
    flags = entry(form, "/SigFlags")
    if isinstance(flags, int) and flags & SIGNATURES_EXIST:
        for page in islice(pages(reader), MOST_PAGES):
            yield from _filled(entry(page.nodes[0], "/Annots"), None, MOST_LEVELS)


def _filled(
    nodes: object, inherited: object, level: int
) -> Iterator[tuple[generic.DictionaryObject, generic.DictionaryObject]]:
    for item in nodes if isinstance(nodes, generic.ArrayObject) else ():
        node = item.get_object()
        if not isinstance(node, generic.DictionaryObject):
            continue
        kind = entry(node, "/FT") or entry(entry(node, "/Parent"), "/FT") or inherited
        value = entry(node, "/V") or entry(entry(node, "/Parent"), "/V")
        if kind == "/Sig" and isinstance(value, generic.DictionaryObject):
            yield node, value
        if level < MOST_LEVELS:
            yield from _filled(entry(node, "/Kids"), kind, level + 1)


def is_certification(signature: object) -> bool:
    """Whether a signature dictionary is a certification's (ISO 32000-2, 12.8.2.2)."""
    return any(method == "/DocMDP" for method, _ in transforms(signature))


def refuse_certification(reader: PdfFileReader) -> None:
    """Refuse to certify a document that is signed, time-stamped or certified already.

    Raises:
        MDPNotFirst: It is.
    """
    if next(_locking(reader), None) is not None or entry(entry(reader.root, "/Perms"), "/DocMDP") is not None:
        raise MDPNotFirst("a certification is a document's first signature, and this one is signed already")


def transforms(signature: object) -> Iterator[tuple[str, Any]]:
    """Method and parameters of every signature reference dictionary (ISO 32000-2, 12.8.1, table 256).

    Raises:
        MDPLocked: One cannot be read.
    """
    references = entry(signature, "/Reference")
    if references is None:
        return
    for item in references if isinstance(references, generic.ArrayObject) else [references]:
        reference = item.get_object()
        if not isinstance(reference, generic.DictionaryObject):
            raise MDPLocked("the rules of an earlier signature cannot be read, so they cannot be kept")
        yield entry(reference, "/TransformMethod"), entry(reference, "/TransformParams")


def _refuse_no_changes(parameters: object) -> None:
    level = entry(parameters, "/P")
    if level is not None and (isinstance(level, bool) or not isinstance(level, int | float)):
        raise MDPLocked("the permissions of an earlier signature cannot be read, so they cannot be kept")
    if level == NO_CHANGES:
        raise MDPLocked("the document is certified or locked against any change (DocMDP P=1)")


def _refuse_locked_field(parameters: object, field_name: str) -> None:
    try:
        locked = FieldMDPSpec.from_pdf_object(_without_references(parameters)).is_locked(field_name)
    except (KeyError, TypeError, ValueError, PdfReadError) as error:
        raise FieldLocked("a field lock in the document cannot be read, so it cannot be kept") from error
    if locked:
        raise FieldLocked(f"an earlier signature locks the field {field_name!r}")


def _without_references(parameters: Any) -> dict[str, Any]:
    names = entry(parameters, "/Fields")
    resolved = {key: entry(parameters, key) for key in parameters}
    if isinstance(names, generic.ArrayObject):
        resolved["/Fields"] = [item.get_object() for item in names]
    return resolved
