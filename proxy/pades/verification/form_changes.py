"""What may be changed in a form after a signature (engine process): ISO 32000-2, 12.7, 12.8.2.2, 12.8.2.4.

Values may be filled in, with the appearances that show them; empty signature fields may be signed, and new ones added. Nothing
else: a field that is moved, renamed, taken out or made is another document.
"""

from collections.abc import Iterator

from pyhanko.pdf_utils import generic

from proxy.pades.inspecting import is_document_timestamp
from proxy.pades.objects import entry
from proxy.pades.verification.comparing import differing_keys, is_visible, same, value
from proxy.pades.verification.form import SIGNATURE, Field
from proxy.pades.verification.step import Step
from proxy.pades.verification.values import ModificationLevel

_FILLED_IN = frozenset({"/V", "/AP", "/AS", "/F", "/DA", "/Q", "/I", "/TI", "/RV", "/M"})
"""What changes where a value is filled in (tables 166, 226, 234)."""

_HARMLESS = frozenset({"/Ff", "/Type"})
"""What software writes anew where it touches a field; a type can only be given, not taken."""

_UNSEEN_FLAGS = 0b111
"""Flags of a field that do not change what it shows: read-only, required, not exported (table 227)."""

_OF_A_NEW_FIELD = frozenset(
    {
        *("/Type", "/Subtype", "/FT", "/T", "/TU", "/TM", "/Ff", "/V", "/F", "/Rect", "/P", "/AP", "/AS", "/Parent", "/Kids"),
        *("/Lock", "/SV", "/MK", "/DA", "/Q", "/Border", "/BS", "/NM", "/M", "/DR", "/H", "/StructParent", "/Contents"),
    }
)
"""What a signature field may have that is added to a signed document: nothing that acts (``/A``, ``/AA``)."""

_FORM_FILLING = ModificationLevel.FORM_FILLING
_LTV = ModificationLevel.LTV_UPDATES


def judge_hierarchy(step: Step) -> None:
    """Judge which fields were added and taken out, and those that were added."""
    old, new = step.old_fields, step.new_fields
    if old is new:
        return
    for number in old.keys() - new.keys():
        step.changes.forbid("FIELD_REMOVED", number)
    for number in old.keys() & new.keys():
        before, after = old[number], new[number]
        if (before.name, before.kind, before.parent) != (after.name, after.kind, after.parent):
            step.changes.forbid("FIELD_CHANGED", number)
    for number in new.keys() - old.keys():
        _judge_new(step, number, new[number])


def _judge_new(step: Step, number: int, field: Field) -> None:
    if field.kind != SIGNATURE or not step.is_new(number) or not field.dictionary.keys() <= _OF_A_NEW_FIELD:
        step.changes.forbid("FIELD_ADDED", number)
        return
    if field.parent is not None and field.parent in step.old_fields:
        # A signature field shows in one widget (12.7.5.5); one more shows the signature somewhere else.
        step.changes.forbid("FIELD_ADDED", number)
        return
    visible = is_visible(field.dictionary)
    step.changes.visible_field |= visible
    if visible:
        step.changes.note(_FORM_FILLING, content=False)
        step.changes.shown.add(number)
    _judge_signing(step, number, field, visible=visible)


def _judge_signing(step: Step, number: int, field: Field, *, visible: bool) -> None:
    """Judge what was put into a signature field that had no signature."""
    signature = value(field.dictionary, "/V")
    if signature is None:
        step.changes.note(_LTV)
        if visible:
            step.changes.fields.add(field.name)
        return
    dictionary = signature.get_object()
    if not isinstance(signature, generic.IndirectObject) or not isinstance(dictionary, generic.DictionaryObject):
        step.changes.forbid("FIELD_CHANGED", number)
    elif not step.is_new(signature.idnum):
        # What lay there when the document was signed was no signature of this field.
        step.changes.forbid("SIGNATURE_REUSED", number)
    elif is_document_timestamp(dictionary) and not visible:
        step.changes.note(_LTV)
    else:
        step.changes.note(_FORM_FILLING, content=False)
        step.changes.fields.add(field.name)


def judge_field(step: Step, number: int) -> None:
    """Judge a field or widget that was there and was written anew."""
    before, after = step.old_fields[number], step.new_fields.get(number)
    old, new = before.dictionary, step.new.object(number)
    if after is None or not isinstance(new, generic.DictionaryObject) or isinstance(new, generic.StreamObject):
        step.changes.forbid("FIELD_CHANGED", number)
        return
    keys = differing_keys(old, new)
    if not keys - _HARMLESS and _keeps_type(old, new):
        if keys:
            step.changes.note(_LTV)
        return
    signed = step.signed_part(before)
    if signed or not keys <= _FILLED_IN | _HARMLESS or not _keeps_type(old, new):
        step.changes.forbid("SIGNED_FIELD_CHANGED" if signed else "FIELD_CHANGED", number)
        return
    if is_visible(new):
        step.changes.shown.add(number)
    if before.kind == SIGNATURE:
        if is_visible(new) and not is_visible(old):
            # As if it had been added now: it may have come hidden to be shown later.
            step.changes.visible_field = True
            step.changes.note(_FORM_FILLING)
            step.changes.fields.add(after.name)
        if value(new, "/V") is None and "/AP" in keys:
            step.changes.note(_FORM_FILLING)
            step.changes.fields.add(after.name)
        _judge_signing(step, number, after, visible=is_visible(new))
    else:
        step.changes.note(_FORM_FILLING)
        step.changes.fields.add(after.name)


def _keeps_type(old: generic.DictionaryObject, new: generic.DictionaryObject) -> bool:
    """Whether a field is still one of its kind: its type, and of its flags those that change what it shows."""
    before, after = entry(old, "/Type"), entry(new, "/Type")
    if _flags(old) != _flags(new):
        return False
    return bool(before == after or (before is None and after == "/Annot"))


def _flags(field: generic.DictionaryObject) -> int:
    stated = entry(field, "/Ff")
    return stated & ~_UNSEEN_FLAGS if isinstance(stated, int) else 0


def judge_form(step: Step, old: generic.PdfObject | None, new: generic.PdfObject | None, number: int) -> None:
    """Judge the form's own dictionary.

    Args:
        step: The two revisions.
        old: Before; ``None`` where there was no form.
        new: Afterwards.
        number: Of the object to name.
    """
    before = old if isinstance(old, generic.DictionaryObject) else generic.DictionaryObject()
    if not isinstance(new, generic.DictionaryObject) or isinstance(new, generic.StreamObject):
        step.changes.forbid("FORM_CHANGED", number)
        return
    for key in differing_keys(before, new):
        if key == "/Fields":
            judge_fields_array(step, entry(before, key), entry(new, key), number)
        elif key == "/SigFlags":
            step.changes.note(_LTV)
        elif key in {"/DA", "/Q", "/NeedAppearances"}:
            step.changes.note(_FORM_FILLING)
            # Readers may show all that is filled in by another appearance now.
            step.changes.fields.update(field.name for field in step.old_fields.values() if entry(field.dictionary, "/AP"))
        elif key == "/DR" and only_adds_defaults(entry(before, key), entry(new, key)):
            step.changes.note(_FORM_FILLING, content=False)
        else:
            step.changes.forbid("FORM_CHANGED", number)


def judge_fields_array(step: Step, old: object, new: object, number: int) -> None:
    """Judge the list of the form's fields: it may grow. What was added to it is judged with the hierarchy."""
    kept = list(old.iterate()) if isinstance(old, generic.ArrayObject) else []
    if not isinstance(new, generic.ArrayObject):
        step.changes.forbid("FIELD_REMOVED", number)
        return
    added = list(_added(kept, list(new.iterate())))
    if len(added) != len(new) - len(kept):
        step.changes.forbid("FIELD_REMOVED", number)
    if not all(isinstance(item, generic.IndirectObject) for item in added):
        step.changes.forbid("FIELD_ADDED", number)
    step.changes.note(_LTV)


def _added(old: list[generic.PdfObject], new: list[generic.PdfObject]) -> Iterator[generic.PdfObject]:
    left = list(old)
    for item in new:
        found = next((index for index, former in enumerate(left) if same(former, item)), None)
        if found is None:
            yield item
        else:
            del left[found]


def only_adds_defaults(old: object, new: object) -> bool:
    """Whether the default resources have all that they had but for form XObjects, of which software keeps its newest seal here.

    Variable text, which they are for (12.7.4.3), cannot paint one.
    """
    if not isinstance(old, generic.DictionaryObject) or isinstance(old, generic.StreamObject):
        return old is None and _is_plain(new)
    kept = generic.DictionaryObject({key: old.raw_get(key) for key in old if key != "/XObject"})
    return _is_plain(new) and only_adds(kept, new) and are_plain(entry(new, "/XObject"))


def are_plain(resources: object) -> bool:
    """Whether these are resources of one kind, or none."""
    return resources is None or _is_plain(resources)


def only_adds(old: object, new: object, levels: int = 2) -> bool:
    """Whether resources have all that they had, and at most more.

    Args:
        old: Before; ``None`` where there were none.
        new: Afterwards.
        levels: 2 for resources of all kinds, 1 for those of one kind: what they name stays as it is.
    """
    if old is None:
        return _is_plain(new)
    if not _is_plain(old) or not _is_plain(new):
        return False
    assert isinstance(old, generic.DictionaryObject)
    assert isinstance(new, generic.DictionaryObject)
    return all(
        same(value(old, key), value(new, key)) or (levels > 1 and only_adds(entry(old, key), entry(new, key), levels - 1))
        for key in old
        if value(old, key) is not None
    )


def _is_plain(item: object) -> bool:
    return isinstance(item, generic.DictionaryObject) and not isinstance(item, generic.StreamObject)
