"""How ``signproxy demo`` goes: sandbox, every form, judges, table, and a picture of the sealed page."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from rich.console import Console

from proxy.cli.demonstrated import (
    FORMS,
    SEALED,
    VARIANTS,
    Shown,
    Step,
    remove_former_results,
    result_path,
    signing_steps,
    timestamping_steps,
)
from proxy.cli.demonstration_table import write_table
from proxy.cli.exit_codes import ExitCode
from proxy.cli.running import run_until_done
from proxy.cli.terminal import messages, output, printable
from proxy.client import Connection, SigningClient
from proxy.errors import MDPLocked, ProxyError
from proxy.model import SignatureRequest
from proxy.ports import SystemClock
from proxy.sandbox.info import SandboxInfo
from proxy.sandbox.invoice import make_invoice
from proxy.sandbox.judges import judge_by_pdfsig, judge_by_pyhanko
from proxy.sandbox.page_image import PageUnreadable, draw_first_page, first_page_size
from proxy.sandbox.run import running_sandbox
from proxy.sandbox.seal import sealed

_A4 = (210.0, 297.0)


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
        ProxyError: The document cannot be signed at all.
    """
    said = messages()
    out.mkdir(parents=True, exist_ok=True)
    today = SystemClock().now().astimezone().date()
    if pdf is None:
        pdf = out / "invoice.pdf"
        make_invoice(pdf, issued=today)
    size = _A4
    # What PDFium does not open the proxy may; then the seal goes where it would on a page of the usual size.
    with suppress(PageUnreadable):
        size = first_page_size(pdf)
    appearance = sealed(size, today)
    assert appearance.seal_image is not None
    (out / "seal.png").write_bytes(appearance.seal_image)
    with _folder(state, said, keep=keep) as folder, ExitStack() as running:
        with said.status("starting the sandbox: CA, OCSP, CRLs, time-stamping authority, central signer, proxy"):
            sandbox = running.enter_context(running_sandbox(folder))
        with said.status(f"signing {printable(pdf.name)} in every form"):
            steps = signing_steps(pdf, out, sandbox.certificates, appearance)
            rows = run_until_done(_show_all(sandbox, pdf, out, steps))
        with said.status("stopping the sandbox"):
            running.close()
    write_table(output(), pdf, out, rows, _picture(result_path(pdf, out, SEALED, VARIANTS[0])))
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


async def _show_all(sandbox: SandboxInfo, pdf: Path, out: Path, steps: tuple[Step, ...]) -> tuple[Shown, ...]:
    connection = Connection(
        sandbox.proxy,
        ca=sandbox.ca_file,
        client_certificate=sandbox.client_certificate,
        client_key=sandbox.client_key,
    )
    remove_former_results(steps)
    async with SigningClient(connection) as client:
        await _warm_up(client, sandbox, pdf)
        rows = [await _show(client, sandbox, step) for step in steps]
        after = timestamping_steps(pdf, out)
        remove_former_results(after)
        rows += [await _show(client, sandbox, step) for step in after]
    return tuple(rows)


async def _warm_up(client: SigningClient, sandbox: SandboxInfo, pdf: Path) -> None:
    """What only the first call of a service costs (certificates, revocation data, engine processes) would hide the rest.

    It also tells whether the document can be signed at all.

    Raises:
        ProxyError: It cannot, for another reason than that it is locked, which is worth a table.
    """
    request = SignatureRequest(form=FORMS[0].form, certificate_id=sandbox.certificates[VARIANTS[0].certificate], dry_run=True)
    with suppress(MDPLocked):
        await client.sign(pdf, request)


async def _show(client: SigningClient, sandbox: SandboxInfo, step: Step) -> Shown:
    begun = time.perf_counter()
    try:
        result = await step.perform(client)
    except (ProxyError, OSError) as error:
        return Shown(step, (time.perf_counter() - begun) * 1000, error=error)
    milliseconds = (time.perf_counter() - begun) * 1000
    pyhanko = await judge_by_pyhanko(step.output, sandbox.trust_anchors, step.level)
    pdfsig = None if step.level is None else await judge_by_pdfsig(step.output, total=step.total)
    return Shown(step, milliseconds, result, pyhanko=pyhanko, pdfsig=pdfsig)


def _picture(signed: Path) -> Path | None:
    """The sealed page as PNG; ``None`` where nothing was sealed, or PDFium does not open it."""
    picture = signed.with_suffix(".png")
    picture.unlink(missing_ok=True)
    if not signed.exists():
        return None
    try:
        draw_first_page(signed, picture)
    except PageUnreadable:
        return None
    return picture
