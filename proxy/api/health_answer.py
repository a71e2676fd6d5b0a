"""What operators read of a task's health, on the admin listener."""

from collections.abc import Sequence
from typing import Self

from pydantic import Field

from proxy.api.schemas import Schema
from proxy.following import FilesState
from proxy.model import BreakerState, LinkState
from proxy.operations.health import DependencyHealth


class Dependency(Schema):
    """One thing the service stands on; ``detail`` says what is wrong with it."""

    name: str
    ok: bool
    detail: str | None = None


class Link(Schema):
    """The link to one destination, as the exchanges of late have left it."""

    name: str
    breaker: BreakerState
    failures: int = Field(description="In a row, up to now.")
    last_failure: str | None = None
    retry_after: float | None = Field(None, description="Seconds until it is tried again, while the breaker is open.")


class Files(Schema):
    """Files that may be replaced while the service runs; ``detail`` says why what they hold now is not in use."""

    name: str
    ok: bool
    detail: str | None = None


class HealthAnswer(Schema):
    """This task and everything it stands on."""

    ready: bool
    ok: bool = Field(description="Whether every dependency and every file is, and no breaker is open.")
    dependencies: tuple[Dependency, ...] = Field(description="Signer backends, asked now.")
    links: tuple[Link, ...]
    files: tuple[Files, ...]
    missing: tuple[str, ...] = Field(description="What could not be had when the task warmed up.")

    @classmethod
    def of(
        cls,
        *,
        ready: bool,
        dependencies: Sequence[DependencyHealth],
        links: Sequence[LinkState],
        files: Sequence[FilesState],
        missing: Sequence[str],
    ) -> Self:
        """What was found."""
        return cls(
            ready=ready,
            ok=all(found.ok for found in dependencies)
            and all(link.state is not BreakerState.OPEN for link in links)
            and all(state.problem is None for state in files),
            dependencies=tuple(Dependency(name=found.name, ok=found.ok, detail=found.detail) for found in dependencies),
            links=tuple(
                Link(
                    name=link.name,
                    breaker=link.state,
                    failures=link.failures,
                    last_failure=link.last_failure,
                    retry_after=link.retry_after,
                )
                for link in links
            ),
            files=tuple(Files(name=state.name, ok=state.problem is None, detail=state.problem) for state in files),
            missing=tuple(missing),
        )
