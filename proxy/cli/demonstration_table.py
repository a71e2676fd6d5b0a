"""What ``signproxy demo`` shows at its end."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from proxy.cli.demonstrated import Shown
from proxy.cli.terminal import explain, printable
from proxy.sandbox.judges import Judgement


def write_table(console: Console, pdf: Path, out: Path, rows: Sequence[Shown], picture: Path | None) -> None:
    """The table, what is wrong where something is, and the files; it fits into 80 columns.

    Args:
        console: Standard output.
        pdf: What was signed.
        out: Where results are.
        rows: What became of every step.
        picture: The sealed page, where there is one.
    """
    console.print(f"{printable(pdf)}, {pdf.stat().st_size:,} bytes, in every form:\n")
    console.print(_table(rows))
    console.print()
    bad = [row for row in rows if not row.good]
    for row in bad:
        console.print(Text(f"✖ {row.step.form}, {row.step.key}: {'; '.join(_reasons(row))}", "red"))
    refusals = {refusal.code: refusal.detail for row in rows if (refusal := row.refusal) is not None}
    for code, detail in refusals.items():
        console.print(f"refused: {code}: {printable(detail)}")
    console.print(_conclusion(rows, bad))
    if shutil.which("pdfsig") is None:
        console.print("pdfsig is not installed (Debian: poppler-utils), so it was not asked")
    made = [row.step.output for row in rows if row.result is not None]
    if made:
        console.print(f"the files are in {printable(out.resolve())}:")
    for path in made:
        console.print(f"  {printable(path.name)}")
    if picture is not None:
        console.print(f"  {printable(picture.name)}: the sealed page as it is seen")


def _table(rows: Sequence[Shown]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for name in ("form", "key", "level", "valid until"):
        table.add_column(name, no_wrap=True)
    for name in ("upstream\nbytes", "ms"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdicts", no_wrap=True)
    for row in rows:
        result = row.result
        table.add_row(
            row.step.form,
            row.step.key,
            (result.level or "") if result else "",
            f"{result.valid_until:%Y-%m-%d}" if result and result.valid_until else "",
            str(result.upstream_sent) if result else "",
            f"{row.milliseconds:.0f}",
            _verdicts(row),
        )
    return table


def _verdicts(row: Shown) -> Text:
    if row.refusal is not None:
        return Text(f"refused: {row.refusal.code}", "yellow")
    if row.error is not None:
        return Text("✖ failed", "red")
    # Only a judge that was asked has a verdict: pdfsig knows no document timestamps.
    return Text.assemble("pyHanko ", _mark(row.pyhanko), " pdfsig ", _mark(row.pdfsig))


def _mark(judgement: Judgement | None) -> Text:
    if judgement is None:
        return Text("–", "dim")
    return Text("✔", "green") if judgement.valid else Text("✖", "red")


def _conclusion(rows: Sequence[Shown], bad: Sequence[Shown]) -> str:
    if bad:
        return f"{len(bad)} of {len(rows)} are not valid"
    refused = sum(row.refusal is not None for row in rows)
    if not refused:
        return "every form is signed and found valid"
    if refused == len(rows):
        return "the document's own rules forbid every form"
    return f"{len(rows) - refused} of {len(rows)} are signed and found valid; the document's own rules forbid the others"


def _reasons(row: Shown) -> Iterator[str]:
    if row.error is not None:
        yield explain(row.error)
    for judge, judgement in (("pyHanko", row.pyhanko), ("pdfsig", row.pdfsig)):
        if judgement is not None and not judgement.valid:
            yield f"{judge}: {printable(judgement.reason)}"
