"""Examine what is signed in a document (engine process, stage ``examine``): the order of the work, and what is found.

Reading goes by :mod:`proxy.pades.reading`, strictly where the document conforms. Whatever is wrong about a damaged or hostile
document is a finding about its signatures; only a missing password is an error.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import islice
from typing import BinaryIO

from proxy.errors import InvalidDocument, PDFVersionUnsupported
from proxy.model import Coverage, Finding, SignatureFormat, SignedObject, SignedObjectKind, ValidationData
from proxy.pades.document import DocumentReader
from proxy.pades.objects import entry
from proxy.pades.reading import read_pdf
from proxy.pades.scanning import Data, mapped
from proxy.pades.security_store import read_validation_data
from proxy.pades.verification.agreement import disagreements, follows_without_revision, unlisted
from proxy.pades.verification.digesting import WantedDigest, digest_all
from proxy.pades.verification.findings import doubt, failure
from proxy.pades.verification.history import History
from proxy.pades.verification.inventory import Inventory
from proxy.pades.verification.judging_steps import judge_step
from proxy.pades.verification.rules import hold_against, level_of
from proxy.pades.verification.signature import ReadSignature, SignatureReader
from proxy.pades.verification.signatures import FoundSignature, find_live, find_stray, stray_spans
from proxy.pades.verification.step import Step, StepChanges
from proxy.pades.verification.values import ExaminedDocument, ExamineDocument, ExaminedSignature, ModificationLevel
from proxy.validation.digests import wanted_digests

_BYTE_RANGE = b"/ByteRange"


def examine_document(stream: BinaryIO, request: ExamineDocument) -> ExaminedDocument:
    """Find and read every signature of a document.

    Raises:
        PDFEncrypted: It needs a password or a recipient's key.
    """
    try:
        examined, wanted = read_pdf(stream, request.password, lambda reader: _examine(reader, request))
    except (InvalidDocument, PDFVersionUnsupported):
        return _surveyed(stream, failure("DOCUMENT_UNREADABLE"))
    digests = digest_all(stream, [item for items in wanted.values() for item in items])
    return replace(
        examined,
        signatures=tuple(
            replace(item, object=replace(item.object, digests=_digests(wanted, digests, item.object)))
            for item in examined.signatures
        ),
    )


def survey_document(stream: BinaryIO, _: None) -> ExaminedDocument:
    """What can be said of a document whose examination took more than it may."""
    return _surveyed(stream, doubt("LIMITS_EXCEEDED"))


def _surveyed(stream: BinaryIO, why: Finding) -> ExaminedDocument:
    """What can be said of a document that cannot be read: whether something in it looks signed.

    Args:
        stream: The document.
        why: What is to be said of what is signed in it.
    """
    with mapped(stream) as data:
        if data.find(_BYTE_RANGE) < 0:
            return ExaminedDocument(())
    lost = SignedObject("1", SignedObjectKind.SIGNATURE, SignatureFormat.PKCS7_DETACHED, b"", {}, findings=(why,))
    return ExaminedDocument((ExaminedSignature(lost, None),))


_Wanted = Mapping[str, Sequence[WantedDigest]]
"""By signed object's identifier."""


def _digests(wanted: _Wanted, digests: Mapping[WantedDigest, bytes], signed: SignedObject) -> Mapping[str, bytes]:
    return {item.algorithm: digests[item] for item in wanted.get(signed.identifier, ())}


def _examine(reader: DocumentReader, request: ExamineDocument) -> tuple[ExaminedDocument, _Wanted]:
    with mapped(reader.stream) as data:
        history = History(reader)
        live = list(find_live(history))
        if not live and data.find(_BYTE_RANGE) < 0:
            return ExaminedDocument((), pages=_pages(history)), {}
        return _Examination(data, reader, history, live, request.most_signatures).result()


class _Examination:
    """One document with signatures.

    Args:
        data: The document.
        reader: The same.
        history: Its revisions.
        live: The signatures in its form.
        most: How many signatures are looked at.
    """

    def __init__(self, data: Data, reader: DocumentReader, history: History, live: list[FoundSignature], most: int) -> None:
        self._data = data
        self._reader = reader
        self._history = history
        self._inventory = Inventory(data, reader, history)
        self._signature_reader = SignatureReader(data, history, self._inventory)
        strays = stray_spans(data, self._inventory, live)
        found = [item for item in live if not item.usage_rights]
        readable = {id(item): self._signature_reader.read(item) for item in found[:most]}
        self._first = min((item.revision for item in readable.values() if item.revision is not None), default=history.last)
        self._referrers = self._inventory.referrers(self._interesting() | {span.number for span in strays})
        for span in islice(strays, most):
            stray = find_stray(history, span, self._referrers.of(span.number, history.last))
            if stray is not None:
                found.append(stray)
        self._unexamined = max(len(found) - most, 0) + max(len(strays) - most, 0)
        self._read = sorted(
            ((item, readable.get(id(item)) or self._signature_reader.read(item)) for item in found[:most]), key=_age
        )
        live_revisions = [signature.revision for item, signature in self._read if item.live and signature.revision is not None]
        self._first = min(live_revisions, default=history.last)
        self._steps = self._judged_steps()

    def _interesting(self) -> frozenset[int]:
        """Numbers of the objects of which it matters who refers to them."""
        changed = (self._history.changed(revision) for revision in range(self._first + 1, self._history.last + 1))
        return unlisted(self._inventory).union(*changed)

    def _judged_steps(self) -> Mapping[int, StepChanges]:
        """What every revision after the first that is signed changed."""
        steps: dict[int, StepChanges] = {}
        fields = None
        for revision in range(self._first + 1, self._history.last + 1):
            step = Step(self._history, revision, self._referrers, fields)
            try:
                steps[revision] = judge_step(step)
                fields = step.new_fields
            except (MemoryError, RecursionError):
                raise
            except Exception:  # what cannot be read after a signature, in whatever way, is nothing that it permits
                if self._reader.strict:
                    raise  # read leniently it may be
                fields = None
                steps[revision] = StepChanges()
                steps[revision].forbid("CHANGE_UNREADABLE", 0)
        return steps

    def result(self) -> tuple[ExaminedDocument, _Wanted]:
        """All that was found, but for the digests, and which of those are wanted."""
        doubts = tuple(disagreements(self._data, self._reader, self._history, self._inventory, self._referrers))
        names = _identifiers([item for item, _ in self._read])
        signatures = tuple(
            self._examined(name, item, signature, doubts) for name, (item, signature) in zip(names, self._read, strict=True)
        )
        wanted = {
            name: [
                WantedDigest(signature.signed, algorithm) for algorithm in wanted_digests(signature.format, signature.contents)
            ]
            for name, (_, signature) in zip(names, self._read, strict=True)
            if signature.signed is not None and signature.contents
        }
        stores = {at: read_validation_data(self._history.view(at)) for at in {*self._timestamped(), self._history.last}}
        held = ValidationData()
        for store in stores.values():
            held |= store
        document = ExaminedDocument(
            signatures=signatures,
            coverage=tuple(self._coverage(names, stores)),
            security_store=held,
            pages=_pages(self._history),
            doc_mdp=min(
                (
                    signature.rules.level
                    for item, signature in self._read
                    if item.live and signature.rules.certifies and signature.rules.level is not None
                ),
                default=None,
            ),
            modified_after_signing=any(step.content for step in self._steps.values()),
            unexamined=self._unexamined,
        )
        return document, wanted

    def _timestamped(self) -> Iterator[int]:
        for _, signature in self._read:
            if signature.kind is SignedObjectKind.DOC_TIMESTAMP and signature.revision is not None:
                yield signature.revision

    def _examined(
        self, name: str, found: FoundSignature, signature: ReadSignature, doubts: tuple[Finding, ...]
    ) -> ExaminedSignature:
        findings = [*signature.findings, *doubts]
        level = None
        if found.live and signature.revision is not None and signature.signed is not None:
            steps = [self._steps[at] for at in range(signature.revision + 1, self._history.last + 1)]
            level = level_of(steps)
            findings.extend(hold_against(signature.rules, steps))
            if follows_without_revision(self._data, signature.signed.end):
                level = ModificationLevel.OTHER
                findings.append(doubt("APPENDED_DATA"))
        replaced = not found.live
        if replaced and not self._is_succeeded(signature):
            findings.append(doubt("SIGNATURE_REMOVED"))
        return ExaminedSignature(
            SignedObject(
                identifier=name,
                kind=signature.kind,
                format=signature.format,
                contents=signature.contents,
                digests={},
                certificates=signature.certificates,
                claimed_time=signature.claimed_time,
                findings=tuple(findings),
            ),
            field_name=None if found.field is None else found.field.name,
            coverage=signature.coverage,
            modification_level=level,
            replaced=replaced and self._is_succeeded(signature),
        )

    def _is_succeeded(self, removed: ReadSignature) -> bool:
        """Whether a signature that was taken out was so before another one signed what is left."""
        end = 0 if removed.signed is None else removed.signed.end
        return any(
            item.live and signature.revision is not None and signature.signed is not None and signature.signed.end > end
            for item, signature in self._read
        )

    def _coverage(self, names: Sequence[str], stores: Mapping[int, ValidationData]) -> Iterator[Coverage]:
        for name, (_, timestamp) in zip(names, self._read, strict=True):
            if timestamp.kind is not SignedObjectKind.DOC_TIMESTAMP:
                continue
            covered: set[str] = set()
            hashes: frozenset[bytes] = frozenset()
            if timestamp.signed is not None and timestamp.revision is not None:
                covered = {
                    other
                    for other, (_, signature) in zip(names, self._read, strict=True)
                    if signature.signed is not None
                    and timestamp.signed.covers(signature.signed.gap_start, signature.signed.gap_end)
                    and signature.signed.end <= timestamp.signed.end
                }
                store = stores[timestamp.revision]
                hashes = frozenset(sha256(der).digest() for part in store.parts for der in part)
            yield Coverage(name, frozenset(covered), hashes)


def _age(pair: tuple[FoundSignature, ReadSignature]) -> tuple[bool, int, int]:
    """Oldest first; what signs nothing comes last."""
    found, signature = pair
    return signature.signed is None, signature.signed.end if signature.signed else 0, found.number


def _identifiers(found: Sequence[FoundSignature]) -> list[str]:
    """A name for each signature: its field's, or its object's number; none twice."""
    names: list[str] = []
    for item in found:
        name = item.field.name if item.field is not None and item.field.name else f"object {item.number}"
        while name in names:
            name += "'"
        names.append(name)
    return names


def _pages(history: History) -> int | None:
    count = entry(entry(history.view(history.last).root, "/Pages"), "/Count")
    return int(count) if isinstance(count, int) and count >= 0 else None
