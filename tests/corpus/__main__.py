"""Sign every PDF of the packages through the sandbox, have the results judged, and say what came of it.

Ends with 1 where a judge complains of a result or the service fails.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.corpus.judging import LongLivedDSS
from tests.corpus.signing import Outcome, try_all
from tests.corpus.sources import Sample, fetch, samples
from tests.corpus.table import page
from tests.support.sandbox import started_sandbox


def main() -> int:
    """Run it all; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table")
    parser.add_argument("--only", default="", metavar="PART", help="files whose name holds this")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the results")
    parser.add_argument("--dss", action="store_true", help="ask EU DSS too (make judge); takes most of an hour")
    options = parser.parse_args()
    fetch()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        results = options.keep or Path(scratch, "results")
        results.mkdir(exist_ok=True)
        with started_sandbox(Path(scratch)) as sandbox:
            dss = LongLivedDSS(sandbox.anchors) if options.dss else None
            for sample in samples():
                if options.only in sample.name:
                    outcome = try_all(sandbox.app, sample.path, results, dss)
                    rows.append((sample, outcome))
                    _say(sample, outcome)
            if dss is not None:
                dss.close()
    if options.write:
        options.write.write_text(page(rows, dss=options.dss), encoding="utf-8")
    return int(any(outcome.complaints for _, outcome in rows))


def _say(sample: Sample, outcome: Outcome) -> None:
    lines = [
        f"{sample.name}: {', '.join(dict.fromkeys(outcome.codes.values()))}",
        *(f"  {text}" for text in outcome.complaints),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
