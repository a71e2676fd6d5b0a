"""Maintenance (contract, operation 10): this proxy's own, as announced, and what its backends say."""

from functools import partial

from proxy.call import Call
from proxy.errors import Maintenance
from proxy.following import FollowedFiles
from proxy.model import MaintenanceState
from proxy.ports import Clock
from proxy.settings import MaintenanceSettings, announced_maintenance
from proxy.signers.registry import SignerRegistry


class MaintenanceCheck:
    """Knows whether signing is possible by plan.

    Args:
        registry: Whose backends may be in maintenance.
        own: This proxy's own.
        clock: Whether it has begun, and is over.
        files: Where the file is followed that announces it while the service runs; nowhere, if none are given.

    Raises:
        SettingsError: That file cannot be used.
    """

    def __init__(
        self, *, registry: SignerRegistry, own: MaintenanceSettings, clock: Clock, files: FollowedFiles | None = None
    ) -> None:
        self._registry = registry
        self._own = (files or FollowedFiles()).follow("maintenance", [own.file], partial(announced_maintenance, own))
        self._clock = clock

    def _own_state(self) -> MaintenanceState:
        own, now = self._own.value, self._clock.now()
        starts, ends = own.starts, own.ends
        announced = starts is not None or ends is not None
        active = announced and (starts is None or starts <= now) and (ends is None or now < ends)
        over = ends is not None and ends <= now
        if over or not announced:
            return MaintenanceState(in_maintenance=False)
        return MaintenanceState(active, starts, ends, own.message)

    async def state(self, call: Call) -> MaintenanceState:
        """Own maintenance if it is active or announced, else the first backend's that has something to say.

        Raises:
            SignerError, SignerUnavailable, DeadlineExceeded: A backend could not be asked.
        """
        own = self._own_state()
        if own.in_maintenance:
            return own
        async with call.deadline.enforce():
            for backend in self._registry.backends:
                state = await backend.maintenance(call)
                if state.in_maintenance or (state.starts is not None and own.starts is None):
                    return state
        return own

    def refuse_if_own(self) -> None:
        """Raise Maintenance while this proxy's own maintenance lasts, with the time to its end."""
        state = self._own_state()
        if state.in_maintenance:
            left = None if state.ends is None else (state.ends - self._clock.now()).total_seconds()
            raise Maintenance(state.message or "the service is in maintenance", retry_after=left)
