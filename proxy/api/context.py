"""What handlers get: the application's parts, and of each call its request, its client and what to give back at its end."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import web

from proxy.api.admission import Admission, RateLimiter
from proxy.api.authentication import Authentication
from proxy.api.body import Body
from proxy.api.grants import Grants
from proxy.api.json_stream import load_object
from proxy.api.queries import query_members
from proxy.api.schemas import Schema, parse
from proxy.api.shutdown import ShutdownGate
from proxy.call import Call, Deadline
from proxy.errors import UnsupportedMediaType
from proxy.operations.service import Operations
from proxy.ports import Clock
from proxy.settings import Settings

SchemaT = TypeVar("SchemaT", bound=Schema)


@dataclass(frozen=True, slots=True)
class Edge:
    """The parts of one application.

    Attributes:
        in_progress: Client and id of the transactions that have no final record yet.
    """

    settings: Settings
    operations: Operations
    clock: Clock
    authentication: Authentication
    admission: Admission
    rates: RateLimiter
    gate: ShutdownGate
    in_progress: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Context:
    """One authenticated call that may be made.

    Attributes:
        held: What is given back once the answer is sent: the slot, the spool.
    """

    edge: Edge
    request: web.Request
    call: Call
    grants: Grants
    held: AsyncExitStack

    @property
    def operations(self) -> Operations:
        """What the call can have done."""
        return self.edge.operations

    def query(self, schema: type[SchemaT]) -> SchemaT:
        """The query's parameters. Raises InvalidParameter."""
        return parse(schema, query_members(self.request))

    async def admit(self) -> None:
        """Take a slot, and start the call's time anew: waiting was not its fault.

        Raises:
            ConcurrencyLimit: There is none in time.
        """
        limits = self.edge.settings.limits
        client = self.grants.client
        slot = self.edge.admission.slot(client.name, client.in_flight or limits.per_client)
        await self.held.enter_async_context(slot)
        self.call.deadline = Deadline.after(limits.request_seconds)

    def small_body(self, media_type: str) -> Body:
        """A body that is no document, unread.

        Raises:
            UnsupportedMediaType: It is of another type.
            LengthRequired, TooLarge, InvalidParameter: As :class:`~proxy.api.body.Body`.
        """
        limits = self.edge.settings.limits
        if self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != media_type:
            raise UnsupportedMediaType(f"send {media_type}")
        return Body(self.request, limit=limits.parameter_bytes, stall_seconds=limits.upload_stall_seconds)

    async def json(self, body: Body, schema: type[SchemaT]) -> SchemaT:
        """Read a small JSON body. Raises as :meth:`~proxy.api.body.Body.read`, and InvalidParameter."""
        async with self.call.deadline.enforce():
            return parse(schema, load_object(await body.read()))

    def require_certificate(self, certificate_id: str) -> None:
        """Raise CertificateNotPermitted unless the client may use the certificate; then the record names it."""
        self.grants.require_certificate(certificate_id)
        self.call.facts.certificate_id = certificate_id


Handler = Callable[[Context], Awaitable[web.StreamResponse]]

EDGE = web.AppKey("edge", Edge)
CALL = web.RequestKey("call", Call)
TRANSACTION_ID = web.RequestKey("transaction_id", str)
