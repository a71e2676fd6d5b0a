"""The only module that knows every adapter: it opens them by the settings, once, and closes them in turn.

``open_services`` is everything below the edge, for the service, the command line and tests alike; ``serve`` is the service.
"""

import asyncio
import logging
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, AsyncExitStack
from dataclasses import dataclass

import structlog

from proxy.engine.pool import EnginePool
from proxy.operations.certificates import Certificates
from proxy.operations.credentials import Credentials
from proxy.operations.hashes import HashSigning
from proxy.operations.health import Health
from proxy.operations.journal import Journal
from proxy.operations.maintenance import MaintenanceCheck
from proxy.operations.service import Operations
from proxy.operations.signing import DocumentSigning
from proxy.operations.timestamps import TimestampRelay
from proxy.pades.engine import TASKS, PAdESEngine
from proxy.ports import Clock, RevocationSource, SystemClock
from proxy.settings import LogSettings, Settings
from proxy.signers.registry import SignerRegistry
from proxy.stores.transactions_sqlite import SQLiteTransactionLog
from proxy.trust.anchors import load_anchors
from proxy.trust.caching import CachedRevocationSource
from proxy.trust.credential_check import CredentialChecker
from proxy.trust.network import NetworkRevocationSource
from proxy.trust.paths import PathFinder
from proxy.trust.validation_material import MaterialSource
from proxy.tsa.profiles import TSAProfiles


@dataclass(frozen=True, slots=True)
class Services:
    """What the settings name, open and ready: the adapters behind the ports, without the document engine and the edge."""

    settings: Settings
    clock: Clock
    registry: SignerRegistry
    tsa: TSAProfiles
    finder: PathFinder
    revocation: RevocationSource | None
    checker: CredentialChecker


@asynccontextmanager
async def open_services(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Services]:
    """Open the adapters to signers, time-stamping authorities and revocation data.

    Args:
        settings: Which ones.
        clock: Instead of the machine's.

    Raises:
        SettingsError: A file they name cannot be used.
    """
    clock = clock or SystemClock()
    connections = settings.limits.upstream_in_flight
    async with AsyncExitStack() as stack:
        registry = SignerRegistry(settings, clock)
        stack.push_async_callback(registry.close)
        tsa = TSAProfiles(settings.tsa, clock, connections)
        stack.push_async_callback(tsa.close)
        finder = PathFinder(load_anchors(settings.trust.anchors))
        revocation = _revocation_source(settings, registry, finder, clock)
        if revocation is not None:
            stack.push_async_callback(revocation.close)
        checker = CredentialChecker(finder, revocation, clock, settings.revocation.cache_seconds)
        yield Services(settings, clock, registry, tsa, finder, revocation, checker)


def _revocation_source(
    settings: Settings, registry: SignerRegistry, finder: PathFinder, clock: Clock
) -> RevocationSource | None:
    source: RevocationSource
    match settings.revocation.source:
        case "off":
            return None
        case "network":
            source = NetworkRevocationSource(settings.revocation, finder, clock, settings.limits.upstream_in_flight)
        case "central":
            source = registry.central_revocation_source(finder)
    return CachedRevocationSource(source, clock, settings.revocation.cache_seconds)


@asynccontextmanager
async def open_operations(services: Services) -> AsyncIterator[Operations]:
    """Open the document engine and the transaction log, and compose the operations.

    Raises:
        SettingsError: The engine does not start, or the transaction log cannot be opened.
    """
    settings, clock, registry = services.settings, services.clock, services.registry
    async with AsyncExitStack() as stack:
        log = await SQLiteTransactionLog.open(settings.stores.transaction_log, clock=clock)
        stack.push_async_callback(log.close)
        pool = EnginePool(settings.engine, tasks=TASKS)
        await pool.start()
        stack.push_async_callback(pool.close)
        journal = Journal(log, clock)
        credentials = Credentials(registry, services.checker, clock)
        yield Operations(
            signing=DocumentSigning(
                credentials=credentials, engine=PAdESEngine(pool), tsa=services.tsa, journal=journal, clock=clock
            ),
            hashes=HashSigning(credentials=credentials, journal=journal),
            timestamps=TimestampRelay(tsa=services.tsa, journal=journal),
            certificates=Certificates(
                registry=registry, material=MaterialSource(services.finder, services.revocation), clock=clock
            ),
            maintenance=MaintenanceCheck(registry=registry, own=settings.maintenance, clock=clock),
            journal=journal,
            health=Health(registry=registry),
        )
