"""``signproxy health`` against a server on loopback."""

import socket

import pytest
from aiohttp import web

from tests.unit.cli.conftest import Command


async def asked(signproxy: Command, status: int) -> tuple[int, str]:
    """Exit code and output, where the service answers so."""

    async def answer(request: web.Request) -> web.Response:
        assert request.path == "/readyz"
        return web.Response(status=status)

    application = web.Application()
    application.router.add_get("/readyz", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        ended = await signproxy("health", "--url", f"http://127.0.0.1:{site.port}/readyz")
        return ended.code, ended.out
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(("status", "expected"), [(200, (0, "ok\n")), (503, (3, "status 503\n")), (404, (3, "status 404\n"))])
async def test_the_status_decides(signproxy: Command, status: int, expected: tuple[int, str]) -> None:
    assert await asked(signproxy, status) == expected


async def test_nobody_there(signproxy: Command) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        ended = await signproxy("health", "--url", f"https://127.0.0.1:{unused.getsockname()[1]}/healthz")
    assert (ended.code, ended.out) == (3, "no answer: ConnectionRefusedError\n")


@pytest.mark.parametrize("url", ["https://example.test/healthz", "ftp://127.0.0.1/", "127.0.0.1"])
async def test_only_loopback_is_asked(signproxy: Command, url: str) -> None:
    ended = await signproxy("health", "--url", url)
    assert ended.code == 2
