"""Takes what calls timed off their way: a call that has ended is put in line, and a thread makes metrics and traces of it.

It also sees what happens on the links (:class:`proxy.ports.LinkObserver`).
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import datetime
from queue import SimpleQueue
from typing import TYPE_CHECKING

import structlog

from proxy.call import Call
from proxy.model import BreakerState
from proxy.telemetry.embedded import of_call
from proxy.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from proxy.telemetry.tracing import Tracing

_CLOSE_SECONDS = 5.0
"""How long a collector may take to accept what is left at the end."""

_Ended = tuple[Call, str | None, int]
_Repeated = str
"""The destination of an attempt that is made again."""

_Lost = tuple[str, str]
"""A task that an engine process gave no answer to, and why."""

_log = structlog.get_logger("proxy.telemetry")


class Telemetry:
    """Metrics and, where a collector is set, traces of one application.

    Args:
        tracing: Makes traces; ``None`` where none are wanted.
        namespace: Of the metrics that ride on log lines; ``None`` where none do.

    Attributes:
        metrics: To have gauges watched.
    """

    def __init__(self, tracing: "Tracing | None", namespace: str | None = None) -> None:
        self.metrics = Metrics()
        self._tracing = tracing
        self._namespace = namespace
        self._refreshing: list[Callable[[], Awaitable[None]]] = []
        self._line: SimpleQueue[_Ended | _Repeated | _Lost | threading.Event | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="telemetry", daemon=True)
        self._thread.start()

    def begin(self, traceparent: str | None) -> tuple[str | None, str | None]:
        """Trace context of a call that begins: what to hand on, and the caller's span; see :meth:`Tracing.begin`."""
        return (traceparent, None) if self._tracing is None else self._tracing.begin(traceparent)

    def call_ended(self, call: Call, code: str | None) -> None:
        """Have an ended call counted and traced. Takes about a microsecond.

        Args:
            call: Nothing adds to it any more.
            code: How it failed; ``None`` where it did not.
        """
        self._line.put((call, code, call.elapsed))

    def embedded(self, call: Call, code: str | None, moment: datetime) -> dict[str, object]:
        """What to add to the log line of an ended call, so that CloudWatch makes metrics of it, where that is wanted."""
        return {} if self._namespace is None else of_call(self._namespace, call, code, moment)

    def repeated(self, destination: str) -> None:
        """See :meth:`proxy.ports.LinkObserver.repeated`."""
        self._line.put(destination)

    def breaker_changed(self, destination: str, state: BreakerState) -> None:
        """See :meth:`proxy.ports.LinkObserver.breaker_changed`. Nothing to count: its state is a gauge, the links log it."""

    def task_lost(self, task: str, cause: str) -> None:
        """Have a task counted that an engine process gave no answer to. See :class:`proxy.engine.pool.EnginePool`."""
        self._line.put((task, cause))

    def before_each_scrape(self, refresh: Callable[[], Awaitable[None]]) -> None:
        """Have ``refresh`` bring up to date what gauges read."""
        self._refreshing.append(refresh)

    async def scrape(self, accept: str) -> tuple[bytes, str]:
        """All metrics, every call that ended before included, as text and its media type."""
        await self.refresh()
        return await asyncio.to_thread(self._scrape, accept)

    async def refresh(self) -> None:
        """Bring up to date what gauges read."""
        for refresh in self._refreshing:
            await refresh()

    async def close(self) -> None:
        """Count and trace what is in line, and end the thread; a collector that does not answer is not waited for."""
        self._line.put(None)
        await asyncio.to_thread(self._thread.join, _CLOSE_SECONDS)

    def _scrape(self, accept: str) -> tuple[bytes, str]:
        reached = threading.Event()
        self._line.put(reached)
        reached.wait(_CLOSE_SECONDS)
        return self.metrics.text(accept)

    def _work(self) -> None:
        while (item := self._line.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
                continue
            if isinstance(item, str):
                self.metrics.count_repeated(item)
                continue
            if len(item) == 2:
                self.metrics.count_lost(*item)
                continue
            try:
                self._record(*item)
            except Exception:  # noqa: BLE001 - what is told of calls must not stop because of one of them
                _log.exception("telemetry.call_not_counted", transactionId=item[0].transaction_id)
        if self._tracing is not None:
            self._tracing.close()

    def _record(self, call: Call, code: str | None, nanoseconds: int) -> None:
        self.metrics.count(call, code, nanoseconds / 1e9)
        if self._tracing is not None:
            self._tracing.record(call, code, nanoseconds)
