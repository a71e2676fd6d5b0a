"""Which changes after a signature are permitted at all (engine process): ISO 32000-2, 12.8.2.2, as pyHanko's policy has it.

One thing is judged here instead: how the widget of a new signature field gets onto its page. pyHanko's rule refuses to look
at a page that has an annotation written directly into its ``/Annots`` array, by reference or not being the same there (ISO
32000-2, 12.5.2), and many producers write links so. Such a document could be signed only once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader, RawPdfPath
from pyhanko.sign.diff_analysis import (
    CatalogModificationRule,
    DiffResult,
    DocInfoRule,
    DSSCompareRule,
    FieldComparisonContext,
    FormUpdate,
    FormUpdatingRule,
    GenericFieldModificationRule,
    MetadataUpdateRule,
    ModificationLevel,
    ObjectStreamRule,
    SigFieldCreationRule,
    SigFieldModificationRule,
    StandardDiffPolicy,
    SuspiciousModification,
    XrefStreamRule,
)
from pyhanko.sign.diff_analysis.commons import compare_dicts
from pyhanko.sign.diff_analysis.rules_api import RelativeContext

_ANNOTATIONS = "/Annots"


class NewFieldRule(SigFieldCreationRule):
    """New signature fields may come, and their widgets onto pages; every annotation that was there stays as it was."""

    def __init__(self) -> None:
        super().__init__(approve_widget_bindings=False)  # type: ignore[no-untyped-call]  # it has no annotations

    def apply(self, context: FieldComparisonContext) -> Iterator[tuple[ModificationLevel, FormUpdate]]:
        """The changes that are permitted, each with its level. Raises SuspiciousModification for others."""
        yield from super().apply(context)
        widgets = dict(_new_widgets(context))
        if not widgets:
            return
        for page in _pages(context.old.root.raw_get("/Pages")):
            for update in _page_updates(context.old, context.new, page, widgets):
                yield ModificationLevel.LTA_UPDATES, update


POLICY = StandardDiffPolicy(
    global_rules=[
        CatalogModificationRule(),
        *(
            rule.as_qualified(ModificationLevel.LTA_UPDATES)
            for rule in (
                DocInfoRule(),
                XrefStreamRule(),
                ObjectStreamRule(),
                DSSCompareRule(),
                # Updates leave metadata as they are, XMP as the rule wants it or not.
                MetadataUpdateRule(check_xml_syntax=False),
            )
        ),
    ],
    form_rule=FormUpdatingRule(field_rules=[NewFieldRule(), SigFieldModificationRule(), GenericFieldModificationRule()]),
)
"""pyHanko's default policy with that rule, and without a look at metadata that no update touches."""


def without_a_search(reader: PdfFileReader, revision: int) -> None:
    """Have a revision judged without a search for all the paths on which its objects are reached.

    pyHanko would read every object there is: seconds for ten thousand of them, and a failure where one is damaged. A verifier
    needs that against others' tricks; here it is our own update that is judged.
    """
    reader.get_historical_resolver(revision)._indirect_object_access_cache = {}  # noqa: SLF001


def judge_update(reader: PdfFileReader, old: int, new: int) -> DiffResult:
    """What our update from one revision to another is.

    Raises:
        SuspiciousModification: It is nothing that a verifier permits after a signature.
    """
    without_a_search(reader, old)
    return POLICY.apply(reader.get_historical_resolver(old), reader.get_historical_resolver(new))


@dataclass(frozen=True, slots=True)
class _Annotations:
    """A page's annotations: those by reference, those written directly, and where the array is if it is an object."""

    references: frozenset[generic.Reference]
    direct: tuple[generic.PdfObject, ...]
    array: generic.Reference | None

    @classmethod
    def of(cls, page: generic.DictionaryObject) -> "_Annotations":
        if _ANNOTATIONS not in page:
            return cls(frozenset(), (), None)
        raw = page.raw_get(_ANNOTATIONS)
        items = raw.get_object()
        if not isinstance(items, generic.ArrayObject):
            raise SuspiciousModification("the annotations of a page are no array")
        return cls(
            frozenset(item.reference for item in items if isinstance(item, generic.IndirectObject)),
            tuple(item for item in items if not isinstance(item, generic.IndirectObject)),
            raw.reference if isinstance(raw, generic.IndirectObject) else None,
        )


def _new_widgets(context: FieldComparisonContext) -> Iterator[tuple[generic.Reference, str]]:
    """The widgets of new signature fields, each with its field's name: the field itself, or its kids without a name."""
    for name, specification in context.field_specs.items():
        reference = specification.new_field_ref
        if specification.field_type != "/Sig" or specification.old_field_ref is not None or reference is None:
            continue
        field = reference.get_object()
        assert isinstance(field, generic.DictionaryObject), "a form field is a dictionary"
        if "/Kids" not in field:
            yield reference, name
            continue
        for kid in field["/Kids"]:
            if isinstance(kid, generic.IndirectObject) and "/T" not in kid.get_object():
                yield kid.reference, name


def _pages(root: object) -> Iterator[generic.Reference]:
    """The pages of a page tree, each once. That the tree itself is as it was is for other rules to see."""
    seen: set[generic.Reference] = set()
    nodes = [root]
    while nodes:
        item = nodes.pop()
        if not isinstance(item, generic.IndirectObject) or item.reference in seen:
            continue
        seen.add(item.reference)
        dictionary = item.get_object()
        if isinstance(dictionary, generic.DictionaryObject) and "/Kids" in dictionary:
            nodes.extend(dictionary["/Kids"])
        elif isinstance(dictionary, generic.DictionaryObject):
            yield item.reference


def _page_updates(
    old: HistoricalResolver, new: HistoricalResolver, page: generic.Reference, widgets: dict[generic.Reference, str]
) -> Iterator[FormUpdate]:
    old_page, new_page = old(page), new(page)
    before, after = _Annotations.of(old_page), _Annotations.of(new_page)
    if before == after:
        return
    added = after.references - before.references
    if not before.references <= after.references or before.direct != after.direct or not added <= widgets.keys():
        raise SuspiciousModification("annotations of a page were changed, or others added than widgets of new fields")
    compare_dicts(old_page, new_page, frozenset({_ANNOTATIONS}))
    names = {widgets[widget] for widget in added}
    name = names.pop() if len(names) == 1 else None
    # Pages are referred to from everywhere in a file: they are cleared on whatever path they are reached.
    yield FormUpdate(page, field_name=name, valid_when_locked=name is not None)
    if after.array is not None and (after.array == before.array or old.is_ref_unassignable(after.array)):
        path = RelativeContext(page, RawPdfPath(_ANNOTATIONS))
        yield FormUpdate(after.array, field_name=name, valid_when_locked=name is not None, context_checked=path)
