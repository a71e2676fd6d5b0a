"""The provider of remote signatures as a process: the CSC API v2.0 over mutual TLS, with OAuth 2 client credentials.

``python -m proxy.sandbox.csc_server --dir STATE`` serves the sandbox's signing keys on the port of the folder's addresses; see
docs/csc-sandbox.md. What it does otherwise than the specification, and what it does wrong, is chosen when it starts or by
``PUT /behaviour`` while it runs; ``GET /counts`` says what was spent.
"""

import argparse
import asyncio
import base64
import binascii
import hmac
import json
import logging
import math
import ssl
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote_plus

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

from proxy.errors import SettingsError
from proxy.ports import SystemClock
from proxy.sandbox.addresses import LOOPBACK, Addresses
from proxy.sandbox.configuration import CSC_CLIENT_ID
from proxy.sandbox.csc_credentials import sandbox_credentials
from proxy.sandbox.csc_deviations import Deviation, Fault
from proxy.sandbox.csc_grants import Grants, Refusal, SADEnded, TokenEnded
from proxy.sandbox.csc_methods import Provider
from proxy.sandbox.folder import StateFolder

PREFIX = "/csc/v2"
MAX_REQUEST_BYTES = 262_144


def make_csc_app(provider: Provider) -> web.Application:
    """``/csc/v2/…``, ``/oauth2/token``, ``/behaviour``, ``/counts``."""
    service = _Service(provider)
    app = web.Application(client_max_size=MAX_REQUEST_BYTES, middlewares=[service.refusals])
    app.router.add_route("*", f"{PREFIX}/info", service.info)
    app.router.add_post(PREFIX + "/{method:.+}", service.method)
    app.router.add_post("/oauth2/token", service.token)
    app.router.add_get("/behaviour", service.behaviour)
    app.router.add_put("/behaviour", service.behave)
    app.router.add_get("/counts", service.report)
    return app


class _Service:
    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    @web.middleware
    async def refusals(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Failures in the format that is set."""
        try:
            return await handler(request)
        except Refusal as refusal:
            status, code, sentence = refusal.status, refusal.error, refusal.description
            deviations = self._provider.deviations
            if isinstance(refusal, TokenEnded) and Deviation.UNAUTHORIZED_IS_400 in deviations:
                status, code = 400, "invalid_request"
            if isinstance(refusal, SADEnded) and Deviation.BAD_SAD_IS_401 in deviations:
                status, code, sentence = 401, "invalid_token", "Not authorized"
            if Deviation.NESTED_ERRORS in deviations:
                return web.json_response({"error": {"code": code, "message": sentence}}, status=status)
            if Deviation.PROBLEM_ERRORS in deviations:
                problem = {"type": "about:blank", "status": status, "code": code, "detail": sentence}
                return web.json_response(problem, status=status, content_type="application/problem+json")
            return web.json_response({"error": code, "error_description": sentence}, status=status)

    async def info(self, request: web.Request) -> web.Response:
        wanted = "GET" if Deviation.INFO_BY_GET in self._provider.deviations else "POST"
        if request.method != wanted:
            raise web.HTTPMethodNotAllowed(request.method, [wanted])
        self._check_maintenance()
        return web.json_response(self._provider.info(f"{request.scheme}://{request.host}"))

    async def token(self, request: web.Request) -> web.Response:
        """RFC 6749, 4.4: the secret in the header or in the body, not in both."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        if form.get("grant_type") != "client_credentials":
            raise Refusal("invalid_request", "Invalid parameter grant_type")
        scopes = {"service", "credential"} if Deviation.CREDENTIAL_SCOPE in self._provider.deviations else {"service"}
        if form.get("scope", "service") not in scopes:
            raise Refusal("invalid_scope", "Invalid parameter scope")
        client_id, secret = form.get("client_id", ""), form.get("client_secret")
        if "Authorization" in request.headers:
            if secret is not None:
                raise Refusal("invalid_request", "More than one client authentication")
            client_id, secret = _basic(request.headers["Authorization"])
        provider = self._provider
        known = hmac.compare_digest((secret or "").encode(), provider.client_secret.encode())
        if client_id != provider.client_id or not known:
            raise Refusal("invalid_client", "Client authentication failed", 401)
        seconds = provider.grants.token_seconds
        members = {"access_token": provider.grants.new_token(), "token_type": "Bearer", "expires_in": seconds}
        return web.json_response(members, headers={"Cache-Control": "no-store"})

    async def method(self, request: web.Request) -> web.StreamResponse:
        provider, name = self._provider, request.match_info["method"]
        self._check_maintenance()
        method = provider.methods().get(name)
        if method is None:
            raise Refusal("invalid_request", "Not implemented", 501)
        signing = name == "signatures/signHash"
        with_sad = signing and Deviation.SAD_IN_HEADER in provider.deviations
        token = _bearer(request) if with_sad or Deviation.TLS_ALONE not in provider.deviations else ""
        if token and not with_sad:
            provider.grants.check_token(token)
        if request.content_type != "application/json":
            raise Refusal("invalid_request", "Content-Type is application/json")
        try:
            members = json.loads(await request.read())
        except ValueError as error:
            raise Refusal("invalid_request", "The body is no JSON") from error
        if not isinstance(members, dict):
            raise Refusal("invalid_request", "The body is no JSON object")
        if signing and provider.strikes(Fault.THROTTLED):
            raise Refusal("too_many_requests", "Too many requests", 429)
        if signing and provider.strikes(Fault.UNAVAILABLE):
            raise Refusal("temporarily_unavailable", "Overloaded", 503)
        result = await method(members, token)
        if signing:
            await self._spoil(request)
            if provider.strikes(Fault.GARBAGE):
                return web.Response(body=b"}{", content_type="application/json")
        return web.json_response(result.members, status=result.status)

    async def _spoil(self, request: web.Request) -> None:
        """Faults of the connection, once it has signed."""
        if self._provider.strikes(Fault.SILENT):
            await asyncio.Event().wait()  # until the other side goes, which cancels this
        if self._provider.strikes(Fault.LOST_ANSWER) and request.transport is not None:
            request.transport.abort()

    def _check_maintenance(self) -> None:
        if self._provider.strikes(Fault.MAINTENANCE):
            raise Refusal("temporarily_unavailable", "The service is in maintenance", 503)

    async def report(self, _request: web.Request) -> web.Response:
        return web.json_response(self._provider.counts())

    async def behaviour(self, _request: web.Request) -> web.Response:
        faults = {name: None if math.isinf(left) else left for name, left in self._provider.faults.items() if left > 0}
        return web.json_response({"deviations": sorted(self._provider.deviations), "faults": faults})

    async def behave(self, request: web.Request) -> web.Response:
        """Replace all of it: ``{"deviations": [names], "faults": {name: how often, or null for always}}``."""
        try:
            members = await request.json()
            deviations = {Deviation(name) for name in members.get("deviations", [])}
            faults = {
                Fault(name): math.inf if times is None else int(times) for name, times in members.get("faults", {}).items()
            }
        except (ValueError, TypeError, AttributeError) as error:
            raise Refusal("invalid_request", str(error)) from error
        self._provider.deviations, self._provider.faults = deviations, faults
        return await self.behaviour(request)


def _bearer(request: web.Request) -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind != "Bearer" or not token:
        raise Refusal("invalid_request", "Malformed authorization header")
    return token


def _basic(header: str) -> tuple[str, str]:
    kind, _, credentials = header.partition(" ")
    try:
        client_id, separator, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Refusal("invalid_client", "Malformed authorization header", 401) from error
    if kind != "Basic" or not separator:
        raise Refusal("invalid_client", "Malformed authorization header", 401)
    return unquote_plus(client_id), unquote_plus(secret)


def server_context(folder: StateFolder) -> ssl.SSLContext:
    """TLS that lets nobody in without a certificate of the sandbox's client CA."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder.anchor("client-ca"))
    context.load_cert_chain(folder.tls("csc").certificate, folder.tls("csc").key)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def _serve(folder: StateFolder, deviations: Sequence[Deviation], faults: Sequence[Fault]) -> web.Application:
    addresses = Addresses.load(folder)

    async def time_stamping(query: bytes) -> bytes:
        headers = {"Content-Type": "application/timestamp-query"}
        async with aiohttp.ClientSession() as session, session.post(addresses.tsa_url, data=query, headers=headers) as answer:
            answer.raise_for_status()
            return await answer.read()

    return make_csc_app(
        Provider(
            credentials=sandbox_credentials(folder, _secret(folder.csc_pin)),
            grants=Grants(SystemClock()),
            client_id=CSC_CLIENT_ID,
            client_secret=_secret(folder.csc_client_secret),
            time_stamping=time_stamping,
            deviations=set(deviations),
            faults=dict.fromkeys(faults, math.inf),
        )
    )


def _secret(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m proxy.sandbox.csc_server", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True, help="the sandbox's folder")
    parser.add_argument("--deviation", type=Deviation, action="append", default=[], help=", ".join(Deviation))
    parser.add_argument("--fault", type=Fault, action="append", default=[], help=", ".join(Fault))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    folder = StateFolder.at(arguments.dir)
    web.run_app(
        _serve(folder, arguments.deviation, arguments.fault),
        host=LOOPBACK,
        port=Addresses.load(folder).csc,
        ssl_context=server_context(folder),
        print=None,
        handler_cancellation=True,
    )


if __name__ == "__main__":
    main()
