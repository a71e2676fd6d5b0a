"""A service in this process, over real TLS, before servers in this process, with something between that makes links fail.

What it stands on are a central signer, a time-stamping authority, and an OCSP and CRL host. Its documents are parsed by a real
engine process; the time of its links is the test's.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import psutil
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from proxy.api.application import make_api
from proxy.api.server import APIRunner
from proxy.api.tls import server_context
from proxy.app import open_operations, open_services
from proxy.model import LinkState
from proxy.operations.service import Operations
from proxy.outbound import client_tls
from proxy.ports import SystemClock
from proxy.settings import Settings
from proxy.trust.ocsp import build_request
from tests.support.central_server import CentralServer, Entry, central_server
from tests.support.fault_proxy import FaultProxy, fault_proxy
from tests.support.pdf_files import plain_file
from tests.support.pki import (
    CA_USAGE,
    NOW,
    SIGNER_USAGE,
    YEAR,
    Extension,
    FixedClock,
    Hierarchy,
    Holder,
    crl,
    crl_at,
    issue,
    ocsp_at,
    ocsp_response,
)
from tests.support.revocation_server import RevocationServer, revocation_server
from tests.support.spawned import unnamed_files
from tests.support.stepped import Seen, SteppedTime
from tests.support.tls_files import TLSFiles, make_tls_files
from tests.support.tsa import Stamp, TSAServer, tsa_server

SECONDS = 0.5
"""What a destination is given for an exchange."""

REQUEST_SECONDS = 15.0
PAUSE = 10.0
FAILURES = 4
"""In a row, until a breaker opens."""

SEALING_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

DOCUMENT = plain_file(pages=1).with_table()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller got, and after how many seconds."""

    status: int
    code: str
    retry_after: float | None
    seconds: float


@dataclass
class Bench:
    """All of it, running.

    Attributes:
        seen: What the links have told of themselves.
        links: What stands between, by destination: ``central``, ``tsa``, ``ocsp``, ``crl``.
    """

    time: SteppedTime
    clock: FixedClock
    tls: TLSFiles
    expired: TLSFiles
    stranger: TLSFiles
    root: Holder
    stamp: Stamp
    central: CentralServer
    tsa: TSAServer
    revocation: RevocationServer
    links: dict[str, FaultProxy]
    spool: Path
    seen: Seen = field(default_factory=Seen)
    operations: Operations | None = None
    session: aiohttp.ClientSession | None = None
    url: str = ""
    settled: set[asyncio.Task[Any]] = field(default_factory=set)

    def issue(self, certificate_id: str, where_to_ask: Extension) -> None:
        """Have the central signer sign with a new key and certificate under an id."""
        holder = issue(f"Signer {certificate_id}", self.root, extensions=[SIGNER_USAGE, where_to_ask])
        self.central.entries[certificate_id] = Entry(holder, (self.root.der,), ("ECDSA",), ("SHA-256",))
        self.revocation.ocsp[self.request_about(certificate_id)] = ocsp_response(holder, self.root, next_update=NOW + YEAR)

    def renew(self) -> None:
        """The same for ``c1``, once more."""
        self.issue("c1", self.revocation.ocsp_url)

    def request_about(self, certificate_id: str) -> bytes:
        """What the OCSP host is asked about a certificate."""
        return build_request(self.central.entries[certificate_id].holder.der, self.root.der)

    async def ask(self, certificate_id: str = "c1", *, form: str = "es", key: str | None = None) -> Answer:
        """Have a document signed."""
        headers = {"Content-Type": "application/pdf"} | ({} if key is None else {"Idempotency-Key": key})
        return await self._post(f"/v1/signatures/{form}?certificateId={certificate_id}", DOCUMENT, headers)

    async def ask_for_values(self, hashes: list[str], key: str | None = None) -> Answer:
        """Have digests signed."""
        members = {"certificateId": "c1", "hashAlgorithm": "SHA-256", "hashes": hashes}
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self._post("/v1/signatures/hash", members, headers)

    async def _post(self, path: str, body: bytes | dict[str, Any], headers: dict[str, str]) -> Answer:
        assert self.session is not None
        # Failures to get revocation data are remembered for some seconds.
        self.clock.advance(timedelta(seconds=6))
        given: dict[str, Any] = {"data": body} if isinstance(body, bytes) else {"json": body}
        begun = asyncio.get_running_loop().time()
        async with self.session.post(self.url + path, headers=headers, **given) as response:
            content = await response.read()
            seconds = asyncio.get_running_loop().time() - begun
            problem = response.content_type == "application/problem+json"
            code = (await response.json(content_type=None))["code"] if problem else "signed"
            assert problem or (response.status == 200 and content)
            wait = response.headers.get("Retry-After")
            return Answer(response.status, code, None if wait is None else float(wait), seconds)

    def link(self, destination: str) -> LinkState:
        """How the link to a destination is, by its name here."""
        assert self.operations is not None
        proxy = self.links[destination]
        name = destination if destination == "central" else f"{destination}:127.0.0.1:{proxy.port}"
        return next(state for state in self.operations.health.links if state.name == name)

    def certificate(self, certificate_id: str) -> LinkState:
        """What values of the certificate that an id stands for now were like."""
        assert self.operations is not None
        fingerprint = sha256(self.central.entries[certificate_id].holder.der).hexdigest()[:8]
        name = f"central:{certificate_id}:{fingerprint}"
        return next(state for state in self.operations.health.links if state.name == name)

    async def assert_nothing_left(self) -> None:
        """No task, no connection to a destination, no spooled document."""
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                while self._left():  # noqa: ASYNC110 - what is waited for has no event, and gets none for a test's sake
                    await asyncio.sleep(0)
        assert not self._left()

    def _left(self) -> list[object]:
        tasks: list[object] = [task for task in asyncio.all_tasks() - self.settled if not task.done()]
        ports = {proxy.port for proxy in self.links.values()}
        connections = [
            found
            for found in psutil.Process().net_connections("tcp")
            if found.status == psutil.CONN_ESTABLISHED and found.raddr.port in ports
        ]
        return [*tasks, *connections, *unnamed_files(os.getpid(), self.spool), *self.spool.iterdir()]


@asynccontextmanager
async def link_bench(folder: Path) -> AsyncIterator[Bench]:
    """Run it until the end of the block."""
    for name in ("tls", "expired", "stranger", "spool"):
        (folder / name).mkdir()
    tls = make_tls_files(folder / "tls")
    expired = make_tls_files(folder / "expired", server_left=-timedelta(hours=1))
    stranger = make_tls_files(folder / "stranger")
    bundle = folder / "bundle.pem"
    bundle.write_bytes(tls.ca.read_bytes() + expired.ca.read_bytes())
    root, time_pki = issue("Root", ca=True, extensions=[CA_USAGE], ends=NOW + 20 * YEAR), Hierarchy.make("Time")
    clock, time = FixedClock(), SteppedTime()
    stamp = Stamp(time_pki.tsa(), time_pki.chain)
    async with AsyncExitStack() as stack:
        central = await stack.enter_async_context(central_server(tls))
        tsa = await stack.enter_async_context(tsa_server(lambda query: stamp.but(gen_time=clock.now()).reply(query)))
        revocation = await stack.enter_async_context(revocation_server())
        required = tls.server_context()
        required.verify_mode = ssl.CERT_REQUIRED
        to_central = client_tls(tls.ca, tls.client, tls.client_key)
        links = {
            "central": await stack.enter_async_context(
                fault_proxy(_address(central.url), tls=required, upstream_tls=to_central)
            ),
            "tsa": await stack.enter_async_context(fault_proxy(_address(tsa.url), tls=tls.server_context())),
            "ocsp": await stack.enter_async_context(fault_proxy(_address(revocation.url))),
            "crl": await stack.enter_async_context(fault_proxy(_address(revocation.url))),
        }
        bench = Bench(time, clock, tls, expired, stranger, root, stamp, central, tsa, revocation, links, folder / "spool")
        bench.issue("c1", revocation.ocsp_url)
        bench.issue("ocsp", ocsp_at(f"{links['ocsp'].url}/ocsp"))
        bench.issue("crl", crl_at(f"{links['crl'].url}/crl"))
        revocation.crls["/crl"] = crl(root, following=NOW + YEAR)
        settings = _settings(folder, tls, bundle, root, time_pki, links, revocation)
        services = await stack.enter_async_context(
            open_services(settings, clock, time.links(bench.seen, **settings.links.model_dump()))
        )
        bench.operations = await stack.enter_async_context(open_operations(services))
        runner = APIRunner(make_api(settings, bench.operations, SystemClock()))
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context(settings.listener))
        await site.start()
        bench.url = f"https://127.0.0.1:{site.port}"
        connector = aiohttp.TCPConnector(ssl=client_tls(tls.ca, tls.client, tls.client_key))
        bench.session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        yield bench


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def _settings(
    folder: Path,
    tls: TLSFiles,
    bundle: Path,
    root: Holder,
    time_pki: Hierarchy,
    links: dict[str, FaultProxy],
    revocation: RevocationServer,
) -> Settings:
    (folder / "root.pem").write_bytes(root.pem)
    (folder / "time.pem").write_bytes(time_pki.root.pem)
    (folder / "sealing-key").write_text(SEALING_KEY)
    client = x509.load_pem_x509_certificate(tls.client.read_bytes())
    identity = {"ca": bundle, "client_certificate": tls.client, "client_key": tls.client_key}
    return Settings.model_validate(
        {
            "listener": {
                "host": "127.0.0.1",
                "port": 0,
                "certificate": tls.server,
                "key": tls.server_key,
                "client_ca": tls.ca,
            },
            "limits": {"request_seconds": REQUEST_SECONDS},
            "links": {"failures_to_open": FAILURES, "pause_seconds": PAUSE},
            "engine": {"processes": 1},
            "spool": {"directory": folder / "spool"},
            "central": {"url": links["central"].url, "timeout_seconds": SECONDS, **identity},
            "tsa": [
                {
                    "url": links["tsa"].url + "/tsa",
                    "trust_anchors": [folder / "time.pem"],
                    "timeout_seconds": SECONDS,
                    **identity,
                }
            ],
            "trust": {"anchors": [folder / "root.pem"]},
            "revocation": {
                "timeout_seconds": SECONDS,
                "cache_seconds": 0,
                "allow": [revocation.allow, *(links[name].url.removeprefix("http://") for name in ("ocsp", "crl"))],
            },
            "stores": {
                "transaction_log": folder / "transactions.sqlite",
                "idempotency": folder / "idempotency.sqlite",
                "sealing_key": f"file:{folder / 'sealing-key'}",
            },
            "clients": [
                {
                    "name": "app",
                    "certificate_sha256": client.fingerprint(SHA256()).hex(),
                    "operations": ["es", "es-t", "hash"],
                    "certificates": ["*"],
                }
            ],
        }
    )
