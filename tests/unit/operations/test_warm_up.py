"""What a task has found out before its first request, and what it says it could not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from proxy.app import open_services
from proxy.model import TransactionQuery
from proxy.operations.authorities import Authorities
from proxy.operations.credentials import Credentials
from proxy.operations.health import Health
from proxy.operations.journal import Journal
from proxy.operations.warm_up import WarmUp
from proxy.settings import Settings
from proxy.stores.transactions_sqlite import SQLiteTransactionLog
from proxy.telemetry.recorder import Telemetry
from proxy.trust.ocsp import build_request
from tests.support.central_server import CentralServer, Entry, central_server, problem
from tests.support.pki import CA_USAGE, NOW, SIGNER_USAGE, YEAR, FixedClock, Hierarchy, issue, new_call, ocsp_response
from tests.support.revocation_server import RevocationServer, revocation_server
from tests.support.tls_files import make_tls_files
from tests.support.tsa import Stamp, TSAServer, tsa_server


class Task:
    """A task that warms up, and what it stands on."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.clock = FixedClock()
        self.tls = make_tls_files(folder)
        self.root = issue("Root", ca=True, extensions=[CA_USAGE], ends=NOW + 20 * YEAR)
        self.time = Hierarchy.make("Time")
        (folder / "root.pem").write_bytes(self.root.pem)
        (folder / "time.pem").write_bytes(self.time.root.pem)
        self.central: CentralServer
        self.responder: RevocationServer
        self.tsa: TSAServer
        self.log: SQLiteTransactionLog

    async def start(self) -> None:
        self.central = await self.stack.enter_async_context(central_server(self.tls))
        self.responder = await self.stack.enter_async_context(revocation_server())
        self.tsa = await self.stack.enter_async_context(tsa_server(Stamp(self.time.tsa(), self.time.chain).reply))
        for name in ("granted", "more"):
            holder = issue(name, self.root, extensions=[SIGNER_USAGE, self.responder.ocsp_url])
            self.central.entries[name] = Entry(holder, (self.root.der,), ("ECDSA",), ("SHA-256",))
            request = build_request(holder.der, self.root.der)
            self.responder.ocsp[request] = ocsp_response(holder, self.root)

    async def warmed(self, *, free: bool = True, **warm_up: Any) -> tuple[Health, Credentials, Authorities, WarmUp]:
        """What is there after one round."""
        clients = [
            {"name": "a", "certificate_sha256": "0" * 64, "certificates": ["granted"]},
            {"name": "b", "certificate_sha256": "1" * 64, "certificates": ["*"]},
        ]
        tsa = [{"url": self.tsa.url, "trust_anchors": [self.folder / "time.pem"], "free_tokens": free}]
        settings = Settings.model_validate(
            {
                "listener": {"certificate": self.tls.server, "key": self.tls.server_key, "client_ca": self.tls.ca},
                "central": self.central.settings,
                "tsa": tsa,
                "trust": {"anchors": [self.folder / "root.pem"]},
                "revocation": {"allow": [self.responder.allow]},
                "stores": {"transaction_log": self.folder / "transactions.sqlite"},
                "clients": clients,
                "warm_up": warm_up,
            }
        )
        services = await self.stack.enter_async_context(open_services(settings, self.clock))
        assert settings.stores.transaction_log is not None
        self.log = await SQLiteTransactionLog.open(settings.stores.transaction_log, clock=self.clock)
        self.stack.push_async_callback(self.log.close)
        journal = Journal(self.log, self.clock, Telemetry(None))
        credentials = Credentials(services.registry, services.checker, self.clock)
        authorities = Authorities(journal)
        health = Health(registry=services.registry, links=services.links)
        made = WarmUp(
            settings=settings,
            credentials=credentials,
            tsa=services.tsa,
            authorities=authorities,
            journal=journal,
            health=health,
            clock=self.clock,
        )
        await made.round()
        self.profile = services.tsa.profile(None)
        return health, credentials, authorities, made


@pytest.fixture
async def task(tmp_path: Path) -> AsyncIterator[Task]:
    async with AsyncExitStack() as stack:
        made = Task(tmp_path, stack)
        await made.start()
        yield made


async def test_what_is_warm_costs_the_first_request_nothing(task: Task) -> None:
    health, credentials, authorities, _ = await task.warmed(certificates=["more"])
    assert health.missing == ()
    assert authorities.knows(task.profile)
    asked = len(task.central.asked), len(task.responder.asked), len(task.tsa.queries)
    assert asked == (3, 2, 1)
    for name in ("granted", "more"):
        call = new_call()
        await credentials.ready(call, name, None, None)
        assert call.ledger.exchanges == ()
    assert (len(task.central.asked), len(task.responder.asked)) == asked[:2]
    # The token is on record, as everything that left.
    (record,) = (await task.log.find(TransactionQuery(client=""))).records
    assert (record.operation, record.state, len(record.digests), len(record.exchanges)) == ("warm-up", "SUCCEEDED", 1, 1)


async def test_a_token_that_costs_is_not_had(task: Task) -> None:
    _, _, authorities, _ = await task.warmed(free=False)
    assert task.tsa.queries == []
    assert not authorities.knows(task.profile)


async def test_what_is_missing_is_told_and_tried_again(task: Task) -> None:
    task.central.fault = problem(503, "MAINTENANCE")
    task.tsa.status = 403
    with capture_logs() as logs:
        health, _, _, warm_up = await task.warmed(certificates=["nobody"], required=True, again_seconds=0.001)
    missing = ("central: MAINTENANCE", "certificate granted: MAINTENANCE", "certificate nobody: MAINTENANCE")
    assert health.missing == (*missing, "tsa default: TSA_ERROR")
    assert [line["missing"] for line in logs if line["event"] == "warm_up.incomplete"] == [list(health.missing)]
    task.central.fault, task.tsa.status = None, 200
    task.central.entries["nobody"] = task.central.entries["more"]
    await warm_up.complete()
    assert len(health.missing) == 0


async def test_it_takes_no_longer_than_it_may(task: Task) -> None:
    async def never(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    task.central.fault = never
    health, _, _, _ = await task.warmed(seconds=0.2)
    assert health.missing == ("central: TIMEOUT", "certificate granted: TIMEOUT")
