"""``/v1/maintenance``: is the service in maintenance (contract, operation 10)."""

from aiohttp import web

from proxy.api.answers import json_response
from proxy.api.context import Context
from proxy.api.representations import MaintenanceAnswer
from proxy.api.schemas import NoParameters


async def get_maintenance(context: Context) -> web.StreamResponse:
    """The proxy's own maintenance, or its central signer's."""
    context.query(NoParameters)
    return json_response(MaintenanceAnswer.of(await context.operations.maintenance.state(context.call)))
