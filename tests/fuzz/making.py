"""Make the seeds anew: ``python -m tests.fuzz.making``.

Every form of the proxy, by the sandbox over the wire; what pyHanko, OpenSSL and poppler sign with the sandbox's certificates;
on documents of many producers. They are kept, not made by each test run, so that one damage is the same damage everywhere.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec, MDPPerm

from tests.conformance.producers import PRODUCERS
from tests.fuzz.seeds import FOLDER, INDEX
from tests.support import odd_files
from tests.support.attacks.documents import SIGNED_FIELD_NAME, prepared
from tests.support.calling import Answer
from tests.support.made_up_signatures import made_up
from tests.support.pdf_files import PdfFile, plain_file, stream_object
from tests.support.sandbox import Sandbox, started_sandbox
from tests.support.sealed_by_others import sealed_by_others
from tests.support.signed_files import with_field

INVOICE = plain_file(pages=2).with_table()
SIGNER = "eseal-p256"
ROOTS = ("rsa-root", "p256-root")
ISSUING = ("rsa-issuing", "p256-issuing")
SOME_PRODUCERS = (
    "PDF 1.3",
    "PDF 2.0",
    "no final end of line",
    "fpdf2",
    "pyHanko, table",
    "pyHanko, stream",
    "PDFium",
    "cairo",
    "poppler",
    "qpdf, linearized",
    "qpdf, linearized with object streams",
    "qpdf, QDF",
    "RC4 40",
    "RC4 128",
    "AES 128",
    "AES 256",
)


class Maker:
    """Asks the sandbox for one seed after the other."""

    def __init__(self, sandbox: Sandbox, scratch: Path) -> None:
        self._sandbox = sandbox
        self._scratch = scratch

    def signed(self, form: str, document: bytes = INVOICE, certificate: str = SIGNER, **query: str) -> bytes:
        return _body(self._sandbox.app.sign(document, certificate, form=form, query=query))

    def stamped(self, document: bytes = INVOICE, purpose: str = "DocTimeStamp") -> bytes:
        return _body(self._sandbox.app.timestamp(document, purpose))

    def visible(self, form: str) -> bytes:
        box = {"x": 20, "y": 20, "width": 60, "height": 20, "text": "approved"}
        parameters = {"certificateId": SIGNER, "appearance": box}
        return _body(self._sandbox.app.send_parts(f"/v1/signatures/{form}", INVOICE, parameters))

    def by_pyhanko(self, document: bytes, *, lta: bool = False, certify: MDPPerm | None = None) -> bytes:
        return asyncio.run(sealed_by_others(self._sandbox, document, "Theirs", lta=lta, certify=certify))

    def by_openssl(self, *options: str) -> bytes:
        """``openssl cms`` in a signature dictionary of our own, with room to spare."""
        file = plain_file(catalog=b"/AcroForm<</Fields[8 0 R]/SigFlags 3>>")
        file.objects[8] = b"<</FT/Sig/Type/Annot/Subtype/Widget/Rect[0 0 0 0]/T(OpenSSL)/V 9 0 R>>"
        document = made_up(file, 9, b"/M(D:20261125000000Z)", b"/Type/Sig/SubFilter/adbe.pkcs7.detached", room=12_000)
        start = document.rindex(b"/Contents<") + len(b"/Contents")
        end = document.index(b">", start) + 1
        covered, signature = self._scratch / "covered", self._scratch / "signature"
        covered.write_bytes(document[:start] + document[end:])
        files = self._sandbox.folder.signing(SIGNER)
        issuer = self._sandbox.folder.authority("p256-issuing") / "certificate.pem"
        command = ["openssl", "cms", "-sign", "-binary", "-nosmimecap", "-md", "sha256", "-outform", "DER", *options]
        identity: list[str | Path] = ["-signer", files.certificate, "-certfile", issuer, "-inkey", files.key]
        subprocess.run([*command, *identity, "-in", covered, "-out", signature], check=True)
        value = signature.read_bytes().hex().encode().ljust(end - start - 2, b"0")
        return document[: start + 1] + value + document[end - 1 :]

    def by_poppler(self) -> bytes:
        """``pdfsig`` with a database of NSS's (libnss3-tools)."""
        files, database = self._sandbox.folder.signing("eseal-rsa"), self._scratch / "nss"
        database.mkdir()
        bundle, before, after = (self._scratch / name for name in ("signer.p12", "before.pdf", "after.pdf"))
        before.write_bytes(INVOICE)
        signer: list[str | Path] = ["-in", files.certificate, "-inkey", files.key, "-name", "signer"]
        commands: tuple[list[str | Path], ...] = (
            ["openssl", "pkcs12", "-export", *signer, "-passout", "pass:", "-out", bundle],
            ["certutil", "-N", "-d", database, "--empty-password"],
            ["pk12util", "-i", bundle, "-d", database, "-W", "", "-K", ""],
            ["pdfsig", "-nssdir", database, "-nss-pwd", "", "-add-signature", "-nick", "signer", before, after],
        )
        for command in commands:
            subprocess.run(command, check=True, capture_output=True)
        return after.read_bytes()

    def surroundings(self) -> Iterator[tuple[str, bytes]]:
        """The roots, and what each authority says is revoked, now: files by name."""
        services = f"http://{urlsplit(self._sandbox.info.ocsp).netloc}"
        names = [*(f"ca/{name}.cer" for name in ROOTS), *(f"crl/{name}.crl" for name in (*ROOTS, *ISSUING))]
        for name in names:
            with urllib.request.urlopen(f"{services}/{name}") as answer:  # noqa: S310 - the sandbox's own
                yield name.partition("/")[2], answer.read()


def _body(answer: Answer) -> bytes:
    assert answer.status == 200, answer.body
    return answer.body


def scan() -> bytes:
    """A page that is one image, as scanners write them."""
    image = b"/Type/XObject/Subtype/Image/Width 8/Height 11/BitsPerComponent 8/ColorSpace/DeviceGray"
    objects = dict(plain_file().objects)
    objects[10] = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</XObject<</Im 5 0 R>>>>/Contents 4 0 R>>"
    objects[4] = stream_object(b"q 595 0 0 842 0 0 cm /Im Do Q")
    objects[5] = stream_object(bytes(range(88)), image)
    return PdfFile(objects).with_table()


def locked_field() -> bytes:
    """A form whose signature field locks the others once it is signed."""
    lock = FieldMDPSpec(FieldMDPAction.INCLUDE, ["Amount"])
    return with_field(prepared().with_table(), "Lock", lock=lock, lock_level=MDPPerm.FILL_FORMS)


def recipes(make: Maker, scratch: Path) -> Mapping[str, Callable[[], bytes]]:
    """Every seed by its name."""
    own: dict[str, Callable[[], bytes]] = {
        "es-rsa": lambda: make.signed("es", certificate="eseal-rsa"),
        "es-pss": lambda: make.signed("es", certificate="natural-person-rsa", signAlgorithm="RSASSA-PSS"),
        "es-sha512": lambda: make.signed("es", certificate="test-rsa2048", hashAlgorithm="SHA-512"),
        "es-p384": lambda: make.signed("es", certificate="test-p384"),
        "es-p521": lambda: make.signed("es", certificate="test-p521"),
        "es-visible": lambda: make.visible("es"),
        "es-scan": lambda: make.signed("es", scan()),
        "es-existing-field": lambda: make.signed(
            "es", prepared().with_table(), fieldName=SIGNED_FIELD_NAME, existingFieldOnly="true"
        ),
        "es-lock": lambda: make.signed("es", locked_field(), fieldName="Lock", existingFieldOnly="true"),
        "es-hybrid": lambda: make.signed("es", odd_files.hybrid()),
        "es-object-stream": lambda: make.signed("es", odd_files.with_object_stream()),
        "es-behind-bytes": lambda: make.signed("es", odd_files.behind(b"MIME: none\r\n\r\n", INVOICE)),
        "es-short-entries": lambda: make.signed("es", odd_files.with_short_entries(INVOICE)),
        "es-t": lambda: make.signed("es-t", certificate="legal-person-p256"),
        "es-t-ltv": lambda: make.signed("es-t", ltv="true"),
        "mdp-1": lambda: make.signed("mdp"),
        "mdp-2-without-ltv": lambda: make.signed("mdp", docMdp="2", ltv="false"),
        "mdp-3": lambda: make.signed("mdp", docMdp="3"),
        "mdp-2-then-signed": lambda: make.signed("es-t", make.signed("mdp", docMdp="2", ltv="false")),
        "es-a": lambda: make.signed("es-a"),
        "es-a-visible": lambda: make.visible("es-a"),
        "es-a-extended": lambda: make.stamped(make.signed("es-a"), "ES_A"),
        "es-t-extended": lambda: make.stamped(make.signed("es-t"), "ES_A"),
        "signed-twice": lambda: make.signed("es", make.signed("es"), certificate="legal-person-p256"),
        "signed-then-archived": lambda: make.signed("es-a", make.signed("es-t")),
        "timestamp": make.stamped,
        "timestamp-then-signed": lambda: make.signed("es", make.stamped()),
    }
    others: dict[str, Callable[[], bytes]] = {
        "pyhanko-lt": lambda: make.by_pyhanko(INVOICE),
        "pyhanko-lta": lambda: make.by_pyhanko(INVOICE, lta=True),
        "pyhanko-certified": lambda: make.by_pyhanko(INVOICE, certify=MDPPerm.ANNOTATE),
        "pyhanko-object-stream": lambda: make.by_pyhanko(odd_files.with_object_stream()),
        "pyhanko-extended": lambda: make.stamped(make.by_pyhanko(INVOICE), "ES_A"),
        "openssl-cades": lambda: make.by_openssl("-cades"),
        "openssl-key-identifier": lambda: make.by_openssl("-keyid"),
        "poppler": make.by_poppler,
    }
    made = {
        f"es-on-{name.lower().replace(', ', '-').replace(' ', '-')}": lambda name=name: make.signed(
            "es", PRODUCERS[name](scratch)
        )
        for name in SOME_PRODUCERS
    }
    return {**own, **others, **made}


def main() -> int:
    """Make them all; the exit status."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        with started_sandbox(scratch) as sandbox:
            make = Maker(sandbox, scratch)
            for name, recipe in recipes(make, scratch).items():
                (FOLDER / f"{name}.pdf").write_bytes(recipe())
            for name, data in make.surroundings():
                (FOLDER / name).write_bytes(data)
    at = (datetime.now(UTC) + timedelta(minutes=2)).isoformat(timespec="seconds")
    INDEX.write_text(json.dumps({"at": at}) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
