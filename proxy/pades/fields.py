"""Which signature field a request means, and whether it may be used (engine process): ISO 32000-2, 12.7.5.5."""

from collections.abc import Iterator

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields

from proxy.errors import FieldExists, FieldNotFound, InvalidParameter
from proxy.pades.objects import entry

DEFAULT_NAME = "Signature"
_MAX_DEPTH = 64


def choose_field(
    reader: PdfFileReader, asked: str | None, *, existing_only: bool
) -> tuple[str, generic.DictionaryObject | None]:
    """The field to sign.

    Args:
        reader: The document.
        asked: Fully qualified name, or ``None``.
        existing_only: Whether a field may be made.

    Returns:
        Its fully qualified name, and its dictionary where it exists.

    Raises:
        FieldExists: A field of that name is signed already or is no signature field.
        FieldNotFound: An existing one was wanted and is not there, or several are and none was named.
    """
    if asked is None:
        return _only_empty_field(reader) if existing_only else (free_name(reader, DEFAULT_NAME), None)
    taken = dict(_all_fields(reader))
    if asked in taken:
        return asked, _usable(reader, asked)
    if existing_only:
        raise FieldNotFound(f"the document has no signature field {asked!r}")
    if any(name.startswith(asked + ".") for name in taken):
        raise FieldExists(f"{asked!r} names a group of fields")
    parents = [asked[:index] for index, letter in enumerate(asked) if letter == "."]
    if any("/FT" in taken[parent] or "/Subtype" in taken[parent] for parent in parents if parent in taken):
        raise FieldExists(f"a part of {asked!r} is a field that can have no kids")
    if any(not part for part in asked.split(".")):
        raise InvalidParameter("a field name has no empty parts", fields={"fieldName": "empty part"})
    return asked, None


def _usable(reader: PdfFileReader, name: str) -> generic.DictionaryObject:
    for found, value, reference in enumerate_sig_fields(reader):
        if found == name:
            if not _is_nothing(value):
                raise FieldExists(f"the signature field {name!r} is signed already")
            return _emptied(reference)
    raise FieldExists(f"the field {name!r} is not a signature field")


def _only_empty_field(reader: PdfFileReader) -> tuple[str, generic.DictionaryObject]:
    empty = [(name, reference) for name, value, reference in enumerate_sig_fields(reader) if _is_nothing(value)]
    if len(empty) != 1:
        raise FieldNotFound(f"the document has {len(empty)} empty signature fields: name the one to sign")
    name, reference = empty[0]
    return str(name), _emptied(reference)


def _is_nothing(value: generic.PdfObject | None) -> bool:
    return value is None or isinstance(value.get_object(), generic.NullObject)


def _emptied(reference: generic.IndirectObject) -> generic.DictionaryObject:
    """The field without a ``/V`` that is null, which is as if it was absent (ISO 32000-2, 7.3.9), but not for pyHanko."""
    field = reference.get_object()
    assert isinstance(field, generic.DictionaryObject)
    field.pop(generic.pdf_name("/V"), None)
    return field


def free_name(reader: PdfFileReader, stem: str) -> str:
    """``stem`` with the lowest number that no field of the form has yet."""
    top_level = {name.split(".")[0] for name, _ in _all_fields(reader)}
    number = 1
    while f"{stem}{number}" in top_level:
        number += 1
    return f"{stem}{number}"


def _all_fields(reader: PdfFileReader) -> Iterator[tuple[str, generic.DictionaryObject]]:
    yield from _below(entry(entry(reader.root, "/AcroForm"), "/Fields"), "", 0)


def _below(kids: object, prefix: str, depth: int) -> Iterator[tuple[str, generic.DictionaryObject]]:
    if not isinstance(kids, generic.ArrayObject) or depth > _MAX_DEPTH:
        return
    for item in kids:
        field = item.get_object()
        if not isinstance(field, generic.DictionaryObject) or "/T" not in field:
            continue
        name = f"{prefix}{field['/T']}"
        yield name, field
        yield from _below(entry(field, "/Kids"), name + ".", depth + 1)
