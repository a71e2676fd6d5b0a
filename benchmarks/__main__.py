"""All benchmarks in one shuffled run: ``make bench``; ``python -m benchmarks.NAME`` runs one."""

import argparse
import sys

from benchmarks.frame.running import add_options, conclude, run_cases
from benchmarks.registry import CASES, case


def main() -> int:
    """Run, print, and write what is asked for; 1 where a goal is not reached."""
    parser = argparse.ArgumentParser(description="Measure what the README states; read the ratios.")
    add_options(parser)
    parser.add_argument("--only", nargs="+", choices=CASES, metavar="NAME", help=f"some of {', '.join(CASES)}")
    arguments = parser.parse_args()
    run = run_cases([case(name) for name in arguments.only or CASES], quick=arguments.quick, seed=arguments.seed)
    return conclude(run, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
