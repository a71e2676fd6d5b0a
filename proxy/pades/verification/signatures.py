"""Find every signature of a document (engine process): ISO 32000-2, 12.7.5.5, 12.8.1, 12.8.2.

In the fields of the form; in widgets that only a page lists; under ``/Perms``; and dictionaries that nothing in the newest
revision leads to: a signature that was taken out, or was put there to be found. Whose they are is not asked here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pyhanko.pdf_utils import generic

from proxy.pades.objects import entry
from proxy.pades.scanning import Data, contains
from proxy.pades.verification.form import SIGNATURE, Field, fields, text_of
from proxy.pades.verification.history import History, Place, View
from proxy.pades.verification.inventory import Inventory, Span

_BYTE_RANGE = b"/ByteRange"
_PERMISSIONS = ("/DocMDP", "/UR3", "/UR")

_MOST_VIEWS = 32
"""Revisions in which the field of a signature is looked for that is in none any more."""


@dataclass(frozen=True, slots=True)
class FoundSignature:
    """A signature dictionary.

    Attributes:
        dictionary: As it is in the newest revision that has this version of it.
        number: Of the object that it is, or in which it stands.
        place: Where that object is.
        field: The field that it is the value of, or was; ``None`` without one.
        live: Whether it is part of the newest revision.
        usage_rights: It permits a reader to do something (``/UR3``), and signs nothing.
    """

    dictionary: generic.DictionaryObject
    number: int
    place: Place
    field: Field | None
    live: bool = True
    usage_rights: bool = False


def looks_signed(stream: BinaryIO) -> bool:
    """Whether there is anything in a document that could be a signature dictionary."""
    return contains(stream, _BYTE_RANGE)


def find_live(history: History) -> Iterator[FoundSignature]:
    """The signatures in the form's fields and under ``/Perms``.

    Raises:
        InvalidDocument: The form has more fields than are looked at.
    """
    view = history.view(history.last)
    seen: set[int] = set()
    for field in fields(view):
        if field.signature is not None:
            number = _holder(field.dictionary, "/V", field.number)
            place = None if number is None else view.place(number)
            if number is not None and place is not None and number not in seen:
                seen.add(number)
                yield FoundSignature(field.signature, number, place, field)
    permissions = entry(view.root, "/Perms")
    for key in _PERMISSIONS:
        dictionary = entry(permissions, key)
        if isinstance(dictionary, generic.DictionaryObject):
            number = _holder(permissions, key, None)
            place = None if number is None else view.place(number)
            if number is not None and place is not None and number not in seen:
                seen.add(number)
                yield FoundSignature(dictionary, number, place, None, usage_rights=key != "/DocMDP")


def stray_spans(data: Data, inventory: Inventory, live: Iterable[FoundSignature]) -> list[Span]:
    """Objects that look like signature dictionaries, and are none of those in the newest revision's form."""
    known = {(found.number, found.place) for found in live}
    return [
        span
        for span in inventory.spans
        if data.find(_BYTE_RANGE, span.text_start, span.text_end) >= 0 and (span.number, span.place) not in known
    ]


def find_stray(history: History, span: Span, referrers: Iterable[int]) -> FoundSignature | None:
    """The signature that an object is which no field of the newest revision's form leads to.

    Args:
        history: Of the document.
        span: One of :func:`stray_spans`.
        referrers: Numbers of the objects that refer to it in the newest revision.
    """
    newest = next((at for at in range(history.last, -1, -1) if history.place(span.number, at) == span.place), None)
    if newest is None:
        return None
    dictionary = history.view(newest).object(span.number)
    if not isinstance(dictionary, generic.DictionaryObject) or "/ByteRange" not in dictionary:
        return None
    if newest == history.last:
        view = history.view(newest)
        widget = next((found for holder in referrers for found in _widget(view, holder, span.number)), None)
        if widget is not None:
            return FoundSignature(dictionary, span.number, span.place, widget)
    return FoundSignature(dictionary, span.number, span.place, _former_field(history, span.number, newest), live=False)


def _holder(dictionary: generic.DictionaryObject, key: str, own: int | None) -> int | None:
    """Number of the object that the value of ``key`` is, or where it is written directly, that holds it."""
    raw = dictionary.raw_get(key)
    return raw.idnum if isinstance(raw, generic.IndirectObject) else own


def _widget(view: View, holder: int, number: int) -> Iterator[Field]:
    """The field that only a page lists, if the object ``holder`` is one with that value."""
    dictionary = view.object(holder)
    if not isinstance(dictionary, generic.DictionaryObject) or "/V" not in dictionary:
        return
    parent = entry(dictionary, "/Parent")
    kind = entry(dictionary, "/FT") or entry(parent, "/FT")
    if _holder(dictionary, "/V", None) == number and kind == SIGNATURE:
        name = entry(dictionary, "/T") or entry(parent, "/T") or ""
        yield Field(text_of(name), SIGNATURE, dictionary, holder, named=True, parent=None)


def _former_field(history: History, number: int, newest: int) -> Field | None:
    """The field that a signature was in, in the newest revision where it was in one."""
    for revision in range(newest, max(newest - _MOST_VIEWS, -1), -1):
        for field in fields(history.view(revision)):
            if field.signature is not None and _holder(field.dictionary, "/V", field.number) == number:
                return field
    return None
