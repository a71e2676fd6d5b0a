"""One revision beside the one before it: what it changed, and who refers to that (engine process)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pyhanko.pdf_utils import generic

from proxy.pades.objects import entry
from proxy.pades.verification.comparing import Path, paths_to
from proxy.pades.verification.form import MOST_LEVELS, Field, fields
from proxy.pades.verification.history import History, View
from proxy.pades.verification.inventory import Referrers
from proxy.pades.verification.values import ModificationLevel

TRAILER = -1
"""Stands for the trailer among the objects that refer to others."""

Use = tuple[int, Path]
"""Where an object is referred to: by which object, and where in it."""


@dataclass(slots=True)
class StepChanges:
    """What a revision changed, as far as it was looked at.

    Attributes:
        level: The most that was changed.
        fields: Names of form fields that were filled in, signed or made, document timestamps aside.
        visible_field: A signature field was added that shows something.
        content: Something changed that is neither a signature nor validation data.
        shown: Numbers of the annotations and widgets that show something else than before, or were not there.
        covered_fields: Names of fields over which something of that lies.
        covered_page: Number of a page that something of that hides for the most part; ``None`` where there is none.
        forbidden: Codes of what no rule permits, each with the number of an object; at most a few.
    """

    level: ModificationLevel = ModificationLevel.NONE
    fields: set[str] = field(default_factory=set)
    visible_field: bool = False
    content: bool = False
    shown: set[int] = field(default_factory=set)
    covered_fields: set[str] = field(default_factory=set)
    covered_page: int | None = None
    forbidden: dict[str, int] = field(default_factory=dict)

    def note(self, level: ModificationLevel, *, content: bool = True) -> None:
        """Something of this level was changed."""
        self.level = max(self.level, level, key=lambda item: item.rank)
        self.content |= content and level.rank > ModificationLevel.LTV_UPDATES.rank

    def forbid(self, code: str, number: int) -> None:
        """Something was changed that no rule permits."""
        self.note(ModificationLevel.OTHER)
        self.forbidden.setdefault(code, number)


class Step:
    """Two revisions.

    Args:
        history: Of the document.
        revision: The later of the two.
        referrers: Who refers to the objects that it changed.
        old_fields: The form's fields in the earlier one, if they are known.

    Attributes:
        changes: What was found so far.
    """

    def __init__(
        self, history: History, revision: int, referrers: Referrers, old_fields: Mapping[int, Field] | None = None
    ) -> None:
        self.history = history
        self.revision = revision
        self.old = history.view(revision - 1)
        self.new = history.view(revision)
        self.changed = history.changed(revision)
        self.changes = StepChanges()
        self._referrers = referrers
        self._old_fields = old_fields

    @cached_property
    def old_fields(self) -> Mapping[int, Field]:
        """The form's fields before, those that are objects, by number."""
        return _by_number(fields(self.old)) if self._old_fields is None else self._old_fields

    @cached_property
    def new_fields(self) -> Mapping[int, Field]:
        """The form's fields afterwards; the same where nothing was changed that makes them up."""
        return _by_number(fields(self.new)) if self.changed & self._form_numbers() else self.old_fields

    def _form_numbers(self) -> set[int]:
        """Numbers of the objects that make up the form's hierarchy."""
        numbers = {self.old.root_ref.idnum, self.new.root_ref.idnum, *self.old_fields}
        for view in (self.old, self.new):
            numbers |= _numbers(view.root, "/AcroForm") | _numbers(entry(view.root, "/AcroForm"), "/Fields")
        for known in self.old_fields.values():
            numbers |= _numbers(known.dictionary, "/Kids")
        return numbers

    def is_new(self, number: int) -> bool:
        """Whether there was no such object before."""
        return self.old.place(number) is None

    def versions(self, number: int) -> tuple[generic.PdfObject, generic.PdfObject]:
        """An object before and afterwards."""
        return self.old.object(number), self.new.object(number)

    def uses(self, number: int) -> list[Use]:
        """Where the earlier revision refers to an object."""
        return list(self._uses(self.old, number))

    def new_uses(self, number: int) -> list[Use]:
        """Where the later revision refers to an object."""
        return list(self._uses(self.new, number))

    def signed_part(self, known: Field) -> bool:
        """Whether a field was signed in the earlier revision, or is part of one that was: its widget, or a kid of that."""
        for _ in range(MOST_LEVELS):
            if known.signature is not None:
                return True
            parent = None if known.parent is None else self.old_fields.get(known.parent)
            if parent is None:
                return False
            known = parent
        return True

    def is_referred_to(self, number: int) -> bool:
        """Whether anything in the later revision refers to an object."""
        # The first will do: a page of a tagged document has thousands.
        return next(self._uses(self.new, number), None) is not None

    def _uses(self, view: View, number: int) -> Iterator[Use]:
        yield from ((TRAILER, path) for path in paths_to(view.trailer_view, number))
        for referrer in self._referrers.of(number, view.revision):
            item = view.object(referrer)
            if not (isinstance(item, generic.StreamObject) and entry(item, "/Type") == "/XRef"):
                # A cross-reference stream refers as the trailer does, and was looked at as that.
                yield from ((referrer, path) for path in paths_to(item, number))

    def unchanged_referrers(self, number: int) -> list[int]:
        """Objects that refer to an object and are as they were."""
        return [
            referrer
            for referrer in self._referrers.of(number, self.revision)
            if referrer not in self.changed and any(paths_to(self.new.object(referrer), number))
        ]


def _by_number(found: Iterable[Field]) -> Mapping[int, Field]:
    return {item.number: item for item in found if item.number is not None}


def _numbers(dictionary: object, key: str) -> set[int]:
    if not isinstance(dictionary, generic.DictionaryObject) or key not in dictionary:
        return set()
    raw = dictionary.raw_get(key)
    return {raw.idnum} if isinstance(raw, generic.IndirectObject) else set()
