"""What may be changed on pages after a signature: annotations (engine process), ISO 32000-2, 12.5, 12.8.2.2.

The widgets of new signature fields may come onto pages. Other annotations may come, go and change where the signature permits
that (DocMDP P=3, and signatures that say nothing of it). What a page shows itself may not change.
"""

from pyhanko.pdf_utils import generic

from proxy.pades.objects import entry
from proxy.pades.verification.comparing import Path, differing_keys, is_visible, same
from proxy.pades.verification.form import SIGNATURE
from proxy.pades.verification.step import TRAILER, Step, Use
from proxy.pades.verification.values import ModificationLevel

ANNOTATIONS = "/Annots"

_WIDGET = "/Widget"
_FROM_OTHERS = frozenset({"/Popup", "/Parent", "/IRT"})
"""Keys by which another annotation refers to one (tables 172, 173, 186)."""

_COMMENTS = frozenset(
    {
        *("/Text", "/Link", "/FreeText", "/Line", "/Square", "/Circle", "/Polygon", "/PolyLine", "/Highlight", "/Underline"),
        *("/Squiggly", "/StrikeOut", "/Caret", "/Stamp", "/Ink", "/Popup", "/FileAttachment", "/Redact", "/Sound"),
    }
)
"""What a person adds who comments on a document (table 171). Not films, three dimensions, watermarks and printer's marks."""

_ACTS = ("/A", "/AA", "/PA")
_FOLLOWED = ("/URI", "/GoTo")
"""Actions that only lead somewhere (12.6.4)."""

_ANNOTATED = ModificationLevel.ANNOTATIONS


def is_page(item: generic.PdfObject) -> bool:
    """Whether an object is a page."""
    return isinstance(item, generic.DictionaryObject) and entry(item, "/Type") == "/Page"


def judge_page(step: Step, number: int, old: generic.DictionaryObject, new: generic.PdfObject) -> None:
    """Judge a page that was written anew."""
    if not isinstance(new, generic.DictionaryObject) or isinstance(new, generic.StreamObject):
        step.changes.forbid("PAGE_CHANGED", number)
        return
    for key in differing_keys(old, new):
        if key == ANNOTATIONS:
            judge_annotations(step, number, entry(old, key), entry(new, key))
        else:
            step.changes.forbid("PAGE_CHANGED", number)


def judge_annotations(step: Step, number: int, old: object, new: object) -> None:
    """Judge the annotations of a page, those of the object with ``number``: what came, and what went."""
    before = list(old.iterate()) if isinstance(old, generic.ArrayObject) else []
    if new is not None and not isinstance(new, generic.ArrayObject):
        step.changes.forbid("PAGE_CHANGED", number)
        return
    after = list(new.iterate()) if isinstance(new, generic.ArrayObject) else []
    identity = _Identity()
    was, now = [identity.of(item) for item in before], [identity.of(item) for item in after]
    kept, known = set(now), set(was)
    for item, key in zip(before, was, strict=True):
        if key not in kept:
            if _subtype(item) in {None, _WIDGET}:
                step.changes.forbid("FIELD_REMOVED", number)
            step.changes.note(_ANNOTATED)
    for item, key in zip(after, now, strict=True):
        if key not in known:
            _judge_added(step, number, item)
    if [key for key in was if key in kept] != [key for key in now if key in known]:
        # Which of them lies over which others is what changed.
        step.changes.note(_ANNOTATED)


class _Identity:
    """Which items of two arrays are the same: references by their numbers, others by what is written."""

    def __init__(self) -> None:
        self._written: list[generic.PdfObject] = []

    def of(self, item: generic.PdfObject) -> tuple[int, int]:
        if isinstance(item, generic.IndirectObject):
            return item.idnum, item.generation
        index = next((index for index, known in enumerate(self._written) if same(known, item)), len(self._written))
        if index == len(self._written):
            self._written.append(item)
        return -1, index


def _judge_added(step: Step, number: int, item: generic.PdfObject) -> None:
    annotation = item.get_object()
    subtype = _subtype(item)
    if subtype is None or not isinstance(annotation, generic.DictionaryObject):
        step.changes.forbid("PAGE_CHANGED", number)
    elif subtype != _WIDGET:
        _judge_comment(step, item.idnum if isinstance(item, generic.IndirectObject) else number, annotation)
    else:
        field = step.new_fields.get(item.idnum) if isinstance(item, generic.IndirectObject) else None
        if field is None or field.kind != SIGNATURE:
            step.changes.forbid("FIELD_ADDED", number)
        elif is_visible(annotation):
            if field.number is not None:
                step.changes.shown.add(field.number)
            step.changes.note(ModificationLevel.FORM_FILLING, content=False)
            step.changes.visible_field = True
            step.changes.fields.add(field.name)
        else:
            step.changes.note(ModificationLevel.LTV_UPDATES)


def _subtype(item: generic.PdfObject) -> str | None:
    """The kind of an annotation; a field that is its own widget need not say it."""
    annotation = item.get_object()
    if isinstance(annotation, generic.StreamObject) or not isinstance(annotation, generic.DictionaryObject):
        return None
    kind = entry(annotation, "/Subtype")
    if kind is None and (entry(annotation, "/FT") is not None or entry(annotation, "/Parent") is not None):
        return _WIDGET
    return None if kind is None else str(kind)


def is_annotations_array(step: Step, uses: list[Use]) -> bool:
    """Whether an array that is used so is the annotations of a page and nothing else."""
    return bool(uses) and all(
        user != TRAILER and path == (ANNOTATIONS,) and is_page(step.old.object(user)) for user, path in uses
    )


def is_annotation(step: Step, uses: list[Use]) -> bool:
    """Whether an object that is used so is an annotation and nothing else."""
    on_a_page = False
    for user, path in uses:
        if user == TRAILER:
            return False
        if path[-2:-1] == (ANNOTATIONS,) and len(path) == 2:
            on_a_page |= is_page(step.old.object(user))
        elif len(path) == 1 and isinstance(path[0], int):
            if not is_annotations_array(step, step.uses(user)):
                return False
            on_a_page = True
        elif not (len(path) == 1 and path[0] in _FROM_OTHERS) and not _is_in_structure(step.old.object(user), path):
            return False
    return on_a_page


def _is_in_structure(holder: generic.PdfObject, path: Path) -> bool:
    """Whether a place is an object reference of the structure tree (14.7.5.3, table 358)."""
    for key in path[:-1]:
        known = isinstance(holder, generic.DictionaryObject if isinstance(key, str) else generic.ArrayObject)
        holder = holder.raw_get(key).get_object() if known else generic.NullObject()  # type: ignore[attr-defined]  # of both
    return path[-1] == "/Obj" and entry(holder, "/Type") == "/OBJR"


def judge_annotation(step: Step, number: int, old: generic.PdfObject, new: generic.PdfObject) -> None:
    """Judge an annotation that is no field's widget and was written anew."""
    before, after = _subtype(old), _subtype(new)
    if before in {None, _WIDGET} or after != before:
        step.changes.forbid("ANNOTATION_CHANGED", number)
    else:
        _judge_comment(step, number, new)


def _judge_comment(step: Step, number: int, annotation: generic.PdfObject) -> None:
    """Judge an annotation that came or was changed. Nothing may come that acts by itself, or does more than lead somewhere."""
    step.changes.note(_ANNOTATED)
    step.changes.shown.add(number)
    if entry(annotation, "/Subtype") not in _COMMENTS:
        step.changes.forbid("ANNOTATION_CHANGED", number)
    for key in _ACTS:
        action = entry(annotation, key)
        if action is not None and (key != "/A" or entry(action, "/S") not in _FOLLOWED or entry(action, "/Next") is not None):
            step.changes.forbid("ANNOTATION_ACTS", number)
