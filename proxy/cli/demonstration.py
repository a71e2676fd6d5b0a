"""What ``signproxy demo`` does: sandbox, every form, judges, table."""

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from proxy.cli.exit_codes import ExitCode
from proxy.cli.running import run_until_done
from proxy.cli.terminal import explain, messages, output, printable
from proxy.client import Connection, SignedDocument, SigningClient
from proxy.errors import ProxyError
from proxy.model import SignAlgorithm, SignatureForm, SignatureRequest
from proxy.ports import SystemClock
from proxy.sandbox.info import SandboxInfo
from proxy.sandbox.invoice import make_invoice
from proxy.sandbox.judges import Judgement, judge_by_pdfsig, judge_by_pyhanko
from proxy.sandbox.run import running_sandbox


@dataclass(frozen=True, slots=True)
class Variant:
    """One key and algorithm worth showing; ``name`` is part of the result's file name."""

    name: str
    shown: str
    certificate: str
    sign_algorithm: SignAlgorithm


VARIANTS = (
    Variant("rsa", "RSA-3072, PKCS#1", "legal-person-rsa", SignAlgorithm.RSASSA_PKCS1_V1_5),
    Variant("pss", "RSA-3072, PSS", "eseal-rsa", SignAlgorithm.RSASSA_PSS),
    Variant("p256", "ECDSA P-256", "natural-person-p256", SignAlgorithm.ECDSA),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """One row: a form with one variant, what became of it, and what the judges say.

    Attributes:
        pdfsig: ``None`` where it is not installed, or nothing was signed.
    """

    form: SignatureForm
    variant: Variant
    output: Path
    milliseconds: float
    signed: SignedDocument | None = None
    error: ProxyError | OSError | None = None
    pyhanko: Judgement | None = None
    pdfsig: Judgement | None = None

    @property
    def good(self) -> bool:
        """Signed, and found valid by every judge there is."""
        by_pyhanko = self.pyhanko is not None and self.pyhanko.valid
        return by_pyhanko and (self.pdfsig is None or self.pdfsig.valid)


def demonstrate(pdf: Path | None, out: Path, state: Path | None, *, keep: bool) -> ExitCode:
    """Sign a PDF in every form through a sandbox, have the results judged, and show a table.

    Args:
        pdf: What to sign; ``None`` for an invoice that is put into ``out`` too.
        out: Where results go; results of an earlier demonstration are replaced.
        state: The sandbox's folder; ``None`` for a temporary one.
        keep: Whether the temporary one stays.

    Raises:
        SettingsError: The sandbox does not start.
        OSError: Results cannot be written.
    """
    said = messages()
    out.mkdir(parents=True, exist_ok=True)
    if pdf is None:
        pdf = out / "invoice.pdf"
        make_invoice(pdf, issued=SystemClock().now().astimezone().date())
    with _folder(state, said, keep=keep) as folder, ExitStack() as running:
        with said.status("starting the sandbox: CA, OCSP, CRLs, time-stamping authority, central signer, proxy"):
            sandbox = running.enter_context(running_sandbox(folder))
        with said.status(f"signing {printable(pdf.name)} in every form"):
            rows = run_until_done(_show_all(sandbox, pdf, out))
        with said.status("stopping the sandbox"):
            running.close()
    _write_table(output(), pdf, out, rows)
    return ExitCode.OK if all(row.good for row in rows) else ExitCode.FAILED


@contextmanager
def _folder(state: Path | None, said: Console, *, keep: bool) -> Iterator[Path]:
    """The sandbox's folder; a temporary one is gone at the end unless it is to be kept."""
    if state is not None:
        yield state
        return
    folder = Path(tempfile.mkdtemp(prefix="signproxy-demo-"))
    try:
        yield folder
    finally:
        if keep:
            said.print(f"the sandbox's folder: {folder} (`signproxy sandbox --dir {folder}` goes on with it)")
        else:
            shutil.rmtree(folder)


async def _show_all(sandbox: SandboxInfo, pdf: Path, out: Path) -> tuple[Shown, ...]:
    connection = Connection(
        sandbox.proxy,
        ca=sandbox.ca_file,
        client_certificate=sandbox.client_certificate,
        client_key=sandbox.client_key,
    )
    async with SigningClient(connection) as client:
        # What only the first call of a service costs (certificates, revocation data, engine processes) would hide the rest.
        await client.sign(pdf, _request(SignatureForm.ES_T, VARIANTS[0], sandbox, dry_run=True))
        return tuple([await _show(client, sandbox, pdf, out, form, variant) for form in SignatureForm for variant in VARIANTS])


def _request(form: SignatureForm, variant: Variant, sandbox: SandboxInfo, *, dry_run: bool = False) -> SignatureRequest:
    return SignatureRequest(
        form=form,
        certificate_id=sandbox.certificates[variant.certificate],
        sign_algorithm=variant.sign_algorithm,
        dry_run=dry_run,
    )


async def _show(
    client: SigningClient, sandbox: SandboxInfo, pdf: Path, out: Path, form: SignatureForm, variant: Variant
) -> Shown:
    result = out / f"{pdf.stem}.{form.lower()}.{variant.name}.pdf"
    begun = time.perf_counter()
    try:
        signed = await client.sign(pdf, _request(form, variant, sandbox), result, overwrite=True)
    except (ProxyError, OSError) as error:
        return Shown(form, variant, result, (time.perf_counter() - begun) * 1000, error=error)
    milliseconds = (time.perf_counter() - begun) * 1000
    pyhanko = await judge_by_pyhanko(result, sandbox.trust_anchors, form)
    return Shown(form, variant, result, milliseconds, signed, pyhanko=pyhanko, pdfsig=await judge_by_pdfsig(result))


def _write_table(console: Console, pdf: Path, out: Path, rows: Sequence[Shown]) -> None:
    """The table, what is wrong where something is, and the files; it fits into 80 columns."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("form", "key", "level", "valid until"):
        table.add_column(name, no_wrap=True)
    for name in ("bytes sent\nupstream", "ms"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("pyHanko", "pdfsig"):
        table.add_column(name, justify="center", no_wrap=True)
    for row in rows:
        signed = row.signed
        table.add_row(
            row.form,
            row.variant.shown,
            signed.level if signed else "",
            f"{signed.valid_until:%Y-%m-%d}" if signed and signed.valid_until else "",
            str(signed.upstream_sent) if signed else "",
            f"{row.milliseconds:.0f}",
            _mark(row.pyhanko, "✖"),
            _mark(row.pdfsig, "none" if signed else "✖"),
        )
    console.print(f"{printable(pdf)}, {pdf.stat().st_size:,} bytes, in every form:\n")
    console.print(table)
    console.print()
    bad = [row for row in rows if not row.good]
    for row in bad:
        console.print(Text(f"✖ {row.form}, {row.variant.shown}: {'; '.join(_reasons(row))}", "red"))
    console.print("every form is signed and found valid" if not bad else f"{len(bad)} of {len(rows)} are not valid")
    if any(row.signed is not None and row.pdfsig is None for row in rows):
        console.print("pdfsig is not installed (Debian: poppler-utils), so it was not asked")
    console.print(f"the files are in {printable(out.resolve())}:")
    for row in rows:
        if row.signed is not None:
            console.print(f"  {printable(row.output.name)}")


def _mark(judgement: Judgement | None, absent: str) -> Text:
    if judgement is None:
        return Text(absent, "dim")
    return Text("✔", "green") if judgement.valid else Text("✖", "red")


def _reasons(row: Shown) -> Iterator[str]:
    if row.error is not None:
        yield explain(row.error)
    for judge, judgement in (("pyHanko", row.pyhanko), ("pdfsig", row.pdfsig)):
        if judgement is not None and not judgement.valid:
            yield f"{judge}: {printable(judgement.reason)}"
