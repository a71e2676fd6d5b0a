"""A run in words: the table of goals, the table of sides, and how to read them."""

from math import isnan

from benchmarks.frame.case import Goal, Measure
from benchmarks.frame.results import CaseResult, Run, median

_SYMBOLS = {True: "✓", False: "✗", None: "–"}


def table_of(run: Run) -> str:
    """The goals and whether they hold, as a table in Markdown."""
    lines = [
        _versions(run),
        "",
        "| case | goal | measured | | over TLS | command |",
        "|---|---|---|---|---|---|",
    ]
    for result in run.results:
        tls = "yes" if result.case.tls else "no"
        for goal in result.case.goals:
            held = _SYMBOLS[result.held(goal)]
            measured = _measured(result, goal)
            lines.append(f"| {result.case.title} | {goal.text} | {measured} | {held} | {tls} | `{result.case.command}` |")
    return "\n".join(lines)


def sides_of(result: CaseResult) -> str:
    """Every side of a case with what it took, as a table in Markdown."""
    lines = ["| side | time | processor time | memory |", "|---|---|---|---|"]
    for name, samples in result.samples.items():
        columns = (_amount(median(samples, measure), measure) for measure in Measure)
        lines.append(f"| {name} | {' | '.join(columns)} |")
    lines.extend(f"| {name} | missing: {why} | | |" for name, why in result.missing.items())
    return "\n".join(lines)


def how_to_read() -> str:
    """What the numbers say and what they do not."""
    return """
How to read it: read the ratios, not the milliseconds. All sides of a case take turns in shuffled order on this machine,
and each number is the median of their turns; both sides of a ratio had the same machine at the same time. Processor
time is that of all processes whose work it is, user and system; memory is the sum of proportional set sizes (PSS), or
of a program that ends the most it held. ✓ the goal holds, ✗ it does not, – a side is missing on this machine."""


def _versions(run: Run) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in run.versions.items())
    kind = " A quick run: few turns." if run.quick else ""
    return f"{run.date}; {run.machine}; {versions}.{kind}"


def _measured(result: CaseResult, goal: Goal) -> str:
    value = result.value(goal)
    if value is None:
        absent = goal.side if goal.side in result.missing else goal.against
        return f"{absent} is missing: {result.missing[absent or '']}"
    own = _amount(median(result.samples[goal.side], goal.measure), goal.measure)
    if goal.against is None:
        return own
    other = _amount(median(result.samples[goal.against], goal.measure), goal.measure)
    if goal.beyond:
        return f"{_amount(value, goal.measure)} more ({own}, {other})"
    ratio = f"{value:.2f}" if value >= 0.1 else f"1/{1 / value:.0f}"
    return f"**{ratio}** ({own} : {other})"


def _amount(value: float, measure: Measure) -> str:
    if isnan(value):
        return ""
    if measure is Measure.MEMORY:
        return f"{value / (1 << 20):.0f} MiB"
    if abs(value) >= 1:
        return f"{value:.2f} s"
    return f"{value * 1000:.{1 if abs(value) >= 0.01 else 2}f} ms"
