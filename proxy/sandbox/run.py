"""Starting a sandbox: the PKI, then responder, time-stamping authority, central signer and proxy as processes of their own.

``run_sandbox`` is the running sandbox itself; ``running_sandbox`` starts one as a process and waits until it serves, for
whoever needs one for a while.
"""

import asyncio
import fcntl
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import aiohttp

from proxy.errors import SettingsError
from proxy.ports import SystemClock
from proxy.sandbox.addresses import Addresses, Listen
from proxy.sandbox.bound import bound_command
from proxy.sandbox.configuration import write_settings
from proxy.sandbox.folder import StateFolder
from proxy.sandbox.info import SandboxInfo
from proxy.sandbox.pki import ensure_pki
from proxy.sandbox.processes import STOP_SECONDS, Processes

READY_SECONDS = 60.0
POLL_SECONDS = 0.05


async def run_sandbox(directory: Path, listen: str | None, announce: Callable[[str], None], *, with_csc: bool = False) -> None:
    """Run a sandbox until SIGTERM or SIGINT.

    Args:
        directory: Its folder; made if missing, and as it was if it served before.
        listen: ``host:port`` of the proxy. Port 0 is a free one, chosen once. ``None``: 127.0.0.1, and port 8443 if that is
            free at the first start.
        announce: Told what happens, a line at a time.
        with_csc: Whether a provider of remote signatures is to run too, and the proxy to sign by it.

    Raises:
        SettingsError: The folder is in use or damaged, an address is taken, or a process did not come up.
    """
    wanted = None if listen is None else Listen.parse(listen)
    folder = StateFolder.at(directory)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    with _alone(folder):
        folder.info.unlink(missing_ok=True)
        addresses = Addresses.ensure(folder, wanted)
        host = Listen("127.0.0.1" if wanted is None else wanted.host, addresses.proxy)
        addresses.require_free(host.host)
        begun = time.monotonic()
        await asyncio.to_thread(ensure_pki, folder, addresses.services, SystemClock())
        write_settings(folder, addresses, host.host, with_csc=with_csc)
        announce(f"certificates and settings are in {folder.root} ({time.monotonic() - begun:.1f} s)")
        try:
            async with Processes(folder, announce) as processes:
                if not stopped.is_set():
                    info = SandboxInfo.of(folder, addresses, host, {}, with_csc=with_csc)
                    await _serve(folder, info, processes, announce, stopped)
        finally:
            folder.info.unlink(missing_ok=True)
    announce("stopped")


async def _serve(
    folder: StateFolder,
    info: SandboxInfo,
    processes: Processes,
    announce: Callable[[str], None],
    stopped: asyncio.Event,
) -> None:
    directory = ["--dir", str(folder.root)]
    await processes.start("responder", ["-m", "proxy.sandbox.responder", *directory])
    await processes.start("tsa", ["-m", "proxy.sandbox.tsa_server", *directory])
    if info.csc is not None:
        await processes.start("csc", ["-m", "proxy.sandbox.csc_server", *directory])
    for service in ("central", "proxy"):
        await processes.start(service, ["-m", "proxy", "serve", "--settings", str(folder.settings(service))])
    info = replace(info, processes={"sandbox": os.getpid(), **processes.ids})
    interrupted = asyncio.create_task(stopped.wait())
    ready = asyncio.create_task(_all_ready(info, processes))
    await asyncio.wait({interrupted, ready}, return_when=asyncio.FIRST_COMPLETED)
    if not ready.done():
        ready.cancel()
        return
    await ready
    info.write(folder)
    announce(f"ready: {info.proxy}, until Ctrl-C. Where everything is: {folder.info}\n")
    for line in info.curl_lines():
        announce(line)
    await interrupted


async def _all_ready(info: SandboxInfo, processes: Processes) -> None:
    context = ssl.create_default_context(cafile=info.ca_file)
    context.load_cert_chain(info.client_certificate, info.client_key)
    urls = {
        "responder": f"{info.ocsp.removesuffix('/ocsp')}/counts",
        "tsa": f"{info.tsa.removesuffix('/tsa')}/counts",
        "central": f"{info.central}/readyz",
        "proxy": f"{info.proxy}/readyz",
    }
    if info.csc is not None:
        urls["csc"] = f"{info.csc.removesuffix('/csc/v2')}/counts"
    waiting = dict(urls)
    deadline = time.monotonic() + READY_SECONDS
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        while waiting:
            for name, url in tuple(waiting.items()):
                with suppress(aiohttp.ClientError, TimeoutError):  # not there yet is what is waited for
                    async with session.get(url, ssl=context) as answer:
                        if answer.status == 200:
                            del waiting[name]
            ended = processes.ended()
            if ended is not None:
                raise SettingsError(f"{ended} did not start:\n{processes.last_words(ended)}")
            if waiting and time.monotonic() > deadline:
                raise SettingsError(f"not ready after {READY_SECONDS:.0f} s: {', '.join(waiting)}")
            await asyncio.sleep(POLL_SECONDS)


@contextmanager
def _alone(folder: StateFolder) -> Iterator[None]:
    """Hold the folder: two sandboxes on one would give the same serial numbers."""
    folder.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with folder.lock.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SettingsError(f"a sandbox runs on {folder.root} already") from error
        yield


@contextmanager
def running_sandbox(
    directory: Path, listen: str = "127.0.0.1:0", ready_seconds: float = 2 * READY_SECONDS, *, with_csc: bool = False
) -> Iterator[SandboxInfo]:
    """A sandbox as a process, from when it serves until the context ends. It ends with the calling thread at the latest.

    Args:
        directory: Its folder; what it says is in ``logs/sandbox.log`` there.
        listen: As for :func:`run_sandbox`.
        ready_seconds: How long it may take.
        with_csc: As for :func:`run_sandbox`.

    Yields:
        Where everything is.

    Raises:
        SettingsError: It did not come up; the message ends with what it said last.
    """
    folder = StateFolder.at(directory)
    folder.logs.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "proxy", "sandbox", "--dir", str(folder.root), "--listen", listen]
    command += ["--with-csc"] if with_csc else []
    with folder.log("sandbox").open("ab") as log:
        begin = log.tell()
        process = subprocess.Popen(bound_command(command), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield _fresh_info(folder, process, begin, time.monotonic() + ready_seconds)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS + 10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _fresh_info(folder: StateFolder, process: "subprocess.Popen[bytes]", begin: int, deadline: float) -> SandboxInfo:
    """What this process wrote; a file that a killed one left behind has another id in it."""
    while process.poll() is None and time.monotonic() < deadline:
        if folder.info.exists():
            with suppress(SettingsError):  # it was removed in between
                info = SandboxInfo.read(folder.root)
                if info.processes["sandbox"] == process.pid:
                    return info
        time.sleep(POLL_SECONDS)
    with folder.log("sandbox").open("rb") as log:
        log.seek(begin)
        raise SettingsError(f"the sandbox did not start:\n{log.read().decode(errors='replace')}")
