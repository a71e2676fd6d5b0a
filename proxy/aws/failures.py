"""The codes of failures that AWS services have in common (AWS, Common error types), and how JSON APIs tell them.

Messages name accounts, roles and resources, so none of them is handed on.
"""

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proxy.outbound import Answer, Judgement, LinkForbidden

MOST_WHEN_THROTTLED = 8
"""Attempts: throttling is normal, and passes with the second."""

THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""Nothing was done, for there were too many requests."""

OVER = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
"""The credentials were good, and are over."""

ACCESS = OVER | frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NotAuthorized",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
"""The proxy may not do this, or AWS does not know it."""

TRANSIENT = frozenset(
    {"InternalError", "InternalFailure", "InternalServerError", "ServiceUnavailable", "ServiceUnavailableException"}
)
"""Asking again may help, though something may have been done."""


ASKED_WITH_OTHER_CREDENTIALS = Judgement(works=True, passing=True, undone=True, attempts=2)
"""What a failure of :data:`OVER` says: once more, with what AWS's chain gives now."""


class NoCredentials(LinkForbidden):
    """AWS's chain of credentials gives none. Nothing was sent."""


class _Failure(BaseModel):
    """The body of any failure of a JSON API."""

    model_config = ConfigDict(extra="ignore", strict=True)

    kind: str = Field(alias="__type")


def error_code(answer: Answer) -> str:
    """The error's short name, empty where the answer has none. It comes as ``namespace#Name`` or ``Name:address`` too."""
    try:
        name = _Failure.model_validate_json(answer.body).kind
    except ValidationError:
        name = answer.headers.get("x-amzn-errortype", "")
    return name.rpartition("#")[2].partition(":")[0]
