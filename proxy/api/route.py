"""What a route is: one declaration, from which the router and the OpenAPI document are made."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from proxy.api.context import Handler
from proxy.api.schemas import Schema
from proxy.errors import ProxyError
from proxy.settings import Operation


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer of one media type; without a schema it is bytes or text."""

    media_type: str
    schema: type[Schema] | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path.

    Attributes:
        operation_id: Its name in the OpenAPI document.
        summary: One line.
        answers: What comes back when all goes well, the default first.
        query: Parameters of the URL.
        path_parameters: Names in the path, each with its description.
        status: Of the successful answer.
    """

    method: str
    path: str
    operation_id: str
    summary: str
    answers: tuple[Answer, ...]
    description: str = ""
    query: type[Schema] | None = None
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True, slots=True)
class OpenRoute(Route):
    """A route that needs no client certificate and leaves no record: health and documentation."""

    handler: Callable[[web.Request], Awaitable[web.StreamResponse]] = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class CallRoute(Route):
    """A route of the contract's operations.

    Attributes:
        operation: Its name in transaction records.
        grant: What must be granted; ``None`` where enrolment is enough.
        handler: Does it.
        body: Schema of a JSON body, or of the parameters that come with a document.
        takes_document: The body is a document, in any of the contract's ways.
        body_media_type: Of a body that is neither JSON nor a document.
        in_maintenance_refused: Whether the proxy's own maintenance stops it.
        takes_idempotency_key: Whether a repeat with the same Idempotency-Key gets the same answer.
        errors: What it can raise beyond what every call can.
    """

    operation: str = field(kw_only=True)
    grant: Operation | None = field(kw_only=True)
    handler: Handler = field(kw_only=True)
    body: type[Schema] | None = field(default=None, kw_only=True)
    takes_document: bool = field(default=False, kw_only=True)
    body_media_type: str | None = field(default=None, kw_only=True)
    in_maintenance_refused: bool = field(default=False, kw_only=True)
    takes_idempotency_key: bool = field(default=False, kw_only=True)
    errors: tuple[type[ProxyError], ...] = field(default=(), kw_only=True)
