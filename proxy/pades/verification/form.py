"""The interactive form as it is in one revision (engine process): ISO 32000-2, 12.7.4.

Read without trust: loops end, fields without a name or written directly into an array are found too, and what is no field is
passed over.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.rw_common import PdfHandler

from proxy.errors import InvalidDocument
from proxy.pades.objects import entry

SIGNATURE = "/Sig"

_MOST_FIELDS = 100_000
MOST_LEVELS = 64
"""Levels of a hierarchy of fields that are looked at."""

_LONGEST_TEXT = 500
"""Characters of a text that are told to people."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field, or a widget of one.

    Attributes:
        name: Fully qualified (12.7.4.2); a widget has its field's.
        kind: Its field type, inherited where it says none; empty where nobody does.
        dictionary: Its own dictionary.
        number: Of its object; ``None`` where it stands in an array itself.
        named: Whether it has a partial name; if not, it is a widget of its parent.
        parent: Number of the object it is a kid of; ``None`` for the form's own fields.
    """

    name: str
    kind: str
    dictionary: generic.DictionaryObject
    number: int | None
    named: bool
    parent: int | None

    @property
    def signature(self) -> generic.DictionaryObject | None:
        """The signature dictionary in a signature field."""
        value = entry(self.dictionary, "/V")
        return value if self.kind == SIGNATURE and isinstance(value, generic.DictionaryObject) else None


def fields(handler: PdfHandler) -> Iterator[Field]:
    """Every field of the form, parents before their kids.

    Raises:
        InvalidDocument: They are more than are looked at.
    """
    seen: set[generic.Reference] = set()
    # Not recursive: a hierarchy may be as deep as it has fields.
    top = entry(entry(handler.root, "/AcroForm"), "/Fields")
    waiting: list[tuple[object, str, str, int | None, int]] = [(top, "", "", None, 0)]
    count = 0
    while waiting:
        kids, prefix, inherited, parent, level = waiting.pop()
        if not isinstance(kids, generic.ArrayObject) or level > MOST_LEVELS:
            continue
        for position in range(len(kids)):
            item = kids.raw_get(position)
            number = item.idnum if isinstance(item, generic.IndirectObject) else None
            if isinstance(item, generic.IndirectObject):
                if item.reference in seen:
                    continue
                seen.add(item.reference)
            dictionary = item.get_object()
            if not isinstance(dictionary, generic.DictionaryObject):
                continue
            count += 1
            if count > _MOST_FIELDS:
                raise InvalidDocument("the PDF has more form fields than are looked at")
            field = _field(dictionary, number, prefix, inherited, parent)
            yield field
            waiting.append((entry(dictionary, "/Kids"), field.name, field.kind, number, level + 1))


def _field(dictionary: generic.DictionaryObject, number: int | None, prefix: str, inherited: str, parent: int | None) -> Field:
    partial = entry(dictionary, "/T")
    kind = entry(dictionary, "/FT")
    name = prefix
    if partial is not None:
        name = f"{prefix}.{text_of(partial)}" if prefix else text_of(partial)
    return Field(name, str(kind) if kind is not None else inherited, dictionary, number, partial is not None, parent)


def text_of(item: object) -> str:
    """A text string as text that can be written anywhere: what is no text is escaped, and far too much cut off."""
    if isinstance(item, generic.ByteStringObject):
        return bytes(item.original_bytes).decode("latin-1")[:_LONGEST_TEXT]
    return str(item).encode("utf-8", "backslashreplace").decode("utf-8")[:_LONGEST_TEXT]
