"""The table that is kept in ``docs/real-world-pdfs.md``."""

from collections import Counter
from collections.abc import Iterable, Sequence

from tests.corpus.signing import FORMS, SIGNED, Outcome
from tests.corpus.sources import Sample

Row = tuple[Sample, Outcome]

_HEAD = """# The PDFs of the real world

What becomes of every PDF that three projects ship in their source packages, most of them there because somebody's software
once failed on them: signed as ES, as ES-A with a seal, and time-stamped, through the sandbox and over the wire. `make corpus`
fetches the packages and writes this page. Why what is refused is refused: [decision 7](adr/0007-damaged-and-odd-documents.md).

Each result is judged: `pdfsig` calls the signature valid (and for ES the total document signed), `qpdf --check` says nothing
that it did not say of the input, poppler and pdfium show page 1 as they showed it before (ES and timestamp){dss}.
"""


_DSS = """, and where
no password is needed EU DSS calls ES `PAdES-BASELINE-B`, ES-A `PAdES-BASELINE-LTA` and the timestamp passed"""


def page(rows: Sequence[Row], *, dss: bool) -> str:
    """The whole page; ``dss``: whether EU DSS judged too."""
    parts = [
        _HEAD.format(dss=_DSS if dss else ""),
        "## In numbers\n",
        _numbers(rows),
        "## Refused\n",
        _refused(rows),
        "## Signed here and not by pyHanko as it comes\n",
    ]
    parts.append(_lines(_name(sample) for sample, outcome in rows if _signed(outcome) and not outcome.by_pyhanko))
    lost = [_name(sample) for sample, outcome in rows if outcome.by_pyhanko and not _signed(outcome)]
    parts += ["## Signed by pyHanko as it comes and not here\n", _lines(lost), "## What judges hold against results\n"]
    parts.append(_lines(f"{_name(sample)}: {complaint}" for sample, outcome in rows for complaint in outcome.complaints))
    return "\n".join(parts)


def _signed(outcome: Outcome) -> bool:
    return outcome.codes[FORMS[0]] == SIGNED


def _name(sample: Sample) -> str:
    return f"`{sample.package.split()[0]}/{sample.name}`"


def _lines(items: Iterable[str]) -> str:
    return "".join(f"- {' '.join(item.split())}\n" for item in items) or "None.\n"


def _numbers(rows: Sequence[Row]) -> str:
    packages = list(dict.fromkeys(sample.package for sample, _ in rows))
    head = f"| | {' | '.join(packages)} | all |\n|{'---|' * (len(packages) + 2)}\n"
    groups = [[outcome for sample, outcome in rows if sample.package == package] for package in packages]
    groups.append([outcome for _, outcome in rows])
    text = head + _row("files", [len(group) for group in groups])
    for form in FORMS:
        text += _row(f"{form}: signed", [sum(outcome.codes[form] == SIGNED for outcome in group) for group in groups])
    text += _row("of these with a password", [sum(bool(outcome.password) for outcome in group) for group in groups])
    for code, _ in Counter(code for _, outcome in rows for code in outcome.codes.values() if code != SIGNED).most_common():
        text += _row(f"ES: `{code}`", [sum(outcome.codes[FORMS[0]] == code for outcome in group) for group in groups])
    return text + _row("pyHanko as it comes: signed", [sum(outcome.by_pyhanko for outcome in group) for group in groups])


def _row(name: str, numbers: Iterable[int]) -> str:
    return f"| {name} | {' | '.join(str(number) for number in numbers)} |\n"


def _refused(rows: Sequence[Row]) -> str:
    text = "| file | form | code | reason | opened by | pyHanko as it comes |\n|---|---|---|---|---|---|\n"
    for sample, outcome in rows:
        reasons: dict[tuple[str, str], list[str]] = {}
        for form, reason in outcome.reasons.items():
            reasons.setdefault((outcome.codes[form], reason), []).append(form)
        for (code, reason), forms in reasons.items():
            which = "all" if len(forms) == len(FORMS) else ", ".join(forms)
            opened = ", ".join(outcome.readers) or "none"
            stock = "signs" if outcome.by_pyhanko else "fails"
            text += f"| {_name(sample)} | {which} | `{code}` | {reason} | {opened} | {stock} |\n"
    return text
