"""Runs cases: sides in shuffled turns, again and again, so that what disturbs the machine disturbs all of them."""

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.frame.case import Case, Missing, Sample
from benchmarks.frame.report import how_to_read, table_of
from benchmarks.frame.results import CaseResult, Run, begin
from benchmarks.frame.surroundings import Surroundings

LEAST_ROUNDS = 3


def run_case(case: Case, around: Surroundings) -> CaseResult:
    """Run one case."""
    samples: dict[str, list[Sample]] = {}
    with case.open(around) as sides:
        missing = {name: side.why for name, side in sides.items() if isinstance(side, Missing)}
        there = {name: side for name, side in sides.items() if not isinstance(side, Missing)}
        samples = {name: [] for name in there}
        begun = time.monotonic()
        rounds = case.quick_rounds if around.quick else case.rounds
        for number in range(rounds + case.warm_up):
            counted = number - case.warm_up
            if counted >= min(LEAST_ROUNDS, rounds) and time.monotonic() - begun > case.seconds:
                break
            for name in around.chance.sample(sorted(there), len(there)):
                sample = there[name]()
                if counted >= 0:
                    samples[name].append(sample)
    return CaseResult(case, samples, missing)


def run_cases(cases: Sequence[Case], *, quick: bool, seed: int | None = None) -> Run:
    """Run cases in shuffled order; what they come to is printed as it comes."""
    run = begin(quick=quick, seed=random.SystemRandom().randrange(1 << 32) if seed is None else seed)
    chance = random.Random(run.seed)
    with Surroundings(quick=quick, chance=chance) as around:
        for case in chance.sample(cases, len(cases)):
            begun = time.monotonic()
            print(f"{case.name}: {case.title} …", file=sys.stderr, flush=True)
            result = run_case(case, around)
            run.results.append(result)
            print(f"{case.name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    run.results.sort(key=lambda result: cases.index(result.case))
    return run


def add_options(parser: argparse.ArgumentParser) -> None:
    """What every command that runs cases takes."""
    parser.add_argument("--quick", action="store_true", help="few turns: to see that it runs, not what it costs")
    parser.add_argument("--seed", type=int, help="shuffle as another run did")
    parser.add_argument("--json", type=Path, help="write all that was measured")


def main(case: Case) -> int:
    """Run one case alone and print its rows; 1 where a goal is not reached."""
    parser = argparse.ArgumentParser(description=f"{case.title}.")
    add_options(parser)
    arguments = parser.parse_args()
    run = run_cases([case], quick=arguments.quick, seed=arguments.seed)
    return conclude(run, arguments.json)


def conclude(run: Run, json_file: Path | None) -> int:
    """Print a run, and write it; gives the exit code."""
    print(table_of(run))
    print(how_to_read())
    if json_file is not None:
        json_file.write_text(json.dumps(run.as_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return int(not run.held)
