"""Health: for the load balancer whether this task lives and serves, for operators what it stands on and what it measured."""

import uuid

from aiohttp import web

from proxy.api.answers import json_response
from proxy.api.context import EDGE
from proxy.api.health_answer import HealthAnswer
from proxy.api.representations import Status
from proxy.call import Call, Deadline
from proxy.operations.service import Operations
from proxy.ports import Clock

PROBE_SECONDS = 10.0
"""How long the dependencies may take to answer an operator."""


async def live(_request: web.Request) -> web.StreamResponse:
    """This task answers."""
    return json_response(Status(status="ok"))


async def ready(request: web.Request) -> web.StreamResponse:
    """This task takes calls. What it stands on is not asked: if that fails, it fails for every task."""
    edge = request.app[EDGE]
    serves = edge.operations.health.ready and not edge.gate.closed
    return json_response(Status(status="ok" if serves else "unavailable"), status=200 if serves else 503)


async def metrics(request: web.Request, operations: Operations) -> web.StreamResponse:
    """Everything measured so far, as Prometheus or OpenMetrics want it."""
    text, media_type = await operations.telemetry.scrape(request.headers.get("Accept", ""))
    return web.Response(body=text, headers={"Content-Type": media_type})


async def dependencies(operations: Operations, clock: Clock) -> web.StreamResponse:
    """Every dependency, asked now."""
    call = Call(str(uuid.uuid4()), "", "health", clock.now(), Deadline.after(PROBE_SECONDS))
    health = operations.health
    asked = await health.dependencies(call)
    answer = HealthAnswer.of(
        ready=health.ready, dependencies=asked, links=health.links, files=health.files, missing=health.missing
    )
    return json_response(answer, status=200 if answer.ok and answer.ready else 503)
