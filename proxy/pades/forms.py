"""Interactive forms as they are found (engine process): ISO 32000-2, 12.7.

What pyHanko trips over and no reader finds a meaning in is taken out of the form in memory; in the file it stays, as long as
the array it stands in needs no update.
"""

from collections.abc import Callable, Iterator

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.rw_common import PdfHandler

from proxy.errors import InvalidDocument
from proxy.pades.objects import entry

_DYNAMIC = b"dynamicRender>required"
_RENDERED_BY = ("config", "template")


def form_of(handler: PdfHandler) -> generic.DictionaryObject | None:
    """The document's form dictionary."""
    form = entry(handler.root, "/AcroForm")
    return form if isinstance(form, generic.DictionaryObject) else None


def _fields(handler: PdfHandler) -> generic.ArrayObject | None:
    fields = entry(form_of(handler), "/Fields")
    return fields if isinstance(fields, generic.ArrayObject) else None


def _items(array: generic.ArrayObject) -> Iterator[generic.PdfObject]:
    """The items as they stand, references unfollowed."""
    for position in range(len(array)):
        yield array.raw_get(position)


def forget_other_types(handler: PdfHandler) -> None:
    """Take out what stands for the form, or for its fields, and is of another type: readers see nothing there."""
    form = form_of(handler)
    if form is None:
        handler.root.pop(generic.pdf_name("/AcroForm"), None)
    elif _fields(handler) is None:
        form.pop(generic.pdf_name("/Fields"), None)


def cut_circles(handler: PdfHandler) -> None:
    """Take out of the field hierarchy what would lead back up, so that walks down end."""
    fields = _fields(handler)
    if fields is None:
        return
    seen: set[generic.Reference] = set()
    path: set[generic.Reference | None] = set()
    # Not recursive: a hierarchy may be as deep as it has fields. Backwards, since items are taken out.
    stack: list[tuple[generic.ArrayObject, int, generic.Reference | None]] = [(fields, len(fields), None)]
    while stack:
        kids, position, above = stack.pop()
        if not position:
            path.discard(above)
            continue
        position -= 1
        stack.append((kids, position, above))
        item = kids.raw_get(position) if position < len(kids) else None
        if not isinstance(item, generic.IndirectObject):
            continue
        if item.reference in path:
            del kids[position]
        elif item.reference not in seen:
            seen.add(item.reference)
            below = entry(item.get_object(), "/Kids")
            if isinstance(below, generic.ArrayObject):
                path.add(item.reference)
                stack.append((below, len(below), item.reference))


def tidy(handler: PdfHandler, give_number: Callable[[generic.PdfObject], generic.IndirectObject]) -> None:
    """Make the list of fields one that a field can be added to.

    Args:
        handler: The update.
        give_number: Adds an object to the update; for fields that stand in the list themselves.
    """
    fields = _fields(handler)
    if fields is None:
        return
    dictionaries = [item for item in _items(fields) if isinstance(item.get_object(), generic.DictionaryObject)]
    if len(dictionaries) < len(fields) or not all(isinstance(item, generic.IndirectObject) for item in dictionaries):
        fields[:] = [item if isinstance(item, generic.IndirectObject) else give_number(item) for item in dictionaries]


def made_up_appearances(handler: PdfHandler) -> generic.PdfObject | None:
    """``/NeedAppearances`` where it is set and there are fields that are shown by it (12.7.3, table 224)."""
    needed = entry(form_of(handler), "/NeedAppearances")
    if needed is None or not needed:
        return None
    others = [item for item in _items(_fields(handler) or generic.ArrayObject()) if entry(item.get_object(), "/FT") != "/Sig"]
    return generic.BooleanObject(True) if others else None


def refuse_dynamic(handler: PdfHandler) -> None:
    """Refuse a dynamic XFA form (Annex K): what Acrobat makes up at run time and what the pages show are different documents.

    A static one shows its pages, in all readers.

    Raises:
        InvalidDocument: It is one.
    """
    packets = entry(form_of(handler), "/XFA")
    if packets is None or packets == generic.ArrayObject():
        return
    if (
        entry(handler.root, "/NeedsRendering")
        or not _fields(handler)
        or any(_DYNAMIC in text for text in _configuration(packets))
    ):
        raise InvalidDocument("the PDF is a dynamic XFA form: what it shows is not in its pages")


def _configuration(packets: generic.PdfObject) -> Iterator[bytes]:
    """The packets that may say how the form is rendered: all of them where it is one stream."""
    parts = [packets]
    if isinstance(packets, generic.ArrayObject):
        items = [item.get_object() for item in _items(packets)]
        parts = [stream for name, stream in zip(items[::2], items[1::2], strict=False) if name in _RENDERED_BY]
    for part in parts:
        if isinstance(part, generic.StreamObject):
            yield part.read_data(DecodePurpose.XMP_METADATA)
