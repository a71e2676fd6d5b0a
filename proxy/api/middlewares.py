"""Around every request: its transaction id, its failures as problems, and the headers every answer has."""

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from proxy.api.calls import HEADER, chosen_transaction_id, new_transaction_id
from proxy.api.context import CALL, EDGE, TRANSACTION_ID
from proxy.api.problems import problem_of, problem_response
from proxy.api.representations import UpstreamBytes
from proxy.errors import InternalError, LengthMismatch, NotFound, ProxyError

_log = structlog.get_logger("proxy.api")

SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@web.middleware
async def transaction(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request its id, the caller's choice where it is one, and have every log line of it carry that."""
    request[TRANSACTION_ID] = chosen_transaction_id(request) or new_transaction_id()
    structlog.contextvars.bind_contextvars(transactionId=request[TRANSACTION_ID])
    return await handler(request)


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer failures as problems. What is not in the error tree is logged here and told as ``INTERNAL``, nothing more."""
    try:
        with request.app[EDGE].gate.cut_off_as_error():
            return await handler(request)
    except ProxyError as error:
        known = error
        if problem_of(error) is None:
            _log.exception("request.unexpected", method=request.method, path=request.path)
            known = InternalError(INTERNAL_DETAIL)
    except web.HTTPNotFound:
        # A target without a path, of CONNECT or ``OPTIONS *``, comes to no resource, not even to the last one.
        known = NotFound("there is no such path")
    except Exception:  # noqa: BLE001 - the edge is where the unexpected ends: it must be answered, and nothing of it may leak
        _log.exception("request.unexpected", method=request.method, path=request.path)
        known = InternalError(INTERNAL_DETAIL)
    return _answer(request, known)


INTERNAL_DETAIL = "something went wrong here; give the operator the transactionId"


def _answer(request: web.Request, error: ProxyError) -> web.Response:
    transaction_id = request[TRANSACTION_ID]
    response = problem_response(
        error,
        transaction_id=transaction_id,
        accept_language=request.headers.get("Accept-Language"),
        instance=f"/v1/operations/{transaction_id}" if CALL in request else None,
    )
    if request.app[EDGE].gate.closed or _body_withheld(request) or isinstance(error, LengthMismatch):
        response.force_close()
    return response


def _body_withheld(request: web.Request) -> bool:
    """Whether the caller may still be waiting to be told to send its body, or send it without being told.

    Where the next request begins cannot be known then (RFC 9110, 10.1.1).
    """
    return "Expect" in request.headers and not request.content.is_eof()


async def finish_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Set what every answer carries, and take off what tells of the software behind it."""
    headers = response.headers
    headers.popall("Server", None)
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    if request.secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    headers[HEADER] = request[TRANSACTION_ID]
    if CALL in request:
        exchanged = UpstreamBytes.of(request[CALL])
        headers["Upstream-Bytes"] = f"sent={exchanged.sent};received={exchanged.received}"
