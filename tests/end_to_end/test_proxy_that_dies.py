"""What a proxy that is killed at any moment leaves: each document is signed once as its caller sees it, by the same key."""

import base64
import hashlib
import http.client
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.services import Service, serving
from tests.end_to_end.test_idempotency import CERTIFICATE, FIELD, FORMS, new_key, signed, valid_signatures
from tests.end_to_end.test_timestamps_documents import accepted
from tests.support.calling import Answer
from tests.support.mortal import BOUNDARIES, DOOM
from tests.support.pdf_files import plain_file, stream_object
from tests.support.sandbox import Sandbox
from tests.support.spawned import unnamed_files, until

REASON = "planted-reason-7c1f"

TIMESTAMPS: Mapping[str, str] = {"timestamp": "DocTimeStamp", "timestamp of a signed document": "ES_A"}
"""Their purposes."""


@dataclass(frozen=True, slots=True)
class Mortal:
    """A proxy that dies at the boundary a test names, and is started again."""

    service: Service
    folder: Path

    def boundaries(self, document: bytes, form: str) -> list[str]:
        """Those that a request passes."""
        return self.passed(lambda: self.ask(document, new_key(), form))

    def passed(self, ask: Callable[[], Answer]) -> list[str]:
        """The boundaries that the proxy passes while it is asked."""
        file = self.folder / "boundaries"
        file.unlink(missing_ok=True)
        answer = ask()
        assert answer.status == 200, answer.body
        return file.read_text().splitlines()

    def ask(self, document: bytes, key: str, form: str) -> Answer:
        caller = self.service.caller()
        if form in TIMESTAMPS:
            return caller.timestamp(document, TIMESTAMPS[form], headers={"Idempotency-Key": key})
        return signed(caller, document, key, form)

    def die_at(self, number: int, document: bytes, key: str, form: str) -> None:
        """Ask, and have the proxy die at the boundary of this number."""
        with self.dying(number), pytest.raises((OSError, http.client.HTTPException)):
            self.ask(document, key, form)

    @contextmanager
    def dying(self, number: int) -> Iterator[None]:
        """Have the proxy die at the boundary of this number while the body asks; then it is started again."""
        doom, dies = self.folder / "doom", self.child
        doom.write_text(str(number))
        yield
        assert not doom.exists()
        self.await_another_than(dies)

    @property
    def child(self) -> int | None:
        """The process that serves; ``None`` between two."""
        children = psutil.Process(self.service.pid).children()
        return next((one.pid for one in children), None)

    def await_another_than(self, pid: int | None) -> None:
        """Wait until the process that served is gone and another one takes its place."""
        until(lambda: self.child not in {None, pid})

    def ask_again(self, document: bytes, key: str, form: str) -> Answer:
        """Repeat until the proxy is there again."""
        return answer_of(lambda: self.ask(document, key, form))

    def assert_nothing_left(self) -> None:
        child = self.child
        assert child is not None
        until(lambda: not unnamed_files(child, self.service.spool), seconds=5)
        assert not list(self.service.spool.iterdir())


def answer_of(ask: Callable[[], Answer]) -> Answer:
    """The answer, once there is one."""
    answers: list[Answer] = []

    def answered() -> bool:
        try:
            answers.append(ask())
        except (OSError, http.client.HTTPException):
            return False
        return True

    until(answered, seconds=30)
    return answers[0]


@contextmanager
def mortal_proxy(sandbox: Sandbox, folder: Path) -> Iterator[Mortal]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(DOOM, str(folder / "doom"))
        environment.setenv(BOUNDARIES, str(folder / "boundaries"))
        changes = {
            "idempotency": {"lease_seconds": 0.5, "wait_seconds": 20.0},
            "revocation": {"timeout_seconds": 1.0},
        }
        with serving(sandbox, folder, changes, program=("-m", "tests.support.mortal")) as service:
            yield Mortal(service, folder)


@pytest.fixture(scope="module")
def mortal(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mortal]:
    with mortal_proxy(sandbox, tmp_path_factory.mktemp("mortal")) as proxy:
        yield proxy


def finish_after_dying(mortal: Mortal, sandbox: Sandbox, document: bytes, form: str, number: int, folder: Path) -> None:
    key = new_key()
    with sandbox.spending() as spent:
        mortal.die_at(number, document, key, form)
        answer = mortal.ask_again(document, key, form)
        assert answer.status == 200, answer.body
    assert mortal.ask_again(document, key, form).body == answer.body
    check_signed_once(sandbox, document, form, answer.body, folder)
    assert spent.signatures == (0 if form in TIMESTAMPS else 1)
    mortal.assert_nothing_left()


def check_signed_once(sandbox: Sandbox, document: bytes, form: str, result: bytes, folder: Path) -> None:
    """The result has what was asked for once, beside what the document had before."""
    signatures, stamps = valid_signatures(folder, document), accepted(document, sandbox, folder)
    signatures += [] if form in TIMESTAMPS else [True]
    stamps += [True] if form in TIMESTAMPS or form.startswith("es-a") else []
    assert (valid_signatures(folder, result), accepted(result, sandbox, folder)) == (signatures, stamps)


@pytest.mark.parametrize("boundary", ["before sign", "after sign", "kept values", "done"])
def test_what_a_dead_proxy_began_is_finished_by_a_repeat(
    mortal: Mortal, sandbox: Sandbox, invoice: bytes, tmp_path: Path, boundary: str
) -> None:
    number = mortal.boundaries(invoice, "es").index(boundary) + 1
    finish_after_dying(mortal, sandbox, invoice, "es", number, tmp_path)


@pytest.mark.full
def test_the_command_line_gets_its_answer_from_a_proxy_that_died(
    mortal: Mortal, sandbox: Sandbox, invoice: bytes, tmp_path: Path
) -> None:
    last = len(mortal.boundaries(invoice, "es"))
    (tmp_path / "contract.pdf").write_bytes(invoice)
    files = sandbox.folder.client("app")
    words = ["sign", str(tmp_path / "contract.pdf"), "--form", "es", "--certificate", CERTIFICATE, "--repeats", "10"]
    words += ["--proxy", mortal.service.url, "--ca", str(sandbox.info.ca_file)]
    words += ["--client-cert", str(files.certificate), "--client-key", str(files.key), "--quiet"]
    with sandbox.spending() as spent, mortal.dying(last):
        done = subprocess.run([sys.executable, "-m", "proxy", *words], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert valid_signatures(tmp_path, (tmp_path / "contract.signed.pdf").read_bytes()) == [True]
    assert spent.signatures == 1


@pytest.mark.full
def test_what_failed_after_the_signature_goes_on_by_the_same_key(mortal: Mortal, sandbox: Sandbox, invoice: bytes) -> None:
    key, form = new_key(), "es-a fresh"
    responder = psutil.Process(sandbox.info.processes["responder"])
    with sandbox.spending() as spent:
        mortal.die_at(mortal.boundaries(invoice, form).index("kept token") + 1, invoice, key, form)
        responder.suspend()
        try:
            failed = mortal.ask_again(invoice, key, form)
        finally:
            responder.resume()
        assert (failed.status, failed.code) == (502, "REVOCATION_UNAVAILABLE")
        assert signed(mortal.service.caller(), invoice, key, form, fieldName="another").code == "IDEMPOTENCY_CONFLICT"
        # A responder that did not answer is left alone for some seconds.
        until(lambda: mortal.ask(invoice, key, form).status == 200)
    assert mortal.ask(invoice, key, form).headers["Signature-Level"] == "B-LTA"
    # One of them is that of the request that told the boundaries.
    assert spent.signatures == 2


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("form", [*FORMS, *TIMESTAMPS])
def test_whenever_a_proxy_dies_the_document_is_signed_once(
    mortal: Mortal, sandbox: Sandbox, invoice: bytes, tmp_path: Path, form: str
) -> None:
    document = sandbox.app.sign(invoice, CERTIFICATE).body if TIMESTAMPS.get(form) == "ES_A" else invoice
    passed = mortal.boundaries(document, form)
    assert {"done", "recorded"} < set(passed)
    for number, boundary in enumerate(passed, start=1):
        # Between the end of one stage and the beginning of the next nothing happens.
        if number == 1 or not boundary.startswith("before "):
            print(form, number, boundary)  # noqa: T201 - which one it was, when it fails
            finish_after_dying(mortal, sandbox, document, form, number, tmp_path)


@pytest.mark.full
def test_a_repeat_that_dies_too_is_finished_by_the_next(
    mortal: Mortal, sandbox: Sandbox, invoice: bytes, tmp_path: Path
) -> None:
    passed = mortal.boundaries(invoice, "es-t")
    for boundary in ("kept update-0-0", "kept values", "kept token"):
        for again in (passed.index(name) + 1 for name in ("after prepare", "kept values", "after embed")):
            key = new_key()
            with sandbox.spending() as spent:
                mortal.die_at(passed.index(boundary) + 1, invoice, key, "es-t")
                # It passes fewer boundaries than the first time, and may well be through before this one.
                (mortal.folder / "doom").write_text(str(again))
                served = mortal.child
                with suppress(OSError, http.client.HTTPException):
                    mortal.ask_again(invoice, key, "es-t")
                if (mortal.folder / "doom").exists():
                    (mortal.folder / "doom").unlink()
                else:
                    mortal.await_another_than(served)
                answer = mortal.ask_again(invoice, key, "es-t")
            assert answer.status == 200, answer.body
            check_signed_once(sandbox, invoice, "es-t", answer.body, tmp_path)
            assert spent.signatures == 1
            mortal.assert_nothing_left()


@pytest.mark.full
def test_whenever_a_proxy_dies_digests_are_signed_once(mortal: Mortal, sandbox: Sandbox) -> None:
    hashes = [base64.b64encode(hashlib.sha256(bytes([number])).digest()).decode() for number in range(3)]
    members = {"certificateId": CERTIFICATE, "hashAlgorithm": "SHA-256", "hashes": hashes}

    def ask(key: str) -> Answer:
        return mortal.service.caller().post_json("/v1/signatures/hash", members, headers={"Idempotency-Key": key})

    for number, _ in enumerate(mortal.passed(lambda: ask(new_key())), start=1):
        key = new_key()
        with sandbox.spending() as spent:
            with mortal.dying(number), pytest.raises((OSError, http.client.HTTPException)):
                ask(key)
            values = answer_of(partial(ask, key)).members["signatures"]
        assert ask(key).members["signatures"] == values
        assert spent.signatures == 3


@pytest.mark.full
def test_an_answer_that_breaks_off_is_given_again(mortal: Mortal, sandbox: Sandbox, tmp_path: Path) -> None:
    # More than the sockets between hold, so that it is being sent when the proxy dies.
    document = plain_file(extra={1000: stream_object(random.Random(7).randbytes(24_000_000))}).with_table()
    key, served = new_key(), mortal.child
    assert served is not None
    with sandbox.spending() as spent:
        connection = mortal.service.caller().connect()
        headers = {"Content-Type": "application/pdf", "Idempotency-Key": key}
        target = f"/v1/signatures/es?certificateId={CERTIFICATE}&fieldName={FIELD}"
        connection.request("POST", target, document, headers)
        response = connection.getresponse()
        assert response.status == 200
        os.kill(served, signal.SIGKILL)
        with pytest.raises((OSError, http.client.HTTPException)):
            response.read()
        response.close()
        connection.close()
        mortal.await_another_than(served)
        again = mortal.ask_again(document, key, "es")
    assert hashlib.sha256(again.body).hexdigest() == response.headers["Result-SHA256"]
    check_signed_once(sandbox, document, "es", again.body, tmp_path)
    assert spent.signatures == 1
    mortal.assert_nothing_left()


def test_the_store_tells_nothing_of_a_document(mortal: Mortal, invoice: bytes) -> None:
    key = "planted-key-7c1f"
    headers = {"Idempotency-Key": key}
    params = {"certificateId": CERTIFICATE, "fieldName": FIELD, "reason": REASON}
    answer = mortal.service.caller().send_parts("/v1/signatures/es", invoice, params, headers=headers)
    assert answer.status == 200, answer.body
    with sqlite3.connect(mortal.folder / "idempotency.sqlite") as connection:
        connection.execute("PRAGMA wal_checkpoint(FULL)")
    content = b"".join(path.read_bytes() for path in mortal.folder.glob("idempotency.sqlite*"))
    assert len(content) > 10_000
    assert answer.transaction_id.encode() in content
    digest = hashlib.sha256(invoice)
    for planted in (
        REASON.encode(),
        REASON.encode("utf-16-be"),
        REASON.encode("utf-16-be").hex().encode(),
        FIELD.encode(),
        key.encode(),
        CERTIFICATE.encode(),
        b"startxref",
        digest.digest(),
        digest.hexdigest().encode(),
        answer.headers["Result-SHA256"].encode(),
    ):
        assert planted not in content, planted
    assert b'"app"' not in content
