"""The two applications of the edge: the service, and the operators' listener."""

from collections.abc import Awaitable, Callable
from functools import cache

from aiohttp import web

from proxy.api import calls, documentation, health
from proxy.api.admission import Admission, RateLimiter
from proxy.api.authentication import Authentication
from proxy.api.context import EDGE, TRANSACTION_ID, Edge
from proxy.api.documentation_page import render
from proxy.api.middlewares import finish_headers, problems, transaction
from proxy.api.openapi import document, document_text
from proxy.api.problems import problem_response
from proxy.api.route import CallRoute
from proxy.api.routes import CALL_ROUTES, OPEN_ROUTES
from proxy.api.shutdown import ShutdownGate
from proxy.errors import MethodNotAllowed, NotFound
from proxy.following import FollowedFiles
from proxy.operations.service import Operations
from proxy.ports import Clock
from proxy.settings import Settings


def make_api(settings: Settings, operations: Operations, clock: Clock, files: FollowedFiles | None = None) -> web.Application:
    """The service's application. Run it with :class:`~proxy.api.server.APIRunner`.

    Args:
        settings: The service's.
        operations: What it has done.
        clock: What calls and certificates are dated by.
        files: Where authorities and CRL of the clients are followed; nowhere, if none are given.

    Raises:
        SettingsError: Client authorities, CRL or enrolments cannot be used.
    """
    limits = settings.limits
    application = web.Application(middlewares=[transaction, problems])
    admission = Admission(slots=limits.requests_in_flight, queue=limits.queue, queue_seconds=limits.queue_seconds)
    operations.telemetry.metrics.watch("requests", "Requests that hold a slot or wait for one.", ("state",), admission.readings)
    application[EDGE] = Edge(
        settings=settings,
        operations=operations,
        clock=clock,
        authentication=Authentication(settings, clock, files or FollowedFiles()),
        admission=admission,
        rates=RateLimiter(),
        gate=ShutdownGate(),
    )
    application[documentation.OPENAPI], application[documentation.PAGE] = _documentation()
    application.on_response_prepare.append(finish_headers)
    for route in CALL_ROUTES:
        application.router.add_route(route.method, route.path, _serving(route), expect_handler=_wait_for_admission)
    for open_route in OPEN_ROUTES:
        application.router.add_route(open_route.method, open_route.path, open_route.handler, expect_handler=_wait_for_admission)
    # The last resource takes what the others left, so that the answer to it is made here as well.
    application.router.add_route("*", "/{rest:.*}", _no_route, expect_handler=_wait_for_admission)
    return application


def make_admin(settings: Settings, operations: Operations, clock: Clock) -> web.Application:
    """The operators' application: ``GET /health``, by dependency, and ``GET /metrics``."""
    del settings
    application = web.Application()

    async def get_health(_request: web.Request) -> web.StreamResponse:
        return await health.dependencies(operations, clock)

    async def get_metrics(request: web.Request) -> web.StreamResponse:
        return await health.metrics(request, operations)

    application.router.add_get("/health", get_health, allow_head=False)
    application.router.add_get("/metrics", get_metrics, allow_head=False)
    return application


@cache
def _documentation() -> tuple[bytes, bytes]:
    """The OpenAPI document and the page made from it: the same for every application."""
    return document_text().encode(), render(document()).encode()


def _serving(route: CallRoute) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await calls.serve(route, request)

    return handler


async def _wait_for_admission(_request: web.Request) -> None:
    """Say nothing yet: ``100 Continue`` is for the call that is admitted (see :mod:`proxy.api.body`)."""


async def _no_route(request: web.Request) -> web.StreamResponse:
    allowed: set[str] = set()
    for resource in request.app.router.resources():
        _, methods = await resource.resolve(request)
        allowed |= methods - {"*"}
    if not allowed:
        raise NotFound("there is no such path")
    response = problem_response(
        MethodNotAllowed(f"this path takes {', '.join(sorted(allowed))}"),
        transaction_id=request[TRANSACTION_ID],
        accept_language=request.headers.get("Accept-Language"),
    )
    response.headers["Allow"] = ", ".join(sorted(allowed))
    return response
