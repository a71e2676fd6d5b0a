"""What a signature permits after it, and whether what was changed is within that (engine process).

ISO 32000-2, 12.8.2.2 (DocMDP), 12.8.2.4 (FieldMDP), 12.7.5.5 (field locks). The rules are read from the revision that was
signed: a later one cannot loosen them. A rule that cannot be read permits nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.sign.fields import FieldMDPSpec

from proxy.errors import MDPLocked
from proxy.model import Finding
from proxy.pades.objects import entry
from proxy.pades.permissions import transforms
from proxy.pades.verification.findings import doubt, failure, remark
from proxy.pades.verification.form import text_of
from proxy.pades.verification.step import StepChanges
from proxy.pades.verification.values import ModificationLevel

_PERMITTED = {1: ModificationLevel.LTV_UPDATES, 2: ModificationLevel.FORM_FILLING, 3: ModificationLevel.ANNOTATIONS}

_UNRESTRICTED = ModificationLevel.ANNOTATIONS
"""What a signature permits that says nothing of it: what viewers call permitted after an approval signature."""

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Rules:
    """What one signature permits.

    Attributes:
        level: DocMDP's P (1, 2 or 3); ``None`` where the signature says nothing.
        locks: Which fields may not be filled in any more.
        certifies: Whether it is a certification.
        readable: Whether all of its rules could be read.
    """

    level: int | None
    locks: tuple[FieldMDPSpec, ...]
    certifies: bool
    readable: bool = True

    @property
    def permitted(self) -> ModificationLevel:
        """The most that may be changed."""
        if not self.readable:
            return ModificationLevel.NONE
        return _UNRESTRICTED if self.level is None else _PERMITTED[self.level]


def read_rules(signature: object, field: object) -> Rules:
    """The rules of a signature dictionary and the field it is in, both as of the signed revision."""
    levels: list[int] = []
    locks: list[FieldMDPSpec] = []
    certifies = False
    try:
        for method, parameters in transforms(signature):
            certifies |= method == "/DocMDP"
            # Without a level a certification permits filling in forms (table 257).
            levels.extend(_level(parameters, 2 if method == "/DocMDP" else None))
            if method == "/FieldMDP":
                locks.append(_lock(parameters))
        lock = entry(field, "/Lock")
        if lock is not None:
            levels.extend(_level(lock, None))
            locks.append(_lock(lock))
    except (MDPLocked, PdfReadError, KeyError, TypeError, ValueError):
        return Rules(None, (), certifies, readable=False)
    return Rules(min(levels, default=None), tuple(locks), certifies)


def _level(parameters: object, default: int | None) -> Iterator[int]:
    stated = entry(parameters, "/P")
    level = default if stated is None else stated
    if level is not None:
        if isinstance(level, bool) or not isinstance(level, int) or level not in _PERMITTED:
            raise ValueError("permissions that are none")
        yield int(level)


def _lock(parameters: object) -> FieldMDPSpec:
    if not isinstance(parameters, generic.DictionaryObject):
        raise TypeError("a lock that is none")
    names = entry(parameters, "/Fields")
    resolved = {key: entry(parameters, key) for key in parameters}
    if isinstance(names, generic.ArrayObject):
        resolved["/Fields"] = [text_of(item.get_object()) for item in names.iterate()]
    return FieldMDPSpec.from_pdf_object(resolved)


def level_of(steps: Iterable[StepChanges]) -> ModificationLevel:
    """The most that some revisions changed."""
    return max((step.level for step in steps), key=lambda level: level.rank, default=ModificationLevel.NONE)


def hold_against(rules: Rules, steps: Sequence[StepChanges]) -> Iterator[Finding]:
    """What of the revisions after a signature its rules do not permit; and what they do, and people will see.

    Args:
        rules: The signature's.
        steps: What each revision after the signed one changed.
    """
    level = level_of(steps)
    forbidden = {code: number for step in steps for code, number in step.forbidden.items()}
    if forbidden:
        for code, number in list(forbidden.items())[:_MOST_NAMED]:
            yield failure(code, object=str(number))
        return
    if level.rank > rules.permitted.rank:
        if rules.readable:
            yield failure("CHANGES_NOT_PERMITTED", level=level, permitted=str(rules.level))
        else:
            yield failure("RULES_UNREADABLE")
        return
    locked = sorted({name for step in steps for name in step.fields if any(lock.is_locked(name) for lock in rules.locks)})
    if locked:
        yield failure("LOCKED_FIELD_CHANGED", fields=", ".join(locked[:_MOST_NAMED]))
    elif rules.level in {1, 2} and any(step.visible_field for step in steps):
        yield failure("VISIBLE_FIELD_ADDED")
    else:
        covered = sorted({name for step in steps for name in step.covered_fields})
        if covered:
            yield doubt("FIELD_COVERED", fields=", ".join(covered[:_MOST_NAMED]))
        covering = next((step.covered_page for step in steps if step.covered_page is not None), None)
        if covering is not None:
            yield doubt("PAGE_COVERED", object=str(covering))
        if level.rank > ModificationLevel.LTV_UPDATES.rank:
            yield remark("CHANGED_AS_PERMITTED", level=level)
