"""From the last byte of an upload to the first of its answer, over mutual TLS: it does not depend on the document's size.

The client writes through a blocking socket; the last byte is sent when the system has taken it.

    .venv/bin/python -m benchmarks.first_byte
"""

import socket
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.frame.case import Case, Goal, Measure, Sample, Sides
from benchmarks.frame.running import main
from benchmarks.frame.surroundings import CERTIFICATE, Service, Surroundings

PIECE = 1 << 18
SIZES = ("100 KB", "10 MB", "200 MB")


def wait(service: Service, tls: ssl.SSLContext, document: Path) -> Sample:
    """One exchange on a connection of its own; what counts is the wait between upload and answer."""
    head = (
        f"POST /v1/signatures/es?certificateId={CERTIFICATE} HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\n"
        f"Content-Type: application/pdf\r\nContent-Length: {document.stat().st_size}\r\nConnection: close\r\n\r\n"
    )
    with (
        socket.create_connection(("127.0.0.1", service.port)) as plain,
        tls.wrap_socket(plain, server_hostname="127.0.0.1") as there,
    ):
        there.sendall(head.encode())
        with document.open("rb", buffering=0) as file:
            while piece := file.read(PIECE):
                there.sendall(piece)
        sent = time.perf_counter()
        first = there.recv(PIECE)
        seconds = time.perf_counter() - sent
        assert first.startswith(b"HTTP/1.1 200"), first
        size = len(first)
        while piece := there.recv(PIECE):
            size += len(piece)
        assert size > document.stat().st_size
    return Sample(seconds)


@contextmanager
def _open(around: Surroundings) -> Iterator[Sides]:
    tls = around.client_tls()
    documents = {size: around.document(size) for size in SIZES}
    with around.service(engine__processes=1) as service:
        yield {size: partial(wait, service, tls, document) for size, document in documents.items()}


CASE = Case(
    name="first_byte",
    title="last uploaded byte → first response byte over HTTP",
    open=_open,
    goals=(Goal("200 MB ≤ 2 × 100 KB", "200 MB", Measure.SECONDS, 2.0, "100 KB"),),
    tls=True,
    rounds=15,
)

if __name__ == "__main__":
    sys.exit(main(CASE))
