"""The service with a monitor on its event loop: what ``benchmarks.event_loop`` starts.

Only the method of asyncio that runs callbacks is measured. What counts begins with the first SIGUSR1; the report is written at
the end of the service.

    python -m benchmarks.watched_service SETTINGS REPORT
"""

import asyncio
import heapq
import json
import signal
import sys
import time
from pathlib import Path

from proxy.app import serve
from proxy.settings import load_settings

SHOWN = 8
"""Callbacks in the report: the longest."""


class Watch:
    """Measures every callback of the event loop; keeps the longest."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.longest: list[tuple[float, str]] = []

    def install(self) -> None:
        run = asyncio.Handle._run  # noqa: SLF001 - the one place through which every callback passes

        def measured(handle: asyncio.Handle) -> None:
            begun = time.thread_time()
            run(handle)
            took = time.thread_time() - begun
            self.count += 1
            self.total += took
            if len(self.longest) < SHOWN or took > self.longest[0][0]:
                entry = (took, _name(handle))
                (heapq.heappush if len(self.longest) < SHOWN else heapq.heapreplace)(self.longest, entry)

        asyncio.Handle._run = measured  # type: ignore[method-assign, assignment]  # noqa: SLF001 - see above

    def report(self) -> dict[str, object]:
        longest = [
            {"milliseconds": round(took * 1000, 2), "callback": name} for took, name in sorted(self.longest, reverse=True)
        ]
        return {"callbacks": self.count, "seconds": round(self.total, 2), "longest": longest}


def _name(handle: asyncio.Handle) -> str:
    callback = handle._callback  # type: ignore[attr-defined]  # noqa: SLF001 - for its name alone
    task = getattr(callback, "__self__", None)
    if isinstance(task, asyncio.Task):
        return f"task {getattr(task.get_coro(), '__qualname__', '?')} at {_place(task)}"
    return str(getattr(callback, "__qualname__", callback))[:120]


def _place(task: "asyncio.Task[object]") -> str:
    """Where it waits now: just behind what took so long."""
    stack = task.get_stack(limit=1)
    return f"{Path(stack[0].f_code.co_filename).name}:{stack[0].f_lineno}" if stack else "its end"


def main(settings: Path, report: Path) -> int:
    """Serve until SIGTERM, then write what was measured."""
    watch = Watch()

    def begin(_number: int, _frame: object) -> None:
        watch.count, watch.total = 0, 0.0
        watch.longest.clear()

    signal.signal(signal.SIGUSR1, begin)
    watch.install()
    try:
        return serve(load_settings(settings))
    finally:
        report.write_text(json.dumps(watch.report()), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
