"""``signproxy sandbox``: a whole service on loopback, and certificates from its development CA."""

import argparse
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from proxy.cli.verb_parser import VerbParser, Verbs

_DESCRIPTION = """\
Run a whole signing service on this machine until Ctrl-C: a development CA with
OCSP and CRLs, an RFC 3161 time-stamping authority, a central signer with
development keys, and the proxy in front of it. Each is a process of its own, on
loopback, with mutual TLS between them, as in production.

The folder keeps keys, certificates and addresses: start it again and all is as it
was. Its keys lie there unencrypted, and nobody outside trusts its certificates.
"""

_EPILOG = """\
When it is ready, STATE/sandbox.json says where everything is, and lines for curl
are printed. STATE/logs/ has one file a process; STATE/proxy.toml and
STATE/central.toml are settings to learn from.

examples:
  signproxy sandbox --dir ./state
  signproxy sandbox --dir ./state --listen 127.0.0.1:9443
  signproxy sandbox --dir ./state --with-csc      certificates csc-eseal-rsa, csc-…
  signproxy sign contract.pdf --form es --certificate legal-person-rsa --sandbox ./state
  signproxy sandbox issue my.csr --dir ./state --profile client --out my.pem

exit codes:
  0    stopped as asked
  2    the folder is in use, an address is taken, or a process did not start; the
       message says which
"""

_ISSUE_DESCRIPTION = """\
Issue a certificate for three years from the development CA of a sandbox's folder,
running or not. RSA keys get the RSA hierarchy, EC keys the P-256 one. A request
without a subject gets the profile's own. The certificate comes with its chain.

A client's certificate permits nothing by itself: enroll it in the settings of the
service it is to ask (as STATE/proxy.toml does), by the SHA-256 that is printed.
"""


def add_parser(verbs: "Verbs") -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "sandbox",
        usage="%(prog)s [-h] [--dir STATE] [--listen HOST:PORT] [--with-csc]\n       %(prog)s issue CSR [options]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.options = _options
    parser.set_defaults(run=run)


def _options(parser: "VerbParser") -> None:
    parser.add_argument("--dir", metavar="STATE", type=_path, default="state", help="its folder (default: ./state)")
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        help="where the proxy listens (default: 127.0.0.1:8443 if that is free, or a free port, and the same ever after)",
    )
    parser.add_argument(
        "--with-csc",
        action="store_true",
        help="run a provider of remote signatures too (CSC API v2), and let the proxy sign by it",
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", prog="signproxy sandbox")
    issue = verbs.add_parser(
        "issue",
        help="issue a certificate for a certificate signing request",
        description=_ISSUE_DESCRIPTION,
    )
    issue.add_argument("csr", metavar="CSR", type=_path, help="the request, PEM or DER")
    # Without a default of its own, so that `sandbox --dir STATE issue CSR` keeps what was said before.
    issue.add_argument("--dir", metavar="STATE", type=_path, default=argparse.SUPPRESS, help="the sandbox's folder")
    issue.add_argument(
        "--profile",
        choices=("legal-person", "natural-person", "eseal", "client"),
        default="legal-person",
        help="for whom (default: %(default)s)",
    )
    issue.add_argument("--out", metavar="FILE", type=_path, help="where to (default: standard output)")
    issue.set_defaults(run=run_issue)


def _path(text: str) -> "Path":
    from pathlib import Path

    return Path(text)


def run(arguments: argparse.Namespace) -> int:
    """Run the sandbox until told to stop. Raises SettingsError."""
    import asyncio

    from proxy.cli.exit_codes import ExitCode
    from proxy.sandbox.run import run_sandbox

    def announce(line: str) -> None:
        print(line, flush=True)

    asyncio.run(run_sandbox(arguments.dir, arguments.listen, announce, with_csc=arguments.with_csc))
    return ExitCode.OK


def run_issue(arguments: argparse.Namespace) -> int:
    """Issue one certificate. Raises SettingsError, OSError."""
    from cryptography.hazmat.primitives.hashes import SHA256

    from proxy.cli.exit_codes import ExitCode
    from proxy.ports import SystemClock
    from proxy.sandbox.issuing import issue_certificate

    issued = issue_certificate(arguments.dir, arguments.csr.read_bytes(), arguments.profile, SystemClock())
    if arguments.out is None:
        sys.stdout.write(issued.pem.decode("ascii"))
    else:
        arguments.out.write_bytes(issued.pem)
    certificate = issued.certificate
    print(f"subject: {certificate.subject.rfc4514_string()}", file=sys.stderr)
    print(f"valid until: {certificate.not_valid_after_utc.isoformat()}", file=sys.stderr)
    print(f"SHA-256: {certificate.fingerprint(SHA256()).hex()}", file=sys.stderr)
    return ExitCode.OK
