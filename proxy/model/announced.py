"""Announced maintenance."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class MaintenanceState:
    """Whether a service is in maintenance; ``starts`` and ``ends`` where it is announced."""

    in_maintenance: bool
    starts: datetime | None = None
    ends: datetime | None = None
    message: str | None = None
