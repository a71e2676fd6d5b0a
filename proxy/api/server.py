"""Runs an application: how connections are read, what malformed requests are told, and how it stops.

A request that is no HTTP never reaches the application; its answer is a problem all the same.
"""

import asyncio
from typing import Any

import structlog
from aiohttp import web

from proxy.api.calls import HEADER, new_transaction_id
from proxy.api.context import EDGE
from proxy.api.middlewares import INTERNAL_DETAIL, SECURITY_HEADERS
from proxy.api.problems import problem_response
from proxy.errors import InternalError, InvalidParameter, ProxyError

HEADER_BYTES = 65_536
"""Bytes of one header field: a load balancer passes a whole chain of certificates in one."""

KEEP_ALIVE_SECONDS = 75.0
"""How long a connection may take for the head of a request: longer than the 60 seconds a load balancer keeps an idle one."""

CONNECTION_SECONDS = 1.0
"""How long connections may take to close once every call on them is answered: some still send a body that was refused."""

_log = structlog.get_logger("proxy.api")


class _Connection(web.RequestHandler):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serve it, unless it comes late: it was accepted before the listeners closed, and its TLS handshake took until now."""
        super().connection_made(transport)
        if isinstance(self._manager, _Server) and self._manager.is_closed:
            self.force_close()

    def data_received(self, data: bytes) -> None:
        """Have the call whose body turns out to be malformed (RFC 9112, 7.1) know it.

        Left alone, the parser's complaint waits for its turn as the next request, and the call for bytes that cannot come.
        """
        super().data_received(data)
        request = self._current_request
        if request is None or request.content.is_eof() or not self._messages:
            return
        complaint = getattr(self._messages[-1][0], "exc", None)
        if complaint is not None:
            request.content.set_exception(web.RequestPayloadError(str(complaint)))
            request.content.feed_eof()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what the application could not: bytes that are no request, or a fault outside it."""
        del message
        if request.writer.output_size > 0:
            raise ConnectionResetError("an answer has begun; it cannot be another now")
        error: ProxyError
        if status < 500:
            _log.info("request.malformed", reason=type(exc).__name__)
            error = InvalidParameter("the request is not well-formed HTTP")
        else:
            _log.error("request.unexpected", exc_info=exc)
            error = InternalError(INTERNAL_DETAIL)
        transaction_id = new_transaction_id()
        response = problem_response(error, transaction_id=transaction_id)
        response.headers.update(SECURITY_HEADERS)
        response.headers[HEADER] = transaction_id
        # Left unset, the server would name itself and its version.
        response.headers["Server"] = "-"
        response.force_close()
        return response


class _Server(web.Server):
    """Makes connections.

    Attributes:
        is_closed: No connection is served any more that is not there yet.
    """

    is_closed = False

    def __call__(self) -> _Connection:
        return _Connection(
            self,
            loop=self._loop,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            access_log=None,  # type: ignore[arg-type]  # declared a logger, tested for None: every call has its own log line
            auto_decompress=False,
            max_field_size=HEADER_BYTES,
        )


class APIRunner(web.AppRunner):
    """Runs the application of :func:`~proxy.api.application.make_api`."""

    def __init__(self, app: web.Application, **options: Any) -> None:
        super().__init__(app, shutdown_timeout=CONNECTION_SECONDS, **options)

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(made.request_handler, request_factory=made.request_factory)

    async def cleanup(self) -> None:
        """Stop: calls in progress finish within ``limits.shutdown_seconds``, then the listeners and connections close."""
        if isinstance(self.server, _Server):
            edge = self.app[EDGE]
            await edge.gate.close(edge.settings.limits.shutdown_seconds)
            self.server.is_closed = True
        await super().cleanup()
