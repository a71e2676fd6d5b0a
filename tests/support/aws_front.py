"""Between the proxy and an emulator of AWS: counts what is asked by action, and has things go wrong to order."""

import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

Fault = Callable[[web.Request, Callable[[], Awaitable[web.Response]]], Awaitable[web.Response]]
"""Takes a request's place: may hand it on, and says what comes back."""


@dataclass
class AWSFront:
    """What came by, and what is to go wrong.

    Attributes:
        url: Where it listens.
        asked: How often each action was asked for; of S3, each method.
        access_keys: Whose requests they were, in order.
        faults: By action, what happens to the next requests, one after the other.
    """

    url: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    access_keys: list[str] = field(default_factory=list)
    faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))


def refuses(code: str, status: int = 400, **members: Any) -> Fault:
    """Is refused by the service with this code; nothing is done."""

    async def fault(_request: web.Request, _hand_on: Callable[[], Awaitable[web.Response]]) -> web.Response:
        body = {"__type": f"com.amazonaws#{code}", "message": "internal: role/app of 999988887777", **members}
        return web.Response(body=json.dumps(body), status=status, content_type="application/x-amz-json-1.0")

    return fault


async def loses_the_answer(request: web.Request, hand_on: Callable[[], Awaitable[web.Response]]) -> web.Response:
    """It is done, and the connection breaks before anybody hears so."""
    answer = await hand_on()
    assert request.transport is not None
    request.transport.abort()
    return answer


@asynccontextmanager
async def aws_front(upstream: str) -> AsyncIterator[AWSFront]:
    """Serve on loopback before the emulator at ``upstream``."""
    front = AWSFront()
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def serve(request: web.Request) -> web.Response:
            body = await request.read()
            action = request.headers.get("X-Amz-Target", request.method).rpartition(".")[2]
            front.asked[action] += 1
            front.access_keys.append(request.headers["Authorization"].partition("Credential=")[2].partition("/")[0])
            headers = {name: value for name, value in request.headers.items() if name.lower() != "content-length"}

            async def hand_on() -> web.Response:
                async with session.request(
                    request.method, upstream.rstrip("/") + request.raw_path, data=body, headers=headers
                ) as answer:
                    kept = {
                        name: value
                        for name, value in answer.headers.items()
                        if name.lower() not in {"content-length", "connection", "transfer-encoding"}
                    }
                    return web.Response(body=await answer.read(), status=answer.status, headers=kept)

            if front.faults[action]:
                return await front.faults[action].pop(0)(request, hand_on)
            return await hand_on()

        application = web.Application(client_max_size=1 << 30)
        application.router.add_route("*", "/{path:.*}", serve)
        server = TestServer(application)
        await server.start_server()
        front.url = f"http://127.0.0.1:{server.port}"
        try:
            yield front
        finally:
            await server.close()
