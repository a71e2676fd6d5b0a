"""Verdicts for people, as text, and for programs, as JSON; and the exit code that follows."""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from proxy.cli.exit_codes import ExitCode
from proxy.cli.many_files import exit_code_of_all
from proxy.cli.terminal import explain, printable
from proxy.cli.verifying import Outcome
from proxy.client import SignatureVerdict, Verification
from proxy.errors import ProxyError
from proxy.model import VerificationResult

_SHOWN: Mapping[VerificationResult, tuple[str, str]] = {
    VerificationResult.VALID: ("✔", "green"),
    VerificationResult.INVALID: ("✖", "red"),
    VerificationResult.INDETERMINATE: ("?", "yellow"),
    VerificationResult.NOT_APPLICABLE: ("-", "dim"),
}

_CODES: Mapping[VerificationResult, ExitCode] = {
    VerificationResult.INVALID: ExitCode.INVALID,
    VerificationResult.INDETERMINATE: ExitCode.INDETERMINATE,
    VerificationResult.NOT_APPLICABLE: ExitCode.NOT_SIGNED,
    VerificationResult.VALID: ExitCode.OK,
}
"""The first of them that a file has decides."""


def exit_code(outcomes: Sequence[Outcome]) -> ExitCode:
    """What failed where something did; else the worst verdict's."""
    tally = Tally()
    for outcome in outcomes:
        tally.add(outcome)
    return tally.exit_code


class Tally:
    """Counts verdicts without keeping them."""

    def __init__(self) -> None:
        self._results: Counter[VerificationResult] = Counter()
        self._errors: Counter[ExitCode] = Counter()

    def add(self, outcome: Outcome) -> None:
        """Count what became of one file."""
        if outcome.verification is not None:
            self._results[outcome.verification.result] += 1
        else:
            self._errors[exit_code_of_all([outcome.error])] += 1

    @property
    def exit_code(self) -> ExitCode:
        """What all failures have in common where nothing else came of any file, ``FAILED``, or the worst verdict's."""
        if self._errors:
            alone = not self._results and len(self._errors) == 1
            return next(iter(self._errors)) if alone else ExitCode.FAILED
        return next((code for result, code in _CODES.items() if self._results[result]), ExitCode.OK)

    @property
    def summary(self) -> str:
        """How many of each."""
        counts = [f"{self._results[result]} {result}" for result in VerificationResult if self._results[result]]
        failed = self._errors.total()
        files = self._results.total() + failed
        return f"{files} files: " + (", ".join([*counts, *([f"{failed} failed"] if failed else [])]) or "nothing to do")


def write_json(outcomes: Sequence[Outcome]) -> None:
    """``{"files": [...]}`` on standard output: of each file its name with the service's answer, or why there is none."""
    json.dump({"files": [_members(outcome) for outcome in outcomes]}, sys.stdout, indent=2, ensure_ascii=False)
    print()


def _members(outcome: Outcome) -> Mapping[str, Any]:
    if outcome.verification is not None:
        return {"file": str(outcome.document), **outcome.verification.members}
    error = outcome.error
    return {
        "file": str(outcome.document),
        "error": {
            "code": error.code if isinstance(error, ProxyError) else "FILE",
            "detail": error.detail if isinstance(error, ProxyError) else printable(error),
        },
    }


def write_text(console: Console, outcomes: Sequence[Outcome]) -> None:
    """Each file with its signatures."""
    for outcome in outcomes:
        if outcome.verification is None:
            assert outcome.error is not None
            console.print(Text(f"✖ {printable(outcome.document)}: {explain(outcome.error)}", "red"))
            continue
        for line in _lines(outcome, outcome.verification):
            console.print(line, soft_wrap=True)
    if len(outcomes) > 1:
        tally = Tally()
        for outcome in outcomes:
            tally.add(outcome)
        console.print(tally.summary)


def _lines(outcome: Outcome, verification: Verification) -> Iterator[Text]:
    sign, style = _SHOWN[verification.result]
    facts = []
    if verification.doc_mdp is not None:
        facts.append(f"certified, P={verification.doc_mdp}")
    if verification.modified_after_signing:
        facts.append("changed after signing")
    if not verification.signatures:
        facts.append("nothing is signed")
    more = f" ({', '.join(facts)})" if facts else ""
    yield Text.assemble((f"{sign} {verification.result}", f"bold {style}"), f"  {printable(outcome.document)}{more}")
    for signature in verification.signatures:
        yield from _signature_lines(signature)
    for image in verification.members.get("scanInfo") or ():
        yield Text(f"    page {_scan(image)}", "dim")


def _signature_lines(signature: SignatureVerdict) -> Iterator[Text]:
    sign, style = _SHOWN[signature.result]
    named = f" {printable(signature.field_name)}" if signature.field_name else ""
    level = f" {signature.level}" if signature.level else ""
    why = f"  {signature.sub_indication}" if signature.sub_indication else ""
    yield Text.assemble((f"  {sign} {signature.result}", style), f"  {signature.type}{named}{level}{why}")
    for name, value in _facts(signature):
        yield Text.assemble((f"      {name:<12}", "dim"), printable(value))
    for _, text in signature.reasons:
        yield Text(f"      {printable(text)}", "" if signature.result is VerificationResult.VALID else style)


def _facts(signature: SignatureVerdict) -> Iterator[tuple[str, str]]:
    if signature.signer_subject and signature.signer_subject != signature.tsa_subject:
        yield "signed by", signature.signer_subject
    if signature.tsa_subject:
        accredited = {True: ", accredited by the Minister", False: ", not accredited", None: ""}[signature.mic_accredited]
        yield "time from", signature.tsa_subject + accredited
    if signature.timestamp_time:
        yield "proven at", _moment(signature.timestamp_time)
    elif signature.claimed_signing_time:
        yield "claimed at", _moment(signature.claimed_signing_time)
    if signature.valid_to:
        yield "until", _moment(signature.valid_to) + (", all that proves it is inside" if signature.ltv else "")
    if signature.coverage not in {None, "wholeFile"}:
        yield "covers", f"{signature.coverage}, changed after it: {signature.modification_level or 'unknown'}"


def _moment(value: datetime) -> str:
    return f"{value.astimezone():%Y-%m-%d %H:%M:%S %z}"


def _scan(image: Mapping[str, Any]) -> str:
    size = f"{image.get('widthPx') or '?'}×{image.get('heightPx') or '?'} px"
    depth = f"{image.get('bitsPerPixel') or '?'} bits, {image.get('color') or '?'}"
    return f"{image.get('page')}: {size}, {image.get('dpi') or '?'} dpi, {depth}"
