"""From an answer that is no success back to the error tree: by the contract's code, never by the status alone.

The answer is ``application/problem+json`` (RFC 9457). A gateway that answers in the place of a service it does not reach (502,
503 or 504 without a code) is :class:`ServiceUnreachable`.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from proxy.errors import DependencyError, ProxyError


class ServiceProblem(DependencyError):
    """The service answered with a failure that this library has no class for.

    Attributes:
        status: HTTP status.
        service_code: The code it named, if it named one.
    """

    code = "SERVICE_PROBLEM"

    def __init__(self, detail: str, *, status: int, service_code: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.status = status
        self.service_code = service_code


class ServiceUnreachable(DependencyError):
    """No connection, no trust in the other side's certificate, a broken connection, or a gateway that says so.

    When the request was sent before, the service may have signed: ask for the operation by ``transaction_id``.
    """

    code = "SERVICE_UNREACHABLE"


class AnswerInvalid(DependencyError):
    """An answer that claims success contradicts the request or itself; nothing of it was kept."""

    code = "ANSWER_INVALID"


def _leaves(root: type[ProxyError]) -> Iterator[type[ProxyError]]:
    for kind in root.__subclasses__():
        if kind.__module__ == ProxyError.__module__:
            yield kind
            yield from _leaves(kind)


_BY_CODE: Mapping[str, type[ProxyError]] = {kind.code: kind for kind in _leaves(ProxyError) if kind.code}

_GATEWAY = frozenset({502, 503, 504})


def error_from(status: int, body: bytes, *, transaction_id: str | None, retry_after: str | None = None) -> ProxyError:
    """The error an answer stands for.

    Args:
        status: HTTP status, 300 or above.
        body: The answer's body, as far as it was read.
        transaction_id: From the ``Transaction-Id`` header, or the one the request carried.
        retry_after: The ``Retry-After`` header; only its form in seconds is understood.
    """
    problem = _problem(body)
    code = _text(problem, "code")
    detail = _text(problem, "detail") or _text(problem, "title") or f"the service answered with HTTP status {status}"
    seconds = float(retry_after) if retry_after is not None and retry_after.isdecimal() else None
    kind = _BY_CODE.get(code or "")
    error: ProxyError
    if code is None and status in _GATEWAY:
        error = ServiceUnreachable(detail, retry_after=seconds)
    elif kind is None:
        named = f"{code}: {detail}" if code else detail
        error = ServiceProblem(named, status=status, service_code=code, retry_after=seconds)
    else:
        error = kind(detail, fields=_fields(problem), retry_after=seconds)
    error.transaction_id = _text(problem, "transactionId") or transaction_id
    return error


def _problem(body: bytes) -> Mapping[str, Any]:
    try:
        members = json.loads(body)
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}


def _text(problem: Mapping[str, Any], name: str) -> str | None:
    value = problem.get(name)
    return value if isinstance(value, str) and value else None


def _fields(problem: Mapping[str, Any]) -> dict[str, str]:
    entries = problem.get("errors")
    if not isinstance(entries, list):
        return {}
    return {
        str(entry["field"]): str(entry.get("reason", "")) for entry in entries if isinstance(entry, dict) and "field" in entry
    }
