"""The benchmarks that ``make bench`` runs: modules of this package that have a ``CASE``. A new one is one line here."""

from importlib import import_module

from benchmarks.frame.case import Case

CASES = (
    "one_pass",
    "exchange",
    "first_byte",
    "uploads",
    "many_objects",
    "service_cpu",
    "levels",
    "workers",
    "command_line",
    "event_loop",
)


def case(name: str) -> Case:
    """One of them."""
    found: Case = import_module(f"benchmarks.{name}").CASE
    return found
