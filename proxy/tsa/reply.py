"""``TimeStampResp`` (RFC 3161, 2.4.2): granted with a token, or a rejection put in words."""

from asn1crypto import cms, core, tsp

from proxy.errors import TSAError
from proxy.tsa.query import UNREADABLE

LARGEST_REPLY = 65_536
"""Bytes of the largest reply that is read; a token is embedded in every signature, so it has to be small."""

_LONGEST_STATUS_TEXT = 200
_GRANTED = {"granted", "granted_with_mods"}
_FAILURES = {
    "bad_alg": "it does not know or accept the hash algorithm",
    "bad_request": "it does not permit or support the request",
    "bad_data_format": "it finds the request malformed",
    "time_not_available": "its time source is not available",
    "unaccepted_policy": "it does not issue under the policy asked for",
    "unaccepted_extensions": "it does not support the requested extension",
    "add_info_not_available": "the additional information asked for is not available",
    "system_failure": "it has a system failure",
}
_OUT_OF_ORDER = {"time_not_available", "system_failure"}


class Reply(core.Sequence):  # type: ignore[misc]  # asn1crypto has no type information
    """``TimeStampResp`` with its token optional, as the standard has it; asn1crypto's own requires one."""

    _fields = [  # noqa: RUF012 - the form asn1crypto wants
        ("status", tsp.PKIStatusInfo),
        ("time_stamp_token", cms.ContentInfo, {"optional": True}),
    ]


def token_of(response: bytes) -> bytes | None:
    """DER of the token in a reply.

    Args:
        response: The reply as it came.

    Returns:
        The token; ``None`` for a well-formed rejection.

    Raises:
        TSAError: It is no reply, or its status and its token contradict each other.
    """
    status, token, _ = _read(response)
    if status in _GRANTED and token is None:
        raise TSAError("the time-stamping authority granted the request but sent no token")
    if status not in _GRANTED and token is not None:
        raise TSAError("the time-stamping authority sent a token together with a rejection")
    return token


def rejection_of(response: bytes) -> str:
    """Why a reply that :func:`token_of` found to be a rejection is one, as an English sentence."""
    status, _, reason = _read(response)
    return f"the time-stamping authority rejected the request ({status.replace('_', ' ')}): {reason}"


def is_out_of_order(response: bytes) -> bool:
    """Whether a rejection says that the authority does not work, and not that the request is wrong."""
    failures = Reply.load(response, strict=True)["status"]["fail_info"].native or set()
    return bool(_OUT_OF_ORDER & set(failures))


def without_certificates(response: bytes) -> bytes:
    """The same reply, its token without the certificates it may hold: they are not signed.

    Args:
        response: DER of a reply whose token was checked.
    """
    reply = Reply.load(response, strict=True)
    signed_data = reply["time_stamp_token"]["content"]
    if isinstance(signed_data["certificates"], core.Void):
        return response
    signed_data["certificates"] = None
    der: bytes = reply.dump()  # what was not touched stays as it was encoded
    return der


def _read(response: bytes) -> tuple[str, bytes | None, str]:
    if len(response) > LARGEST_REPLY:
        raise TSAError("the time-stamping authority's reply is too large")
    try:
        reply = Reply.load(response, strict=True)
        status = reply["status"]["status"].native
        failures = reply["status"]["fail_info"].native or set()
        texts = reply["status"]["status_string"].native or []
        field = reply["time_stamp_token"]
        token = None if isinstance(field, core.Void) else field.dump()
    except UNREADABLE as error:
        raise TSAError("the time-stamping authority's reply is no RFC 3161 reply") from error
    if not isinstance(status, str):
        raise TSAError("the time-stamping authority's reply has an unknown status")
    reasons = [_FAILURES.get(failure, f"failure {failure}") for failure in sorted(failures)]
    said = _printable(" ".join(texts))
    if said:
        reasons.append(f"it says: {said}")
    return status, token, "; ".join(reasons) or "it gives no reason"


def _printable(text: str) -> str:
    """Another's free text, made fit for a log and an answer."""
    return "".join(character if character.isprintable() else " " for character in text)[:_LONGEST_STATUS_TEXT].strip()
