"""The product as it is deployed, on loopback: proxies before a central signer and a time-stamping authority.

Central signer, authority and proxies are processes of their own, TLS is between them, and the sandbox's PKI certifies them.
Before each upstream of the proxies stands a recorder. The recorders and the OCSP responder run in a thread with an event loop
of its own, so that they outlive the tests that look at them.
"""

import asyncio
import json
import random
import shutil
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler
from cryptography.hazmat.primitives.hashes import SHA256

from proxy.ports import SystemClock
from proxy.sandbox import profiles
from proxy.sandbox.authority import load_chain
from proxy.sandbox.configuration import EVERYTHING, HASH_SIGNING
from proxy.sandbox.folder import StateFolder
from proxy.sandbox.pki import client_crl, ensure_pki
from proxy.sandbox.responder import make_responder_app
from tests.invariants.service import Service, wait_until
from tests.support.recorder import Recorder, recording
from tests.support.software_keys import credential, sections

HOST = "127.0.0.1"
WATCHING = Path(__file__).parent / "watching" / "sitecustomize.py"

T = TypeVar("T")

Overrides = Mapping[str, Mapping[str, Any]]
"""Settings by section, laid over those of :meth:`Deployment.proxy`."""


@dataclass
class Responder:
    """The OCSP and CRL responder, as far as tests turn its knobs.

    Attributes:
        ocsp_down: Whether OCSP answers 503, so that a CRL is needed.
    """

    ocsp_down: bool = False


class Proxy(Service):
    """A proxy as a process, over mutual TLS.

    Attributes:
        url: Its base URL.
        spool: Where it spools, on disk.
    """

    def __init__(self, settings: Path, port: int, tls: ssl.SSLContext, watched: Path, spool: Path) -> None:
        self.url = f"https://{HOST}:{port}"
        self.port = port
        self.spool = spool
        self._tls = tls
        self._watched = watched
        super().__init__("proxy", "serve", "--settings", str(settings), path=[watched])

    @asynccontextmanager
    async def session(self, connections: int = 0) -> AsyncIterator[aiohttp.ClientSession]:
        """Its client; with as many connections as there are requests unless ``connections`` says otherwise."""
        connector = aiohttp.TCPConnector(limit=connections, ssl=self._tls)
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(self.url, connector=connector, timeout=timeout) as session:
            yield session

    def attempts(self) -> list[dict[str, Any]]:
        """What its processes tried beyond themselves, in order (see ``watching``)."""
        lines = (self._watched / "attempts.jsonl").read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def outcomes(self) -> dict[str, str]:
        """What came of the attempts that a plant made in an engine process."""
        found: dict[str, str] = json.loads((self._watched / "outcomes.json").read_bytes())
        return found

    def spooled(self) -> list[str]:
        """Documents in its spool: files with a name, and such without that a process holds open."""
        return [str(path) for path in self.spool.iterdir()] + self.files_below(self.spool)


@dataclass
class Deployment:
    """Everything behind the proxies, running.

    Attributes:
        central: What the proxies sent to the central signer.
        tsa: To the time-stamping authority.
        services: To the OCSP and CRL responder.
        central_process: The central signer.
    """

    folder: StateFolder
    central: Recorder
    tsa: Recorder
    services: Recorder
    responder: Responder
    central_process: Service
    _thread: "_LoopThread"
    _proxies: int = 0

    @property
    def recorders(self) -> dict[str, Recorder]:
        """By what stands behind them."""
        return {"central": self.central, "tsa": self.tsa, "services": self.services}

    def clear(self) -> None:
        """Forget what was recorded."""
        for recorder in self.recorders.values():
            self._thread.call(recorder.clear)

    @contextmanager
    def held_back(self, recorder: Recorder) -> Iterator[None]:
        """Let nothing through to an upstream while the body runs."""
        self._thread.call(recorder.hold)
        try:
            yield
        finally:
            self._thread.call(recorder.let_through)

    @contextmanager
    def proxy(self, *, plant: Mapping[str, Any] | None = None, **overrides: Mapping[str, Any]) -> Iterator[Proxy]:
        """A proxy that serves.

        Args:
            plant: Harm it is to do (see ``watching``).
            overrides: Settings by section.
        """
        self._proxies += 1
        folder = self.folder.root / f"proxy-{self._proxies}"
        watched = folder / "watching"
        watched.mkdir(parents=True)
        (folder / "spool").mkdir()
        shutil.copy(WATCHING, watched)
        if plant is not None:
            (watched / "plant.json").write_text(json.dumps(plant))
        port = free_port()
        settings = self._settings(folder, port, overrides)
        (folder / "proxy.toml").write_text(toml(settings))
        proxy = Proxy(
            folder / "proxy.toml", port, client_tls(self.folder, "app"), watched, Path(settings["spool"]["directory"])
        )
        try:
            proxy.wait_for("service.started")
            yield proxy
        finally:
            proxy.stop()

    def curl_options(self) -> list[str]:
        """How ``curl`` reaches a proxy as the client."""
        files = self.folder.client("app")
        ca = self.folder.anchor("tls-ca")
        return ["--cacert", str(ca), "--cert", str(files.certificate), "--key", str(files.key)]

    def _settings(self, folder: Path, port: int, overrides: Overrides) -> dict[str, Any]:
        towards_central = self.folder.client("proxy")
        tls_ca = str(self.folder.anchor("tls-ca"))
        anchors = [str(self.folder.anchor(name)) for name in profiles.TRUST_ANCHORS]
        values: dict[str, Any] = {
            "listener": listener(self.folder, "proxy", port),
            "central": {
                "url": f"https://{HOST}:{self.central.port}",
                "ca": tls_ca,
                "client_certificate": str(towards_central.certificate),
                "client_key": str(towards_central.key),
            },
            "tsa": [
                {
                    "url": f"https://{HOST}:{self.tsa.port}/tsa",
                    "ca": tls_ca,
                    "policy_oid": profiles.TSA_POLICY_OID,
                    "trust_anchors": anchors,
                }
            ],
            "revocation": {"allow": [f"{HOST}:{self.services.port}"]},
            "trust": {"anchors": anchors},
            "spool": {"directory": str(folder / "spool")},
            "stores": {"transaction_log": str(folder / "transactions.sqlite")},
            "engine": {"processes": 2},
            "clients": [client(self.folder, "app", EVERYTHING)],
        }
        for section, change in overrides.items():
            values[section] = {**values.get(section, {}), **change}
        return values


@contextmanager
def deployed(root: Path) -> Iterator[Deployment]:
    """Start everything behind the proxies in the folder ``root``; takes some seconds, most of them for RSA keys."""
    folder = StateFolder.at(root)
    central_port, tsa_port, responder_port = free_port(), free_port(), free_port()
    folder.root.mkdir(parents=True, exist_ok=True)
    ports = {"proxy": 0, "admin": 0, "central": central_port, "tsa": tsa_port, "responder": responder_port}
    folder.addresses.write_text(json.dumps(ports))
    with _LoopThread() as thread:
        services = thread.enter(recording((HOST, responder_port)))
        ensure_pki(folder, f"http://{HOST}:{services.port}", SystemClock())
        responder = Responder()
        thread.enter(_serving(_responder_app(folder, responder), responder_port))
        (root / "central.toml").write_text(toml(_central_settings(folder, central_port)))
        authority = Service("proxy.sandbox.tsa_server", "--dir", str(root), "--tls")
        central = Service("proxy", "serve", "--settings", str(root / "central.toml"))
        try:
            central.wait_for("service.started")
            wait_until(lambda: _listens(tsa_port), "the time-stamping authority listens")
            central_recorder = thread.enter(
                recording(
                    (HOST, central_port),
                    server_tls=_server_tls(folder, "central", demand_client=True),
                    upstream_tls=client_tls(folder, "proxy"),
                )
            )
            tsa_recorder = thread.enter(
                recording((HOST, tsa_port), server_tls=_server_tls(folder, "tsa"), upstream_tls=client_tls(folder, None))
            )
            yield Deployment(folder, central_recorder, tsa_recorder, services, responder, central, thread)
        finally:
            thread.close_contexts()
            central.stop()
            authority.stop()


def listener(folder: StateFolder, name: str, port: int) -> dict[str, Any]:
    """A listener's settings for mutual TLS."""
    files = folder.tls(name)
    return {
        "host": HOST,
        "port": port,
        "certificate": str(files.certificate),
        "key": str(files.key),
        "client_ca": str(folder.anchor("client-ca")),
        "client_crl": str(client_crl(folder)),
    }


def client(folder: StateFolder, name: str, operations: tuple[str, ...]) -> dict[str, Any]:
    """A client's enrolment, for every certificate."""
    fingerprint = load_chain(folder.client(name).certificate)[0].fingerprint(SHA256()).hex()
    return {"name": name, "certificate_sha256": fingerprint, "operations": list(operations), "certificates": ["*"]}


def client_tls(folder: StateFolder, name: str | None) -> ssl.SSLContext:
    """How a client connects to one of the servers; with its certificate, where it is named."""
    context = ssl.create_default_context(cafile=folder.anchor("tls-ca"))
    if name is not None:
        files = folder.client(name)
        context.load_cert_chain(files.certificate, files.key)
    return context


def _server_tls(folder: StateFolder, name: str, *, demand_client: bool = False) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    files = folder.tls(name)
    context.load_cert_chain(files.certificate, files.key)
    if demand_client:
        context.load_verify_locations(cafile=folder.anchor("client-ca"))
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _central_settings(folder: StateFolder, port: int) -> dict[str, Any]:
    return {
        "listener": listener(folder, "central", port),
        **sections(folder.central_keys, *(credential(folder.central_keys, profile.name) for profile in profiles.SIGNING)),
        # It would ask the responder through the recorder, as if the proxy did.
        "revocation": {"source": "off"},
        "trust": {"anchors": [str(folder.anchor(name)) for name in profiles.TRUST_ANCHORS]},
        "stores": {"transaction_log": str(folder.transaction_log("central"))},
        "engine": {"processes": 1},
        "clients": [client(folder, "proxy", HASH_SIGNING)],
    }


def _responder_app(folder: StateFolder, responder: Responder) -> web.Application:
    @web.middleware
    async def knobs(request: web.Request, handler: Handler) -> web.StreamResponse:
        if responder.ocsp_down and request.path.startswith("/ocsp"):
            await request.read()
            return web.Response(status=503)
        return await handler(request)

    app = make_responder_app(folder, SystemClock())
    app.middlewares.append(knobs)
    return app


@asynccontextmanager
async def _serving(app: web.Application, port: int) -> AsyncIterator[None]:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        yield
    finally:
        await runner.cleanup()


def free_port() -> int:
    """A port of loopback that nobody listens on: by chance, and below those that systems give to outgoing connections."""
    while True:
        port = random.SystemRandom().randrange(15_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def toml(values: Mapping[str, Any]) -> str:
    """Settings as an operator would write them: a table a section, one level deep."""
    lines = []
    for section, content in values.items():
        for table in content if isinstance(content, list) else [content]:
            lines.append(f"[[{section}]]" if isinstance(content, list) else f"[{section}]")
            # What JSON writes of texts, numbers, truth values and lists of texts reads the same in TOML.
            lines.extend(f"{key} = {json.dumps(value)}" for key, value in table.items())
    return "\n".join(lines) + "\n"


class _LoopThread:
    """An event loop in a thread of its own, and the contexts that are open in it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="recorders")
        self._stack = AsyncExitStack()

    def __enter__(self) -> "_LoopThread":
        self._thread.start()
        return self

    def enter(self, context: AbstractAsyncContextManager[T]) -> T:
        """Open a context there."""
        return asyncio.run_coroutine_threadsafe(self._stack.enter_async_context(context), self._loop).result(30)

    def call(self, function: Callable[[], None]) -> None:
        """Run a function there."""

        async def run() -> None:
            function()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(30)

    def close_contexts(self) -> None:
        """Leave all contexts. Doing so twice is harmless."""
        asyncio.run_coroutine_threadsafe(self._stack.aclose(), self._loop).result(30)

    def __exit__(self, *_: object) -> None:
        try:
            self.close_contexts()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
