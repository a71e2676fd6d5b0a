"""The only module that knows every adapter: it opens them by the settings, once, and closes them in turn.

``open_services`` is everything below the edge, for the service, the command line and tests alike; ``serve`` is the service.
"""

import asyncio
import gc
import logging
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from proxy.api.application import make_admin, make_api
from proxy.api.server import APIRunner
from proxy.api.tls import followed_server_context
from proxy.engine.pool import EnginePool
from proxy.errors import SettingsError
from proxy.following import FollowedFiles
from proxy.model import EvidenceOrigin, ValidationPolicy
from proxy.operations.authorities import Authorities
from proxy.operations.certificates import Certificates
from proxy.operations.credentials import Credentials
from proxy.operations.hashes import HashSigning
from proxy.operations.health import Health
from proxy.operations.idempotency import Idempotency
from proxy.operations.journal import Journal
from proxy.operations.keys import Keys
from proxy.operations.maintenance import MaintenanceCheck
from proxy.operations.observation import Observation
from proxy.operations.proofs import Proofs
from proxy.operations.service import Operations
from proxy.operations.signing import DocumentSigning
from proxy.operations.timestamping import DocumentTimestamping
from proxy.operations.timestamps import TimestampRelay
from proxy.operations.validating import EvidenceValidation
from proxy.operations.verification import DocumentVerification
from proxy.operations.warm_up import WarmUp
from proxy.outbound import Links
from proxy.pades.engine import TASKS, PAdESEngine
from proxy.ports import CertificateStore, Clock, RevocationSource, SystemClock
from proxy.secret_files import kept_secret_files
from proxy.settings import LogSettings, Settings
from proxy.signers.registry import SignerRegistry
from proxy.stores.certificates_sqlite import SQLiteCertificateStore
from proxy.stores.opening import opened_stores
from proxy.telemetry.recorder import Telemetry
from proxy.trust.anchors import TrustAnchors, load_anchors
from proxy.trust.caching import CachedRevocationSource
from proxy.trust.credential_check import CredentialChecker
from proxy.trust.issuers import IssuerFetcher
from proxy.trust.network import NetworkRevocationSource
from proxy.trust.paths import PathFinder
from proxy.trust.validation_material import MaterialSource
from proxy.tsa.profiles import TSAProfiles
from proxy.validation.engine import ValidationEngine
from proxy.validation.policy import deployment_policy

if TYPE_CHECKING:
    from proxy.telemetry.tracing import Tracing

_log = structlog.get_logger("proxy.service")


@dataclass(frozen=True, slots=True)
class Services:
    """What the settings name, open and ready: the adapters behind the ports, without the document engine and the edge.

    Attributes:
        policy: What is demanded of signatures that are verified.
        witnesses: Finds paths to all of its anchors, of signers and of time-stamping authorities: whom to ask about revocation.
    """

    settings: Settings
    clock: Clock
    telemetry: Telemetry
    links: Links
    registry: SignerRegistry
    tsa: TSAProfiles
    policy: ValidationPolicy
    witnesses: PathFinder
    revocation: RevocationSource | None
    checker: CredentialChecker


@asynccontextmanager
async def open_services(settings: Settings, clock: Clock | None = None, links: Links | None = None) -> AsyncIterator[Services]:
    """Open the adapters to signers, time-stamping authorities and revocation data.

    Args:
        settings: Which ones.
        clock: Instead of the machine's.
        links: Instead of such as the settings describe.

    Raises:
        SettingsError: A file they name cannot be used, or a key backend refuses what they say.
    """
    clock = clock or SystemClock()
    connections = settings.limits.upstream_in_flight
    async with AsyncExitStack() as stack:
        # Before anything that names one of these files.
        await stack.enter_async_context(kept_secret_files(settings.secret_files, settings.reload.secrets_seconds))
        telemetry = Telemetry(_tracing(settings), settings.telemetry.embedded_metrics)
        stack.push_async_callback(telemetry.close)
        links = links or Links(settings.links, observer=telemetry, files=FollowedFiles(settings.reload.seconds))
        certificates = await _certificates(settings, stack)
        registry = SignerRegistry(settings, clock, certificates, links)
        stack.push_async_callback(registry.close)
        await registry.start()
        tsa = TSAProfiles(settings.tsa, clock, connections, links, registry.csc_timestamps())
        stack.push_async_callback(tsa.close)
        finder = PathFinder(load_anchors(settings.trust.anchors))
        policy = deployment_policy(settings, clock.now())
        # Revocation data is asked for about time-stamping authorities and others' signers too, whose anchors are no anchors of
        # signers here.
        witnesses = PathFinder(TrustAnchors(tuple(dict.fromkeys(anchor.certificate for anchor in policy.trust.anchors))))
        revocation = _revocation_source(settings, registry, witnesses, clock, links)
        if revocation is not None:
            stack.push_async_callback(revocation.close)
        issuers = None
        if settings.trust.fetch_issuers:
            issuers = IssuerFetcher(settings.revocation, finder, clock, connections, links)
            stack.push_async_callback(issuers.close)
        checker = CredentialChecker(finder, revocation, clock, settings.revocation.cache_seconds, issuers)
        await stack.enter_async_context(links.files.watched())
        yield Services(settings, clock, telemetry, links, registry, tsa, policy, witnesses, revocation, checker)


async def _certificates(settings: Settings, stack: AsyncExitStack) -> CertificateStore | None:
    if settings.stores.certificates is None:
        return None
    store = await SQLiteCertificateStore.open(settings.stores.certificates)
    stack.push_async_callback(store.close)
    return store


def _revocation_source(
    settings: Settings, registry: SignerRegistry, finder: PathFinder, clock: Clock, links: Links
) -> RevocationSource | None:
    source: RevocationSource
    match settings.revocation.source:
        case "off":
            return None
        case "network":
            connections = settings.limits.upstream_in_flight
            source = NetworkRevocationSource(settings.revocation, finder, clock, connections, links)
        case "central":
            source = registry.central_revocation_source(finder)
    return CachedRevocationSource(source, clock, settings.revocation.cache_seconds, settings.revocation.stale_seconds)


@asynccontextmanager
async def open_operations(services: Services) -> AsyncIterator[Operations]:
    """Open the document engine and the transaction log, and compose the operations.

    Raises:
        SettingsError: The engine does not start, or the transaction log cannot be opened.
    """
    settings, clock, registry, telemetry = services.settings, services.clock, services.registry, services.telemetry
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(opened_stores(settings, clock, services.links))
        bounds = settings.idempotency
        idempotency = Idempotency(
            stores.idempotency, stores.sealer, wait_seconds=bounds.wait_seconds, value_bytes=bounds.value_bytes
        )
        pool = EnginePool(settings.engine, tasks=TASKS, lost=telemetry.task_lost)
        await pool.start()
        stack.push_async_callback(pool.close)
        telemetry.metrics.watch("engine", "Engine processes, and tasks that wait for one.", ("state",), pool.readings)
        observation = Observation(telemetry, registry, lambda: services.links.states, clock)
        await stack.enter_async_context(observation.written(settings.telemetry))
        journal = Journal(stores.log, clock, telemetry)
        credentials = Credentials(registry, services.checker, clock)
        engine = PAdESEngine(pool)
        material = MaterialSource(services.witnesses, services.revocation)
        authorities = Authorities(journal)
        health = Health(registry=registry, links=services.links)
        proofs = Proofs(material, clock, settings.revocation.grace_seconds)
        yield Operations(
            signing=DocumentSigning(
                credentials=credentials,
                engine=engine,
                tsa=services.tsa,
                authorities=authorities,
                proofs=proofs,
                journal=journal,
                clock=clock,
                idempotency=idempotency,
            ),
            timestamping=DocumentTimestamping(
                engine=engine, tsa=services.tsa, authorities=authorities, proofs=proofs, idempotency=idempotency
            ),
            verification=DocumentVerification(
                engine=engine,
                validation=EvidenceValidation(
                    engine=ValidationEngine(pool),
                    policy=services.policy,
                    revocation=services.revocation,
                    origin=EvidenceOrigin.RELAY if settings.revocation.source == "central" else EvidenceOrigin.NETWORK,
                    clock=clock,
                ),
                clock=clock,
                most_signatures=settings.verification.most_signatures,
            ),
            hashes=HashSigning(credentials=credentials, journal=journal, idempotency=idempotency),
            timestamps=TimestampRelay(tsa=services.tsa, journal=journal),
            certificates=Certificates(registry=registry, checker=services.checker, material=material, clock=clock),
            keys=Keys(registry=registry, journal=journal),
            maintenance=MaintenanceCheck(registry=registry, own=settings.maintenance, clock=clock, files=services.links.files),
            journal=journal,
            idempotency=idempotency,
            health=health,
            telemetry=telemetry,
            warm_up=WarmUp(
                settings=settings,
                credentials=credentials,
                tsa=services.tsa,
                authorities=authorities,
                journal=journal,
                health=health,
                clock=clock,
            ),
        )


def _tracing(settings: Settings) -> "Tracing | None":
    if settings.telemetry.traces_url is None:
        return None
    from proxy.telemetry.tracing import Tracing

    return Tracing(settings.telemetry)


def serve(settings: Settings) -> int:
    """Run the service until SIGTERM or SIGINT, then stop as the settings say.

    Returns:
        The exit code: 0 after an orderly stop.

    Raises:
        SettingsError: The settings name something that cannot be used; nothing listens then.
    """
    configure_logging(settings.log)
    _confine_files()
    asyncio.run(_serve(settings))
    return 0


def configure_logging(settings: LogSettings) -> None:
    """Structured lines on standard error: JSON for machines, or text for a terminal.

    Tracebacks go without local variables: those hold passwords, free text and pieces of documents.
    """
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
    ]
    if settings.style == "json":
        rendering: list[structlog.typing.Processor] = [
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    else:
        rendering = [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries log through the standard library: warnings and above, in the same place.
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")


def _confine_files() -> None:
    """No core dump, and no file that others can read: either could hold a document."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)


async def _serve(settings: Settings) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with (
        open_services(settings) as services,
        open_operations(services) as operations,
        _listening(settings, operations, services),
        _getting_ready(settings, operations),
    ):
        await stopped.wait()
        operations.health.ready = False
        _log.info("service.stopping", seconds=settings.limits.shutdown_seconds)
    _log.info("service.stopped")


@asynccontextmanager
async def _getting_ready(settings: Settings, operations: Operations) -> AsyncIterator[None]:
    """Warm up beside the body, which may end before that does."""

    async def get_ready() -> None:
        health = operations.health
        await operations.warm_up.round()
        # What is there now stays: no garbage collection need walk it again, which would hold the event loop for 50 ms.
        gc.collect()
        gc.freeze()
        health.ready = not (settings.warm_up.required and health.missing)
        _log.info("service.started", host=settings.listener.host, port=settings.listener.port)
        if not health.ready:
            await operations.warm_up.complete()
            health.ready = True

    getting_ready = asyncio.create_task(get_ready())
    try:
        yield
    finally:
        getting_ready.cancel()
        with suppress(asyncio.CancelledError):
            await getting_ready


@asynccontextmanager
async def _listening(settings: Settings, operations: Operations, services: Services) -> AsyncIterator[None]:
    """The service's listener and, where one is set, the operators'."""
    clock, files = services.clock, services.links.files
    async with AsyncExitStack() as stack:
        if settings.admin.port is not None:
            admin = web.AppRunner(make_admin(settings, operations, clock), access_log=None)
            await admin.setup()
            stack.push_async_callback(admin.cleanup)
            await _bind(web.TCPSite(admin, settings.admin.host, settings.admin.port))
        runner = APIRunner(make_api(settings, operations, clock, files))
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        listener = settings.listener
        context = followed_server_context(listener, files)
        await _bind(web.TCPSite(runner, listener.host, listener.port, ssl_context=context, backlog=1024))
        yield


async def _bind(site: web.TCPSite) -> None:
    try:
        await site.start()
    except OSError as error:
        raise SettingsError(f"cannot listen on {site.name}: {error.strerror}") from error
