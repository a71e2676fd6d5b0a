"""The command line from its start to its end: its version beside the least that a program with options does, and a signature.

``signproxy sign`` sends 200 MB to a service over mutual TLS, gets what the signature appends, and checks it; ``pdfsig`` signs
the same file with the same key in a database beside it.

    .venv/bin/python -m benchmarks.command_line
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.frame.case import Case, Goal, Measure, Missing, Sample, Sides
from benchmarks.frame.measuring import command
from benchmarks.frame.running import main
from benchmarks.frame.surroundings import CERTIFICATE, Surroundings
from benchmarks.peers.commands import pdfsig

VERSION, ARGPARSE = "signproxy --version", "python -c 'import argparse'"
SIGN, PDFSIG = "signproxy sign", "pdfsig"


@contextmanager
def _open(around: Surroundings) -> Iterator[Sides]:
    program = Path(sys.executable).with_name("signproxy")
    document, out = around.document("200 MB"), around.folder / "signed.pdf"
    theirs, info = pdfsig(around), around.sandbox
    with around.service(engine__processes=1) as service:
        connection = ["--proxy", service.url, "--ca", str(info.ca_file)]
        connection += ["--client-cert", str(info.client_certificate), "--client-key", str(info.client_key)]
        asked = ["--form", "es", "--certificate", CERTIFICATE, "--out", str(out), "--force", "--quiet"]

        def sign() -> Sample:
            return command([program, "sign", document, *asked, *connection])

        def sign_by_pdfsig() -> Sample:
            assert not isinstance(theirs, Missing)
            return command(theirs(document, out))

        yield {
            VERSION: lambda: command([program, "--version"]),
            ARGPARSE: lambda: command([sys.executable, "-c", "import argparse"]),
            SIGN: sign,
            PDFSIG: theirs if isinstance(theirs, Missing) else sign_by_pdfsig,
        }


CASE = Case(
    name="command_line",
    title="command line, cold",
    open=_open,
    goals=(
        Goal("`signproxy --version` ≤ 2 × `python -c 'import argparse'`", VERSION, Measure.SECONDS, 2.0, ARGPARSE),
        Goal("`signproxy sign` of 200 MB ≤ `pdfsig` of the same", SIGN, Measure.SECONDS, 1.0, PDFSIG),
    ),
    tls=True,
    rounds=9,
)

if __name__ == "__main__":
    sys.exit(main(CASE))
