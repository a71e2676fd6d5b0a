"""Whether this task can serve, and how each thing it stands on is."""

import asyncio
from dataclasses import dataclass

from proxy.call import Call
from proxy.errors import ProxyError
from proxy.following import FilesState
from proxy.model import LinkState
from proxy.outbound import Links
from proxy.ports import SignerBackend
from proxy.signers.registry import SignerRegistry


@dataclass(frozen=True, slots=True)
class DependencyHealth:
    """One dependency; ``detail`` says what is wrong."""

    name: str
    ok: bool
    detail: str | None = None


class Health:
    """Ready means: started, and not stopping. A dependency that is down does not take the task out of service.

    Attributes:
        ready: Set by the application when everything is open, and cleared when it begins to stop.
        missing: What could not be had when the task warmed up, each with its code.
    """

    def __init__(self, *, registry: SignerRegistry, links: Links) -> None:
        self._registry = registry
        self._links = links
        self.ready = False
        self.missing: tuple[str, ...] = ()

    async def dependencies(self, call: Call) -> tuple[DependencyHealth, ...]:
        """Ask every signer backend; those that cannot be reached are told, not raised."""
        return tuple(await asyncio.gather(*(_probe(call, backend) for backend in self._registry.backends)))

    @property
    def links(self) -> tuple[LinkState, ...]:
        """How the link to each destination that was asked is doing."""
        return self._links.states

    @property
    def files(self) -> tuple[FilesState, ...]:
        """Whether the files that may be replaced are in use as they are now."""
        return self._links.files.states


async def _probe(call: Call, backend: SignerBackend) -> DependencyHealth:
    try:
        async with call.deadline.enforce():
            state = await backend.maintenance(call)
    except ProxyError as error:
        return DependencyHealth(backend.name, ok=False, detail=error.code)
    return DependencyHealth(backend.name, ok=not state.in_maintenance, detail=state.message)
