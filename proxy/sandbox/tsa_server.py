"""The time-stamping authority as a process: RFC 3161 over HTTP (3.4), ``python -m proxy.sandbox.tsa_server --dir STATE``."""

import argparse
import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aiohttp import web

from proxy.ports import SystemClock
from proxy.sandbox.addresses import Addresses
from proxy.sandbox.folder import StateFolder
from proxy.sandbox.tsa import GRANTED, TokenIssuer

MAX_QUERY_BYTES = 65_536
PATH = "/tsa"
SIGNING_THREADS = 2


def make_tsa_app(issuer: TokenIssuer) -> web.Application:
    """``POST /tsa`` answers queries, ``GET /counts`` says how many, granted and refused by failure, since the start."""
    service = _Service(issuer)
    app = web.Application(client_max_size=MAX_QUERY_BYTES)
    app.cleanup_ctx.append(service.threads)
    app.router.add_post(PATH, service.timestamp)
    app.router.add_get("/counts", service.report)
    return app


class _Service:
    def __init__(self, issuer: TokenIssuer) -> None:
        self._issuer = issuer
        self._outcomes: Counter[str] = Counter()
        self._threads: ThreadPoolExecutor | None = None

    async def threads(self, _app: web.Application) -> AsyncIterator[None]:
        """Signing happens off the loop, so that one slow key does not hold other connections."""
        with ThreadPoolExecutor(SIGNING_THREADS, "tsa") as self._threads:
            yield

    async def timestamp(self, request: web.Request) -> web.Response:
        if request.content_type != "application/timestamp-query":
            raise web.HTTPUnsupportedMediaType(text="send application/timestamp-query\n")
        query = await request.read()
        reply = await asyncio.get_running_loop().run_in_executor(self._threads, self._issuer.reply, query)
        self._outcomes[reply.outcome] += 1
        return web.Response(body=reply.der, content_type="application/timestamp-reply")

    async def report(self, _request: web.Request) -> web.Response:
        refused = {outcome: count for outcome, count in self._outcomes.items() if outcome != GRANTED}
        return web.json_response({"granted": self._outcomes[GRANTED], "refused": refused})


def main() -> None:
    """Serve until SIGTERM or SIGINT, on the port of the folder's addresses."""
    parser = argparse.ArgumentParser(prog="python -m proxy.sandbox.tsa_server", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True, help="the sandbox's folder")
    parser.add_argument("--tls", action="store_true", help="serve over TLS with the sandbox's own certificate")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    folder = StateFolder.at(arguments.dir)
    context = None
    if arguments.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(folder.tls("tsa").certificate, folder.tls("tsa").key)
    app = make_tsa_app(TokenIssuer.open(folder, SystemClock()))
    web.run_app(app, host="127.0.0.1", port=Addresses.load(folder).tsa, ssl_context=context, print=None)


if __name__ == "__main__":
    main()
