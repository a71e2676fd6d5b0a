"""Requests of the contract: what may be in them, bounded. The OpenAPI document is made from these classes.

Names are camelCase on the wire. What is not declared is refused by name: a parameter of another version is never ignored.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from proxy.errors import InvalidParameter
from proxy.model import HashAlgorithm, SignAlgorithm

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)")

MAX_DIGESTS = 100
MAX_PAGE = 1_000


class Schema(BaseModel):
    """Base of what travels: camelCase, frozen."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")


def _printable(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("control characters are not allowed")
    return text


def _decoded(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError("expected a string in base64")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64 (RFC 4648, 4)") from error


def _whole_moment(text: object) -> object:
    if isinstance(text, str):
        # The plus sign of an offset arrives as a space when the caller did not escape it in the URL.
        text = text.replace(" ", "+")
        if _RFC3339.fullmatch(text):
            return text
    raise ValueError("expected a time with offset, as 2026-01-31T09:00:00+09:00 (RFC 3339)")


Text = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_printable)]
"""Free text of the caller that goes into the document."""

Identifier = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_printable)]
"""An opaque id or name."""

Base64 = Annotated[
    bytes, BeforeValidator(_decoded), WithJsonSchema({"type": "string", "contentEncoding": "base64"}, mode="validation")
]
"""Bytes in standard base64."""

Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_whole_moment),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="validation"),
]
"""RFC 3339 with offset."""

Cursor = Annotated[str, Field(min_length=1, max_length=512)]
Limit = Annotated[int, Field(ge=1, le=MAX_PAGE)]


class Return(StrEnum):
    """What a document operation gives back: the whole document, or the bytes to append to the one the caller has."""

    DOCUMENT = "document"
    INCREMENT = "increment"


class ESParameters(Schema):
    """Parameters of an ES signature (PAdES-B-B)."""

    certificate_id: Identifier = Field(description="The signing certificate to use.")
    field_name: Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_printable)] | None = Field(
        None, description="Signature field to sign; made if it does not exist. Left out, a name is chosen."
    )
    existing_field_only: StrictBool = Field(False, description="Fail with FIELD_NOT_FOUND rather than make a field.")
    reason: Text | None = Field(None, description="Reason of the signature. Never in the URL.")
    location: Text | None = Field(None, description="Place of the signature. Never in the URL.")
    contact_info: Text | None = Field(None, description="How to reach the signer. Never in the URL.")
    hash_algorithm: HashAlgorithm | None = Field(None, description="Left out, the certificate's first choice.")
    sign_algorithm: SignAlgorithm | None = Field(None, description="Left out, the certificate's first choice.")
    return_: Return = Field(
        Return.DOCUMENT, alias="return", description="increment: only the bytes to append to the document as it was sent."
    )
    dry_run: StrictBool = Field(False, description="Check everything that can be checked and spend nothing.")


class ESTParameters(ESParameters):
    """Parameters of an ES-T signature (PAdES-B-T): those of ES, and whose time it is."""

    tsa_profile: Identifier | None = Field(None, description="Time-stamping profile; left out, the default one.")


class HashRequest(Schema):
    """Digests to sign."""

    certificate_id: Identifier
    hash_algorithm: HashAlgorithm
    sign_algorithm: SignAlgorithm | None = Field(None, description="Left out, the certificate's first choice.")
    hashes: tuple[Base64, ...] = Field(
        min_length=1, max_length=MAX_DIGESTS, description="Raw digests, each as long as hashAlgorithm makes them."
    )


class TimestampParameters(Schema):
    """Query of a timestamp on a digest."""

    tsa_profile: Identifier | None = Field(None, description="Time-stamping profile; left out, the default one.")


class RegistrationRequest(Schema):
    """A certificate that was issued to a key of the signer."""

    key_id: Identifier
    certificate: Base64 = Field(description="DER.")
    chain: tuple[Base64, ...] = Field((), max_length=10, description="DER of the issuers, the certificate's own first.")


class RevocationRequest(Schema):
    """Certificates to which revocation data is wanted; each must chain to an anchor trusted here."""

    certificates: tuple[Base64, ...] = Field(min_length=1, max_length=20, description="DER.")


class NoParameters(Schema):
    """A query without parameters."""


class CertificatesQuery(Schema):
    """A page of the certificates."""

    limit: Limit = 100
    cursor: Cursor | None = Field(None, description="nextCursor of the former page.")


class TransactionsQuery(Schema):
    """A search in the caller's own transactions."""

    from_: Moment | None = Field(None, alias="from", description="Started at or after.")
    to: Moment | None = Field(None, description="Started before.")
    result: Annotated[str, Field(pattern="^[A-Z][A-Z_]{0,63}$")] | None = Field(
        None, description="A state (SUCCEEDED, FAILED, IN_PROGRESS, UNKNOWN) or an error code."
    )
    certificate_id: Identifier | None = None
    limit: Limit = 100
    cursor: Cursor | None = Field(None, description="nextCursor of the former page.")


SchemaT = TypeVar("SchemaT", bound=Schema)


def parse(schema: type[SchemaT], members: Mapping[str, Any]) -> SchemaT:
    """Read members of a request.

    Raises:
        InvalidParameter: One is missing, unknown or out of its bounds; each is named.
    """
    try:
        return schema.model_validate(members, by_alias=True, by_name=False)
    except ValidationError as error:
        found = {".".join(str(part) for part in item["loc"]): _reason(item["msg"], item["type"]) for item in error.errors()}
        # A list whose items are wrong is also told to be too short: the items say more.
        fields = {name: reason for name, reason in found.items() if not any(other.startswith(f"{name}.") for other in found)}
        name, reason = next(iter(fields.items()))
        raise InvalidParameter(f"{name[:64]!a}: {reason}", fields=fields) from error


def _reason(message: str, kind: str) -> str:
    return {"missing": "required", "extra_forbidden": "unknown parameter"}.get(kind, message.removeprefix("Value error, "))
