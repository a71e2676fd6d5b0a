"""When the signing certificates end, for whoever watches the service."""

import uuid
from collections.abc import Mapping
from datetime import datetime

import structlog

from proxy.call import Call, Deadline
from proxy.errors import ProxyError
from proxy.ports import Clock
from proxy.signers.registry import SignerRegistry
from proxy.trust.certificates import read_certificate

_SECONDS = 5.0
"""How long the backends may take; a scrape waits for them."""

_log = structlog.get_logger("proxy.operations")


class CertificateExpiry:
    """The end of validity of every signing certificate, as last seen."""

    def __init__(self, registry: SignerRegistry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock
        self._ends: dict[tuple[str, ...], datetime] = {}

    async def refresh(self) -> None:
        """Ask for the certificates; the backends remember them for a while. What fails leaves the last state."""
        call = Call(str(uuid.uuid4()), "", "expiry", self._clock.now(), Deadline.after(_SECONDS))
        try:
            async with call.deadline.enforce():
                credentials = await self._registry.list_credentials(call)
        except ProxyError as error:
            _log.warning("expiry.not_refreshed", code=error.code, detail=error.detail)
            return
        self._ends = {
            (one.certificate_id, one.backend): read_certificate(one.certificate).not_valid_after_utc for one in credentials
        }

    def readings(self) -> Mapping[tuple[str, ...], float]:
        """Seconds since the epoch, by certificate id and backend."""
        return {labels: end.timestamp() for labels, end in self._ends.items()}
