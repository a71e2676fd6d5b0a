"""From inputs to verdicts: a pure function, run where documents are parsed; what evidence would help is part of its answer.

Timestamps come first, the outermost before those that it covers, so that each has the proofs that the later ones give (EN 319
102-1, 5.6.3.4, step 4); signatures come last, with all of them.
"""

from dataclasses import dataclass

from proxy.model import Coverage, Judgement, SignedObjectKind, ValidationInputs, Verdict
from proxy.validation.cms_subject import read_subject
from proxy.validation.context import Context, digest
from proxy.validation.evidence import EvidenceBook
from proxy.validation.process import Outcome, Stamps, validate_signature, validate_timestamp
from proxy.validation.subject import Subject
from proxy.validation.verdicts import verdict_on_signature, verdict_on_timestamp


def judge(inputs: ValidationInputs) -> Judgement:
    """Judge every signed object of a document with the evidence there is.

    Nothing in what is judged makes this raise: whatever cannot be read, or not be believed, is a verdict.
    """
    return judge_subjects(inputs, tuple(read_subject(signed) for signed in inputs.objects))


def judge_subjects(inputs: ValidationInputs, subjects: tuple[Subject, ...]) -> Judgement:
    """The same for subjects that were made of another format than CMS."""
    every = [inner for subject in subjects for inner in (subject, *subject.timestamps)]
    context = Context(inputs.policy, inputs.at, EvidenceBook(inputs.evidence, [subject.data for subject in every]))
    document = _Document(subjects, {entry.timestamp: entry for entry in inputs.coverage})
    outcomes: dict[str, Outcome] = {}
    for subject in reversed(subjects):
        if subject.kind.is_timestamp:
            outcome = outcomes[subject.identifier] = validate_timestamp(context, subject)
            if outcome.passed:
                _extract_from_document(context, document, subject)
    for subject in subjects:
        for inner in subject.timestamps:
            outcome = outcomes[inner.identifier] = validate_timestamp(context, inner)
            if outcome.passed and inner.kind is SignedObjectKind.SIGNATURE_TIMESTAMP and inner.stamp is not None:
                context.proofs.add(subject.identifier, inner.stamp.gen_time)
    for subject in subjects:
        if not subject.kind.is_timestamp:
            outcomes[subject.identifier] = validate_signature(context, subject, _stamps(document, subject, outcomes))
    verdicts = tuple(_verdict(context, document, subject, outcomes) for subject in subjects)
    wanted = dict.fromkeys(entry for outcome in outcomes.values() for entry in outcome.wanted)
    return Judgement(verdicts, tuple(wanted))


def _verdict(context: Context, document: "_Document", subject: Subject, outcomes: dict[str, Outcome]) -> Verdict:
    outcome = outcomes[subject.identifier]
    if subject.kind.is_timestamp:
        return verdict_on_timestamp(context, outcome)
    inner = tuple(outcomes[stamp.identifier] for stamp in subject.timestamps)
    return verdict_on_signature(context, outcome, inner, document.covering(subject, outcomes))


@dataclass(frozen=True, slots=True)
class _Document:
    """Its subjects, oldest first, and what each of its timestamps covers."""

    subjects: tuple[Subject, ...]
    coverage: dict[str, Coverage]

    def covering(self, subject: Subject, outcomes: dict[str, Outcome]) -> tuple[Outcome, ...]:
        """How the timestamps that cover a subject whole came out, the inner ones first."""
        return tuple(
            outcomes[other.identifier]
            for other in self.subjects
            if other.identifier in self.coverage
            and subject.identifier in self.coverage[other.identifier].objects
            and other.identifier in outcomes
        )


def _extract_from_document(context: Context, document: _Document, timestamp: Subject) -> None:
    """POE extraction (5.6.2.3): what a timestamp over the document covers existed at its time."""
    coverage = document.coverage.get(timestamp.identifier)
    if coverage is None or timestamp.stamp is None:
        return
    moment = timestamp.stamp.gen_time
    for key in coverage.validation_data:
        context.proofs.add(key, moment)
    for subject in document.subjects:
        if subject.identifier in coverage.objects and subject is not timestamp:
            for covered in (subject, *subject.timestamps):
                context.proofs.add(covered.identifier, moment)
                for der in (*covered.certificates, *covered.data.ocsp_responses, *covered.data.crls):
                    context.proofs.add(digest(der), moment)


def _stamps(document: _Document, subject: Subject, outcomes: dict[str, Outcome]) -> Stamps:
    inner = [(stamp, outcomes[stamp.identifier].passed) for stamp in subject.timestamps]
    covering = [(outcome.subject, outcome.passed) for outcome in document.covering(subject, outcomes)]
    return Stamps(
        before=_passed(inner, SignedObjectKind.CONTENT_TIMESTAMP),
        over_value=_passed(inner, SignedObjectKind.SIGNATURE_TIMESTAMP),
        covering=tuple(stamp for stamp, passed in covering if passed),
        failed=tuple(stamp.identifier for stamp, passed in (*inner, *covering) if not passed),
    )


def _passed(stamps: list[tuple[Subject, bool]], kind: SignedObjectKind) -> tuple[Subject, ...]:
    return tuple(stamp for stamp, passed in stamps if passed and stamp.kind is kind)
