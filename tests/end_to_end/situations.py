"""What it takes to provoke a failure: documents that cannot be signed, services in a bad moment, requests that do not end."""

import base64
import io
import json
import signal
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPSConnection
from itertools import repeat
from pathlib import Path
from typing import Any

import psutil
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec, MDPPerm, SigSeedSubFilter, SigSeedValFlags
from pyhanko.sign.fields import SigSeedValueSpec as SeedValues

from proxy.sandbox.authority import load_chain
from tests.end_to_end.faulty_central import FaultyCentral
from tests.end_to_end.odd_authorities import OddAuthorities
from tests.end_to_end.services import Service, free_port, is_listening, serving
from tests.support.calling import Answer, Caller, read_answer
from tests.support.pdf_files import plain_file, write_sized_file
from tests.support.sandbox import Sandbox
from tests.support.signed_files import signed_by_others, with_field
from tests.support.spawned import running, unnamed_files, until

Headers = Mapping[str, str]
Ask = Callable[[Headers], Answer]
"""Asks once, with the headers it is told to add."""

ES = "/v1/signatures/es?certificateId=eseal-p256"


@dataclass(frozen=True, slots=True)
class Services:
    """Whom a provocation may ask.

    Attributes:
        sandbox: The sandbox, as it is.
        narrow: A proxy with small limits and odd time-stamping authorities.
        misled: A proxy before a central signer that is wrong.
        maintained: A proxy in maintenance.
        folder: For files of one provocation.
    """

    sandbox: Sandbox
    narrow: Service
    misled: Service
    maintained: Service
    central: FaultyCentral
    odd: OddAuthorities
    folder: Path
    invoice: bytes = field(default_factory=lambda: plain_file().with_table())


# -- documents ------------------------------------------------------------------------------------------------------


def encrypted(data: bytes) -> bytes:
    """With a user password that nobody gave."""
    writer = copy_into_new_writer(PdfFileReader(io.BytesIO(data)))
    writer.encrypt("owner", "user")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def mandatory_seed(data: bytes) -> bytes:
    """With a field that wants another kind of signature."""
    seed = SeedValues(flags=SigSeedValFlags.SUBFILTER, subfilters=[SigSeedSubFilter.ADOBE_PKCS7_DETACHED])
    return with_field(data, "Seeded", seed_values=seed)


def locked(data: bytes, action: FieldMDPAction, *fields: str, level: MDPPerm | None = None) -> bytes:
    """With a signature by somebody else whose field locks others."""
    prepared = with_field(data, "First", lock=FieldMDPSpec(action, list(fields) or None), lock_level=level)
    return signed_by_others(prepared, "First", existing=True)


def certified(data: bytes) -> bytes:
    """By somebody else, against any change."""
    return signed_by_others(data, "C", certify=MDPPerm.NO_CHANGES)


def time_stamped(services: Services) -> bytes:
    """By the proxy, which costs a token."""
    answer = services.sandbox.app.timestamp(services.invoice)
    assert answer.status == 200, answer.body
    return answer.body


def text_field(data: bytes) -> bytes:
    """With a form whose field ``Name`` takes text."""
    del data
    field_object = b"<</FT/Tx/T(Name)/Type/Annot/Subtype/Widget/Rect[0 0 100 20]/P 10 0 R>>"
    return plain_file(catalog=b"/AcroForm<</Fields[1000 0 R]>>", extra={1000: field_object}).with_table()


def of_size(size: int) -> bytes:
    """A conforming document of so many bytes."""
    out = io.BytesIO()
    write_sized_file(out, size, repeat(bytes(1 << 20)))
    return out.getvalue()


# -- situations -----------------------------------------------------------------------------------------------------


@contextmanager
def stalled(caller: Caller, path: str, head: bytes, media_type: str) -> Iterator[HTTPSConnection]:
    """A request of which no more than the beginning of its body has come."""
    connection = caller.connect()
    try:
        connection.putrequest("POST", path)
        for name, value in (("Content-Type", media_type), ("Content-Length", str(len(head) + 1_000))):
            connection.putheader(name, value)
        connection.endheaders(head)
        yield connection
    finally:
        connection.close()


@contextmanager
def busy(services: Services) -> Iterator[Ask]:
    """Both slots are taken, and there is no queue."""
    app = services.narrow.caller()
    with stalled(app, ES, services.invoice, "application/pdf"), stalled(app, ES, services.invoice, "application/pdf"):
        until(lambda: len(unnamed_files(services.narrow.pid, services.narrow.spool)) == 2)
        yield lambda headers: app.sign(services.invoice, headers=headers)


@contextmanager
def hurried(services: Services) -> Iterator[Ask]:
    """The hour's request was sent before."""
    caller = services.narrow.caller("stranger")
    caller.get("/v1/certificates")
    yield lambda headers: caller.get("/v1/certificates", headers=headers)


@contextmanager
def key_of_another(services: Services) -> Iterator[Ask]:
    """The key stands for another document."""
    key = {"Idempotency-Key": str(uuid.uuid4())}
    app = services.sandbox.app
    assert app.sign(services.invoice, headers=key).status == 200
    yield lambda headers: app.sign(services.invoice + b"\n", headers={**headers, **key})


@contextmanager
def first_unanswered(services: Services) -> Iterator[Ask]:
    """The first request with the key waits for a central signer that does not answer."""
    settings = {
        "central": {"url": services.central.url},
        "idempotency": {"wait_seconds": 0.0},
        "limits": {"shutdown_seconds": 0.5},
    }
    key = {"Idempotency-Key": str(uuid.uuid4())}
    with serving(services.sandbox, services.folder / "front", settings) as front, ThreadPoolExecutor(1) as threads:
        app, asked = front.caller(), services.central.asked["hangs"]
        first = threads.submit(app.sign, services.invoice, "hangs", headers=key)
        until(lambda: services.central.asked["hangs"] > asked)
        yield lambda headers: app.sign(services.invoice, "hangs", headers={**headers, **key})
        psutil.Process(front.pid).send_signal(signal.SIGTERM)
        assert first.result().code == "SHUTTING_DOWN"


@contextmanager
def stopping(services: Services) -> Iterator[Ask]:
    """A proxy that was told to stop while one request has not ended."""
    with serving(services.sandbox, services.folder / "stopping", {"limits": {"shutdown_seconds": 30.0}}) as service:
        app = service.caller()
        with stalled(app, ES, services.invoice, "application/pdf") as connection:
            until(lambda: bool(unnamed_files(service.pid, service.spool)))
            psutil.Process(service.pid).send_signal(signal.SIGTERM)
            until(lambda: b'"service.stopping"' in service.log.read_bytes())
            yield lambda headers: app.sign(services.invoice, headers=headers)
            # Who was inside is served to the end.
            connection.send(b"\n" * 1_000)
            assert read_answer(connection).status == 200


@contextmanager
def central_killed(services: Services) -> Iterator[Ask]:
    """A central signer that was killed after it had signed."""
    with serving(services.sandbox, services.folder / "central", {}, service="central") as behind:
        settings = {"central": {"url": behind.url}}
        with serving(services.sandbox, services.folder / "front", settings) as front:
            app = front.caller()
            assert app.sign(services.invoice).status == 200
            psutil.Process(behind.pid).kill()
            yield lambda headers: app.sign(services.invoice, headers=headers)


@contextmanager
def authority_killed(services: Services) -> Iterator[Ask]:
    """A time-stamping authority's process that was killed after it had granted a token."""
    port, folder, sandbox = free_port(), services.folder / "killed", services.sandbox
    (folder / "tsa").mkdir(parents=True)
    addresses = json.loads(sandbox.folder.addresses.read_bytes())
    (folder / "addresses.json").write_text(json.dumps({**addresses, "tsa": port}))
    for file in (sandbox.folder.tsa().certificate, sandbox.folder.tsa().key):
        (folder / "tsa" / file.name).write_bytes(file.read_bytes())
    arguments = ["-m", "proxy.sandbox.tsa_server", "--dir", str(folder)]
    profile = {"url": f"http://127.0.0.1:{port}/tsa", "trust_anchors": [str(anchor) for anchor in sandbox.anchors]}
    with (
        running(arguments, folder / "tsa.log", lambda: is_listening(port)) as process,
        serving(sandbox, services.folder / "before-tsa", {"tsa": [profile]}) as service,
    ):
        app = service.caller()
        assert app.sign(services.invoice, form="es-t").status == 200
        process.kill()
        process.wait()
        yield lambda headers: app.sign(services.invoice, form="es-t", headers=headers)


def upload_that_stalls(services: Services, headers: Headers) -> Answer:
    connection = services.narrow.caller().connect()
    try:
        connection.putrequest("POST", ES)
        for name, value in {**headers, "Content-Type": "application/pdf", "Content-Length": "100000"}.items():
            connection.putheader(name, value)
        connection.endheaders(services.invoice)
        return read_answer(connection)
    finally:
        connection.close()


def too_large_by_its_header(services: Services, headers: Headers) -> Answer:
    connection = services.narrow.caller().connect()
    try:
        connection.putrequest("POST", ES)
        for name, value in {**headers, "Content-Type": "application/pdf", "Content-Length": "20000001"}.items():
            connection.putheader(name, value)
        connection.endheaders()
        return read_answer(connection)
    finally:
        connection.close()


def visible(appearance: Mapping[str, Any], seal_image: bytes | None = None) -> Callable[[Services, Headers], Answer]:
    """The invoice with a visible signature."""
    box = {"x": 20, "y": 20, "width": 40, "height": 20}
    params = {"certificateId": "eseal-p256", "appearance": {**box, **appearance}}
    return lambda services, headers: services.sandbox.app.send_parts(
        "/v1/signatures/es", services.invoice, params, seal_image=seal_image, headers=headers
    )


def narrow_seal_image(services: Services, headers: Headers) -> Answer:
    params = {"certificateId": "eseal-p256"}
    return services.narrow.caller().send_parts(
        "/v1/signatures/es", services.invoice, params, seal_image=bytes(3_001), headers=headers
    )


def narrow_json(services: Services, headers: Headers, members: dict[str, Any]) -> Answer:
    return services.narrow.caller().post_json("/v1/signatures/es", members, headers=headers)


def registration(services: Services, headers: Headers, key_id: str) -> Answer:
    leaf, *issuers = load_chain(services.sandbox.folder.signing("eseal-p256").certificate)
    ders = [base64.b64encode(item.public_bytes(Encoding.DER)).decode() for item in (leaf, *issuers)]
    members = {"keyId": key_id, "certificate": ders[0], "chain": ders[1:]}
    return services.sandbox.app.post_json("/v1/certificates", members, headers=headers)
