"""The least that a server does, over mutual TLS as the service: what the service is held against.

``POST /spool`` writes what it gets to a spool file and sends it back. ``POST /sign`` hashes what it gets, asks a server
upstream over mutual TLS for a signature, and sends back what it got. ``POST /upstream`` is that server, which has an answer
ready.

    python -m benchmarks.handlers SETTINGS PORT FOLDER [UPSTREAM]
"""

import asyncio
import base64
import hashlib
import os
import sys
from pathlib import Path

import aiohttp
from aiohttp import web

from proxy.api.tls import server_context
from proxy.outbound import client_tls
from proxy.settings import load_settings
from proxy.spool import CHUNK, open_unnamed

SPOOL, SIGN, UPSTREAM = "/spool", "/sign", "/upstream"
_SESSION = web.AppKey("session", aiohttp.ClientSession)
_UPSTREAM = web.AppKey("upstream", str)
_FOLDER = web.AppKey("folder", Path)


async def spool(request: web.Request) -> web.StreamResponse:
    """Write, then write back in pieces."""
    descriptor = open_unnamed(request.app[_FOLDER])
    try:
        async for piece in request.content.iter_any():
            os.write(descriptor, piece)
        size = os.fstat(descriptor).st_size
        response = web.StreamResponse(headers={"Content-Length": str(size)})
        await response.prepare(request)
        for offset in range(0, size, CHUNK):
            await response.write(os.pread(descriptor, CHUNK, offset))
        await response.write_eof()
    finally:
        os.close(descriptor)
    return response


async def sign(request: web.Request) -> web.StreamResponse:
    """Hash, ask upstream, echo."""
    running, pieces = hashlib.sha256(), []
    async for piece in request.content.iter_any():
        running.update(piece)
        pieces.append(piece)
    body = {"certificateId": "x", "hashAlgorithm": "SHA-256", "hashes": [base64.b64encode(running.digest()).decode()]}
    async with request.app[_SESSION].post(request.app[_UPSTREAM], json=body) as answer:
        await answer.json()
    return web.Response(body=b"".join(pieces))


async def upstream(request: web.Request) -> web.Response:
    """An RSA-3072 signature as a central signer sends it."""
    await request.read()
    return web.json_response({"signatures": [base64.b64encode(bytes(384)).decode()]})


async def ready(_request: web.Request) -> web.Response:
    """That it serves."""
    return web.Response()


async def serve(settings_file: Path, port: int, folder: Path, upstream_url: str) -> None:
    """Until SIGTERM, by the listener's and the central signer's TLS of the service."""
    settings = load_settings(settings_file)
    central = settings.central
    assert central is not None, "the sandbox's proxy has one"
    tls = client_tls(central.ca, central.client_certificate, central.client_key)
    app = web.Application()
    app.add_routes([web.post(SPOOL, spool), web.put(SPOOL, spool), web.post(SIGN, sign), web.post(UPSTREAM, upstream)])
    app.add_routes([web.get("/readyz", ready)])
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session:
        app[_SESSION], app[_UPSTREAM], app[_FOLDER] = session, upstream_url, folder
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=server_context(settings.listener)).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else ""))
