"""The examination of one document with signatures, from what was found to what is said of it (engine process)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from itertools import islice

from proxy.model import Coverage, Finding, SignedObject, SignedObjectKind, ValidationData
from proxy.pades.document import DocumentReader
from proxy.pades.objects import entry
from proxy.pades.scanning import Data
from proxy.pades.security_store import read_validation_data
from proxy.pades.verification.agreement import disagreements, follows_without_revision, unlisted
from proxy.pades.verification.digesting import WantedDigest
from proxy.pades.verification.findings import doubt, remark, unknown
from proxy.pades.verification.history import History
from proxy.pades.verification.inventory import Inventory, Referrers
from proxy.pades.verification.judging_steps import judge_step
from proxy.pades.verification.rules import hold_against, level_of
from proxy.pades.verification.signature import ReadSignature, SignatureReader
from proxy.pades.verification.signatures import FoundSignature, find_stray, stray_spans
from proxy.pades.verification.step import Step, StepChanges
from proxy.pades.verification.unread import unread_document
from proxy.pades.verification.values import ExaminedDocument, ExaminedSignature, ModificationLevel
from proxy.validation.digests import wanted_digests

_MOST_HIDDEN = 5
"""Signatures that no revision leads to which are told."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A signature as it was found and as it was read, with a name that no other has."""

    name: str
    found: FoundSignature
    read: ReadSignature

    @property
    def signs(self) -> int | None:
        """The revision that it signs as part of the newest one; ``None`` where it is not part of that."""
        return self.read.revision if self.found.live and not self.found.usage_rights else None


class Examination:
    """One document.

    Args:
        data: The document.
        reader: The same.
        history: Its revisions.
        live: The signatures of its newest revision's form.
        most: How many signatures are looked at.

    Raises:
        PdfError and others: As pyHanko's reader does where an object cannot be read.
    """

    def __init__(self, data: Data, reader: DocumentReader, history: History, live: list[FoundSignature], most: int) -> None:
        self._data = data
        self._reader = reader
        self._history = history
        self._inventory = Inventory(data, reader, history)
        signatures = SignatureReader(data, history, self._inventory)
        read = [(found, signatures.read(found)) for found in live[:most]]
        spans = stray_spans(data, self._inventory, live)
        first = min((signature.revision for _, signature in read if signature.revision is not None), default=history.last)
        wanted = self._changed_after(first) | unlisted(self._inventory) | {span.number for span in spans}
        self._referrers: Referrers = self._inventory.referrers(wanted)
        for span in islice(spans, most - len(read)):
            stray = find_stray(history, span, self._referrers.of(span.number, history.last))
            if stray is not None:
                read.append((stray, signatures.read(stray)))
        self._unexamined = max(len(live) + len(spans) - most, 0)
        read.sort(key=lambda pair: _age(*pair))
        names = _names([found for found, _ in read])
        self._entries = tuple(_Entry(name, *pair) for name, pair in zip(names, read, strict=True))

    def _changed_after(self, revision: int) -> frozenset[int]:
        changed = (self._history.changed(later) for later in range(revision + 1, self._history.last + 1))
        return frozenset[int]().union(*changed)

    def wanted_digests(self) -> Mapping[str, tuple[WantedDigest, ...]]:
        """The digests that a validation will compare."""
        return {
            item.name: tuple(
                WantedDigest(item.read.signed, algorithm) for algorithm in wanted_digests(item.read.format, item.read.contents)
            )
            for item in self._entries
            if item.read.signed is not None and item.read.contents
        }

    def result(self) -> ExaminedDocument:
        """All that was found, but for the digests."""
        rules = [item.read.rules for item in self._entries if item.signs is not None and item.read.rules.certifies]
        return ExaminedDocument(
            signatures=(*(self._examined(item) for item in self._entries), *self._hidden()),
            coverage=tuple(self._coverage(item) for item in self._timestamps()),
            security_store=self._security_store(),
            pages=page_count(self._history),
            doc_mdp=min((rule.level for rule in rules if rule.level is not None), default=None),
            modified_after_signing=any(step.content for step in self._steps.values()),
            unexamined=self._unexamined,
        )

    # -- what is said of one signature ----------------------------------------------------------------------------------

    def _examined(self, item: _Entry) -> ExaminedSignature:
        aside = self._aside(item)
        findings: list[Finding] = [aside] if aside is not None else [*item.read.findings, *self._doubts]
        level = None
        if aside is None and item.signs is not None:
            level, held_against = self._changes_after(item.signs, item.read)
            findings.extend(held_against)
        if aside is None and not item.found.live:
            findings.append(doubt("SIGNATURE_REMOVED"))
        field = item.found.field
        return ExaminedSignature(
            object=SignedObject(
                identifier=item.name,
                kind=SignedObjectKind.USAGE_RIGHTS if item.found.usage_rights else item.read.kind,
                format=item.read.format,
                contents=item.read.contents,
                digests={},
                certificates=item.read.certificates,
                claimed_time=item.read.claimed_time,
                findings=tuple(findings),
            ),
            field_name=None if field is None else field.name,
            coverage=item.read.coverage,
            modification_level=level,
            judged=aside is None,
        )

    def _hidden(self) -> Iterator[ExaminedSignature]:
        """Signatures in revisions that the newest one does not continue, unless somebody signed the document since."""
        for found in islice(self._inventory.hidden_signatures(), _MOST_HIDDEN):
            if not self._is_signed_since(found.offset, stamp=False):
                lost = unread_document(unknown("SIGNATURE_HIDDEN")).signatures[0]
                yield replace(lost, object=replace(lost.object, identifier=f"object {found.number} at {found.offset}"))

    def _aside(self, item: _Entry) -> Finding | None:
        """Why a signature is not judged."""
        if item.found.usage_rights:
            return remark("USAGE_RIGHTS")
        end = 0 if item.read.signed is None else item.read.signed.end
        if not item.found.live and self._is_signed_since(end, stamp=item.read.kind is SignedObjectKind.DOC_TIMESTAMP):
            return remark("SIGNATURE_SUPERSEDED")
        return None

    def _is_signed_since(self, end: int, *, stamp: bool) -> bool:
        """Whether a signature of the newest revision covers more than the bytes up to ``end``.

        A timestamp does so for another timestamp (``stamp``) alone: anybody has one made of anything.
        """
        return any(
            item.signs is not None
            and item.read.signed is not None
            and item.read.signed.end > end
            and (stamp or item.read.kind is not SignedObjectKind.DOC_TIMESTAMP)
            for item in self._entries
        )

    def _changes_after(self, revision: int, signature: ReadSignature) -> tuple[ModificationLevel, list[Finding]]:
        steps = [self._steps[later] for later in range(revision + 1, self._history.last + 1)]
        findings = list(hold_against(signature.rules, steps))
        if signature.signed is not None and follows_without_revision(self._data, signature.signed.end):
            return ModificationLevel.OTHER, [*findings, doubt("APPENDED_DATA")]
        return level_of(steps), findings

    @cached_property
    def _doubts(self) -> tuple[Finding, ...]:
        """What is wrong about the document, and so about every signature in it."""
        return tuple(disagreements(self._data, self._reader, self._history, self._inventory, self._referrers))

    @cached_property
    def _steps(self) -> Mapping[int, StepChanges]:
        """What every revision after the first that is signed changed."""
        first = min((item.signs for item in self._entries if item.signs is not None), default=self._history.last)
        steps: dict[int, StepChanges] = {}
        fields = None
        for revision in range(first + 1, self._history.last + 1):
            step = Step(self._history, revision, self._referrers, fields)
            try:
                steps[revision] = judge_step(step)
                fields = step.new_fields
            except (MemoryError, RecursionError):
                raise
            except Exception:
                if self._reader.strict:
                    raise  # read leniently it may be
                # What cannot be read, in whatever way, is nothing that a signature permits.
                fields = None
                steps[revision] = StepChanges()
                steps[revision].forbid("CHANGE_UNREADABLE", 0)
        return steps

    # -- what timestamps prove ------------------------------------------------------------------------------------------

    def _timestamps(self) -> Iterator[_Entry]:
        return (item for item in self._entries if item.read.kind is SignedObjectKind.DOC_TIMESTAMP)

    def _coverage(self, timestamp: _Entry) -> Coverage:
        signed, revision = timestamp.read.signed, timestamp.read.revision
        if signed is None or revision is None:
            return Coverage(timestamp.name, frozenset())
        objects = frozenset(
            item.name
            for item in self._entries
            if item.read.signed is not None
            and item.read.signed.end <= signed.end
            and signed.covers(item.read.signed.gap_start, item.read.signed.gap_end)
        )
        hashes = frozenset(sha256(der).digest() for part in self._stores[revision].parts for der in part)
        return Coverage(timestamp.name, objects, hashes)

    @cached_property
    def _stores(self) -> Mapping[int, ValidationData]:
        """The security stores of the newest revision and of those that a timestamp covers."""
        revisions = {item.read.revision for item in self._timestamps() if item.read.revision is not None}
        return {revision: read_validation_data(self._history.view(revision)) for revision in {*revisions, self._history.last}}

    def _security_store(self) -> ValidationData:
        held = ValidationData()
        for store in self._stores.values():
            held |= store
        return held


def page_count(history: History) -> int | None:
    """How many pages the newest revision says it has."""
    count = entry(entry(history.view(history.last).root, "/Pages"), "/Count")
    return int(count) if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None


def _age(found: FoundSignature, read: ReadSignature) -> tuple[bool, int, int]:
    """Oldest first; what signs nothing comes last."""
    return read.signed is None, 0 if read.signed is None else read.signed.end, found.number


def _names(found: Sequence[FoundSignature]) -> list[str]:
    """A name for each signature: its field's, or its object's number; none twice."""
    names: list[str] = []
    for item in found:
        name = item.field.name if item.field is not None and item.field.name else f"object {item.number}"
        while name in names:
            name += "'"
        names.append(name)
    return names
