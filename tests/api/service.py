"""The edge on a real socket, with real TLS or behind the headers of a load balancer, and callers for it."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import web

from proxy.api.application import make_api
from proxy.api.context import EDGE, Edge
from proxy.api.server import APIRunner
from proxy.api.tls import followed_server_context
from proxy.following import FollowedFiles
from proxy.model import TransactionQuery, TransactionRecord
from proxy.operations.service import Operations
from proxy.settings import Settings
from proxy.stores.transactions_sqlite import SQLiteTransactionLog
from tests.api.authority import Authority, Identity
from tests.api.fakes import Backend, Work, make_operations

PDF = b"%PDF-1.7\n% a document that nobody parses\n" + bytes(range(256)) * 20


class SettableClock:
    """The machine's time, moved by what a test says."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset


@dataclass(frozen=True, slots=True)
class People:
    """Who takes part: the authority, the server, and clients that are enrolled, and some that are not."""

    authority: Authority
    server: Identity
    alice: Identity
    bob: Identity
    stranger: Identity


def make_people(folder: Path) -> People:
    authority = Authority(folder)
    return People(
        authority,
        authority.issue("server", server=True),
        authority.issue("alice"),
        authority.issue("bob"),
        authority.issue("stranger"),
    )


def settings_for(people: People, folder: Path, **changes: Any) -> Settings:
    """Alice may do everything with seal-1 to seal-3; Bob may make ES with seal-2 alone."""
    values: dict[str, Any] = {
        "listener": {
            "host": "127.0.0.1",
            "port": 0,
            "certificate": people.server.certificate_file,
            "key": people.server.key_file,
            "client_ca": people.authority.file,
        },
        "software": {"directory": folder},
        "stores": {"transaction_log": folder / "transactions.sqlite"},
        "spool": {"directory": folder},
        "clients": [
            {
                "name": "alice",
                "certificate_sha256": people.alice.sha256,
                "operations": [
                    *(
                        "es",
                        "es-t",
                        "verify",
                        "hash",
                        "timestamp-hash",
                        "certificates",
                        "register",
                        "revocation",
                        "keys",
                        "csr",
                    ),
                ],
                "certificates": ["seal-1", "seal-2", "seal-3"],
            },
            {
                "name": "bob",
                "issuer": people.bob.certificate.issuer.rfc4514_string(),
                "serial_number": f"{people.bob.certificate.serial_number:x}",
                "operations": ["es"],
                "certificates": ["seal-2"],
            },
        ],
    }
    for section, change in changes.items():
        values[section] = {**values.get(section, {}), **change} if isinstance(change, dict) else change
    return Settings.model_validate(values)


def behind_load_balancer(**listener: Any) -> dict[str, Any]:
    """Plain HTTP, the client in a header."""
    return {
        "mode": "load-balancer",
        "certificate": None,
        "key": None,
        "trusted_addresses": ["127.0.0.0/8"],
        **listener,
    }


def leaf_header(identity: Identity) -> dict[str, str]:
    """As the load balancer writes it: URL-encoded PEM with ``+``, ``=`` and ``/`` as they are."""
    return {"X-Amzn-Mtls-Clientcert-Leaf": quote(identity.pem, safe="+=/")}


@dataclass(slots=True)
class Service:
    """A running edge, and what is behind it."""

    people: People
    settings: Settings
    work: Work
    backend: Backend
    operations: Operations
    clock: SettableClock
    runner: APIRunner
    application: web.Application
    log: SQLiteTransactionLog
    files: FollowedFiles
    port: int = 0
    sessions: list[aiohttp.ClientSession] = field(default_factory=list)

    @property
    def edge(self) -> Edge:
        return self.application[EDGE]

    @property
    def secure(self) -> bool:
        return self.settings.listener.certificate is not None

    @property
    def url(self) -> str:
        return f"{'https' if self.secure else 'http'}://127.0.0.1:{self.port}"

    def trust(self, identity: Identity | None = None) -> ssl.SSLContext | bool:
        if not self.secure:
            return False
        context = ssl.create_default_context(cafile=self.people.authority.file)
        if identity is not None:
            context.load_cert_chain(identity.certificate_file, identity.key_file)
        return context

    def session(self, identity: Identity | None = None, **options: Any) -> aiohttp.ClientSession:
        headers = leaf_header(identity) if identity is not None and not self.secure else {}
        session = aiohttp.ClientSession(
            self.url, connector=aiohttp.TCPConnector(ssl=self.trust(identity), limit=0), headers=headers, **options
        )
        self.sessions.append(session)
        return session

    @property
    def alice(self) -> aiohttp.ClientSession:
        return self.session(self.people.alice)

    async def records(self, client: str = "alice", *, at_least: int = 0) -> list[TransactionRecord]:
        """A client's transactions, once there are that many."""
        async with asyncio.timeout(20):
            while True:
                page = await self.log.find(TransactionQuery(client=client))
                if len(page.records) >= at_least:
                    return list(page.records)

    async def curl(self, *arguments: str, identity: Identity | None = None) -> "CurlResult":
        """Run ``curl`` as Alice."""
        identity = identity or self.people.alice
        process = await asyncio.create_subprocess_exec(
            "curl",
            "--silent",
            "--show-error",
            "--include",
            "--noproxy",
            "*",
            "--cacert",
            str(self.people.authority.file),
            "--cert",
            str(identity.certificate_file),
            "--key",
            str(identity.key_file),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return CurlResult(process.returncode or 0, out, err.decode())


@dataclass(frozen=True, slots=True)
class CurlResult:
    """What ``curl --include`` printed: interim answers, headers, body."""

    code: int
    output: bytes
    complaint: str

    @property
    def answers(self) -> list[tuple[int, dict[str, str], bytes]]:
        found = []
        rest = self.output
        while rest.startswith(b"HTTP/"):
            head, _, rest = rest.partition(b"\r\n\r\n")
            status, *lines = head.decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            found.append((int(status.split()[1]), headers, rest))
        return found

    @property
    def status(self) -> int:
        return self.answers[-1][0]

    @property
    def headers(self) -> dict[str, str]:
        return self.answers[-1][1]

    @property
    def body(self) -> bytes:
        return self.answers[-1][2]


@asynccontextmanager
async def running(people: People, folder: Path, **changes: Any) -> AsyncIterator[Service]:
    """Serve until the end of the block; then nothing is left open."""
    settings = settings_for(people, folder, **changes)
    clock, work, backend = SettableClock(), Work(), Backend()
    assert settings.stores.transaction_log is not None
    log = await SQLiteTransactionLog.open(settings.stores.transaction_log, clock=clock)
    files = FollowedFiles()
    operations = make_operations(work, backend, log, clock, settings.maintenance, files)
    application = make_api(settings, operations, clock, files)
    runner = APIRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=followed_server_context(settings.listener, files))
    await site.start()
    service = Service(people, settings, work, backend, operations, clock, runner, application, log, files, site.port)
    try:
        yield service
    finally:
        for session in service.sessions:
            await session.close()
        await runner.cleanup()
        await operations.telemetry.close()
        await log.close()
        assert all(document._fd < 0 for document in work.documents), "a spool was left open"


async def until(condition: Callable[[], bool]) -> None:
    """Let the service work until something shows."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event, and gets none for a test's sake
            await asyncio.sleep(0)


async def problem(response: aiohttp.ClientResponse) -> dict[str, Any]:
    """A problem's members, after checking what all problems share."""
    assert response.content_type == "application/problem+json"
    members: dict[str, Any] = json.loads(await response.read())
    assert members["status"] == response.status
    assert members["transactionId"] == response.headers["Transaction-Id"]
    assert members["title"]
    assert members["detail"]
    return members


async def code_of(response: aiohttp.ClientResponse) -> str:
    """A problem's code."""
    return str((await problem(response))["code"])
