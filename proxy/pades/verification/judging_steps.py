"""Judge what a revision changed, object by object (engine process): ISO 32000-2, 12.8.2.2.

Everything is forbidden but what is named here. An object that a revision replaces has a role: what it is, and where others
refer to it, all of them. Each role has entries that may change, and says how much of a change that is. What has no such role,
or is referred to from somewhere else as well, may not change: it would change something else too.
"""

from collections.abc import Callable

from pyhanko.pdf_utils import generic

from proxy.pades.objects import entry
from proxy.pades.verification.comparing import Path, differing_keys, same, value
from proxy.pades.verification.covering import judge_covering
from proxy.pades.verification.form import SIGNATURE
from proxy.pades.verification.form_changes import (
    are_plain,
    judge_field,
    judge_fields_array,
    judge_form,
    judge_hierarchy,
    only_adds,
    only_adds_defaults,
)
from proxy.pades.verification.page_changes import (
    is_annotation,
    is_annotations_array,
    is_page,
    judge_annotation,
    judge_annotations,
    judge_page,
)
from proxy.pades.verification.step import TRAILER, Step, StepChanges, Use
from proxy.pades.verification.values import ModificationLevel

_LTV = ModificationLevel.LTV_UPDATES

_LEFT_ALONE = frozenset({"/Extensions", "/Version", "/MarkInfo", "/Metadata"})
"""Entries of the catalog that show nothing, and that signing software writes anew."""

_STATES = ("/N", "/R", "/D")
_STORE = "/DSS"
_LEVELS_OF_STORE = 4
"""Objects from the catalog to the innermost array of a security store, at most."""

_FORM = "/AcroForm"


def judge_step(step: Step) -> StepChanges:
    """Judge a revision: each object, and then what all of it together lies over.

    Raises:
        PdfError and others: An object that it changed cannot be read.
    """
    _judge_trailer(step)
    judge_hierarchy(step)
    for number in sorted(step.changed):
        if step.is_new(number):
            _judge_new(step, number)
        elif step.new.place(number) is None:
            _judge_removed(step, number)
        else:
            _judge_replaced(step, number)
    judge_covering(step)
    return step.changes


def _judge_trailer(step: Step) -> None:
    old, new = step.old.trailer_view, step.new.trailer_view
    if not same(value(old, "/Encrypt"), value(new, "/Encrypt")):
        step.changes.forbid("CATALOG_CHANGED", step.new.root_ref.idnum)
    former, root = step.old.root_ref.idnum, step.new.root_ref.idnum
    if former == root and root not in step.changed:
        return
    if former != root and not step.is_new(root):
        # An object that lay there when the document was signed was no catalog then.
        step.changes.forbid("CATALOG_CHANGED", root)
        return
    before, after = step.old.object(former), step.new.object(root)
    if not isinstance(before, generic.DictionaryObject) or not isinstance(after, generic.DictionaryObject):
        step.changes.forbid("CATALOG_CHANGED", root)
        return
    for key in differing_keys(before, after):
        if key == _FORM:
            judge_form(step, entry(before, key), entry(after, key), root)
        elif key in _LEFT_ALONE or (key == _STORE and isinstance(entry(after, key), generic.DictionaryObject)):
            step.changes.note(_LTV)
        else:
            step.changes.forbid("CATALOG_CHANGED", root)


def _judge_new(step: Step, number: int) -> None:
    """A new object is harmless until something leads to it: what did so before it was there shows something else now."""
    if step.unchanged_referrers(number):
        step.changes.forbid("OBJECT_FILLED_IN", number)


def _judge_removed(step: Step, number: int) -> None:
    if step.is_referred_to(number):
        step.changes.forbid("OBJECT_REMOVED", number)


def _judge_replaced(step: Step, number: int) -> None:
    old, new = step.versions(number)
    if number == step.old.root_ref.idnum or same(old, new) or not step.is_referred_to(number):
        return
    if isinstance(old, generic.StreamObject) and entry(old, "/Type") in {"/ObjStm", "/XRef"}:
        step.changes.forbid("OBJECT_CHANGED", number)
    elif number in step.old_fields:
        judge_field(step, number)
    elif is_page(old) and isinstance(old, generic.DictionaryObject):
        judge_page(step, number, old, new)
    else:
        uses = step.uses(number)
        if not any(judge(step, number, uses, old, new) for judge in _ROLES):
            step.changes.forbid("OBJECT_CHANGED", number)


_Role = Callable[[Step, int, list[Use], generic.PdfObject, generic.PdfObject], bool]
"""Judges an object if it has a certain role, and says whether it has."""


def _as_form(step: Step, number: int, uses: list[Use], old: generic.PdfObject, new: generic.PdfObject) -> bool:
    if uses != [(step.old.root_ref.idnum, (_FORM,))]:
        return False
    judge_form(step, old, new, number)
    return True


def _form_entry(step: Step, uses: list[Use], key: str) -> bool:
    """Whether an object is this entry of the form, and nothing else."""
    root = step.old.root
    form = value(root, _FORM)
    in_form = (form.idnum, (key,)) if isinstance(form, generic.IndirectObject) else (step.old.root_ref.idnum, (_FORM, key))
    return uses == [in_form]


def _as_fields_array(step: Step, number: int, uses: list[Use], old: generic.PdfObject, new: generic.PdfObject) -> bool:
    if not _form_entry(step, uses, "/Fields"):
        return False
    judge_fields_array(step, old, new, number)
    return True


def _as_form_resources(step: Step, number: int, uses: list[Use], old: generic.PdfObject, new: generic.PdfObject) -> bool:
    """The form's default resources, or a dictionary of one kind of them: they may grow."""
    del number
    if any(isinstance(item, generic.StreamObject) for item in (old, new)):
        return False
    keys = {_key_in_resources(step, *use) for use in uses}
    key = keys.pop() if len(keys) == 1 else None
    match key:
        case None:
            return False
        case "":
            permitted = only_adds_defaults(old, new)
        case "/XObject":
            permitted = are_plain(new)
        case _:
            permitted = only_adds(old, new, levels=1)
    if permitted:
        step.changes.note(ModificationLevel.FORM_FILLING, content=False)
    return permitted


def _key_in_resources(step: Step, user: int, path: Path) -> str | None:
    """The kind of the form's default resources that a place holds; empty for all kinds, ``None`` for any other place."""
    form = value(step.old.root, _FORM)
    resources = value(entry(step.old.root, _FORM), "/DR")
    places: list[Use] = [(step.old.root_ref.idnum, (_FORM, "/DR"))]
    if isinstance(form, generic.IndirectObject):
        places.append((form.idnum, ("/DR",)))
    if (user, path) in places:
        return ""
    if isinstance(resources, generic.IndirectObject):
        places.append((resources.idnum, ()))
    return str(path[-1]) if (user, path[:-1]) in places else None


def _as_annotations(step: Step, number: int, uses: list[Use], old: generic.PdfObject, new: generic.PdfObject) -> bool:
    if not isinstance(old, generic.ArrayObject) or not is_annotations_array(step, uses):
        return False
    judge_annotations(step, number, old, new)
    return True


def _as_annotation(step: Step, number: int, uses: list[Use], old: generic.PdfObject, new: generic.PdfObject) -> bool:
    if not is_annotation(step, uses):
        return False
    judge_annotation(step, number, old, new)
    return True


def _as_appearance(step: Step, number: int, uses: list[Use], old: generic.PdfObject, new: generic.PdfObject) -> bool:
    """What shows one field or one annotation, written anew in its place: a stream, or the dictionary of its states."""
    del old, new
    owners = {_owner(step, user, path) for user, path in uses}
    owner = owners.pop() if len(owners) == 1 else None
    if owner is None:
        return False
    field = step.old_fields.get(owner)
    if field is None:
        if not is_annotation(step, step.uses(owner)):
            return False
        step.changes.note(ModificationLevel.ANNOTATIONS)
        step.changes.shown.add(owner)
    elif step.signed_part(field):
        step.changes.forbid("SIGNED_FIELD_CHANGED", number)
    else:
        step.changes.note(ModificationLevel.FORM_FILLING, content=field.kind != SIGNATURE)
        step.changes.fields.add(field.name)
        step.changes.shown.add(owner)
    return True


def _owner(step: Step, user: int, path: tuple[str | int, ...]) -> int | None:
    """The field or annotation whose appearance is used so."""
    if user == TRAILER:
        return None
    if path[:1] == ("/AP",) and len(path) <= 3:
        return user
    if path[0] not in _STATES or len(path) > 2:
        return None
    # In a dictionary of states that is an object of its own.
    uses = step.uses(user)
    return uses[0][0] if len(uses) == 1 and uses[0][1] == ("/AP",) else None


def _as_value(step: Step, number: int, uses: list[Use], old: generic.PdfObject, new: generic.PdfObject) -> bool:
    """The value of one field, as an object of its own."""
    del old, new
    field = step.old_fields.get(uses[0][0]) if len(uses) == 1 and uses[0][1] in {("/V",), ("/RV",)} else None
    if field is None:
        return False
    if step.signed_part(field):
        step.changes.forbid("SIGNED_FIELD_CHANGED", number)
    else:
        step.changes.note(ModificationLevel.FORM_FILLING)
        step.changes.fields.add(field.name)
    return True


def _as_validation_data(step: Step, number: int, uses: list[Use], old: generic.PdfObject, new: generic.PdfObject) -> bool:
    """The security store, or one of its arrays or entries (12.8.4.3). Its streams stay as they are."""
    del number
    if any(isinstance(item, generic.StreamObject) for item in (old, new)) or not uses:
        return False
    if not all(_in_store(step, user, path) for user, path in uses):
        return False
    step.changes.note(_LTV)
    return True


def _in_store(step: Step, user: int, path: tuple[str | int, ...]) -> bool:
    """Whether a place is one where the security store has its dictionaries and arrays: by the whole way from the catalog."""
    for _ in range(_LEVELS_OF_STORE):
        if user == step.old.root_ref.idnum:
            return _is_place_in_store(path)
        # Whatever else refers to what holds the place makes it more than a part of the store.
        holders = step.uses(user)
        if len(holders) != 1:
            return False
        user, path = holders[0][0], (*holders[0][1], *path)
    return False


def _is_place_in_store(path: tuple[str | int, ...]) -> bool:
    match path:
        case ("/DSS",) | ("/DSS", "/Certs" | "/OCSPs" | "/CRLs" | "/VRI"):
            return True
        case ("/DSS", "/VRI", _) | ("/DSS", "/VRI", _, "/Cert" | "/OCSP" | "/CRL"):
            return True
        case _:
            return False


def _as_metadata(step: Step, number: int, uses: list[Use], old: generic.PdfObject, new: generic.PdfObject) -> bool:
    """What is said about the document and not shown by it: ``/Info``, XMP, extensions."""
    del number, old, new
    root = step.old.root_ref.idnum
    if not uses or not all(
        path == ("/Info",) if user == TRAILER else user == root and path[0] in _LEFT_ALONE for user, path in uses
    ):
        return False
    step.changes.note(_LTV)
    return True


_ROLES: tuple[_Role, ...] = (
    _as_form,
    _as_fields_array,
    _as_form_resources,
    _as_annotations,
    _as_annotation,
    _as_appearance,
    _as_value,
    _as_validation_data,
    _as_metadata,
)
