"""Requests of the contract: what may be in them, bounded. The OpenAPI document is made from these classes.

Names are camelCase on the wire. What is not declared is refused by name: a parameter of another version is never ignored.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any, Literal, TypeVar

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
from proxy.model import (
    Appearance,
    GracePolicy,
    HashAlgorithm,
    LengthUnit,
    OnAlreadyTimestamped,
    Origin,
    ReportKind,
    SignAlgorithm,
    TimestampPurpose,
)

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)")

MAX_DIGESTS = 100
MAX_PAGE = 1_000

MEMBERS = 64
"""Parameters one request may have, unknown ones included."""

WRONG_FIELDS = 50
"""Fields at fault that an answer names."""


class Schema(BaseModel):
    """Base of what travels: camelCase, frozen."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")


def _printable(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("control characters are not allowed")
    return text


def _decoded(text: object) -> bytes:
    if isinstance(text, bytes):
        return text  # a part of its own in multipart/form-data
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


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("expected a time of the years 1 to 9999 in UTC") from error


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
    AfterValidator(_in_utc),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="validation"),
]
"""RFC 3339 with offset."""

Cursor = Annotated[str, Field(min_length=1, max_length=512)]
Limit = Annotated[int, Field(ge=1, le=MAX_PAGE)]


Password = Annotated[str, Field(min_length=1, max_length=127), AfterValidator(_printable)]
"""Password of an encrypted PDF: 127 bytes of UTF-8 count (ISO 32000-2, 7.6.4.3.2)."""


class Return(StrEnum):
    """What a document operation gives back: the whole document, or the bytes to append to the one the caller has."""

    DOCUMENT = "document"
    INCREMENT = "increment"


class DocumentParameters(Schema):
    """What every call with a document may say."""

    document_password: Password | None = Field(None, description="Opens an encrypted document. Never in the URL.")
    return_: Return = Field(
        Return.DOCUMENT, alias="return", description="increment: only the bytes to append to the document as it was sent."
    )
    dry_run: StrictBool = Field(False, description="Check everything that can be checked and spend nothing.")


Length = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]


class AppearanceParameters(Schema):
    """A visible signature: where it is on the page as a viewer shows it, and its text; its image is sealImage."""

    page: Annotated[int, Field(strict=True, ge=1)] = Field(1, description="Counted from 1.")
    origin: Origin = Field(Origin.BOTTOM_LEFT, description="The corner of the page that x and y count from.")
    x: Length
    y: Length
    width: Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]
    height: Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]
    unit: LengthUnit = LengthUnit.MILLIMETRE
    text: Annotated[str, Field(min_length=1, max_length=1_000), AfterValidator(_printable)] | None = Field(
        None, description="Wraps into the box. Never in the URL."
    )
    rotation: Literal[0, 90, 180, 270] = Field(0, description="Of the content within the box, counterclockwise, in degrees.")


class ESParameters(DocumentParameters):
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
    appearance: AppearanceParameters | None = Field(None, description="Left out, the signature is invisible.")
    seal_image: Base64 | None = Field(
        None, description="PNG, JPEG, GIF, BMP or TIFF for the appearance; in multipart a part of its own."
    )

    def visible(self) -> Appearance | None:
        """The appearance with its image; ``None`` for an invisible signature.

        Raises:
            InvalidParameter: An image or nothing at all is to be seen, and it is not said where or what.
        """
        if self.appearance is None:
            if self.seal_image is not None:
                raise InvalidParameter("sealImage needs an appearance", fields={"appearance": "required with sealImage"})
            return None
        return Appearance(**self.appearance.model_dump(), seal_image=self.seal_image)


class ESTParameters(ESParameters):
    """Parameters of an ES-T signature (PAdES-B-T): those of ES, and whose time it is."""

    tsa_profile: Identifier | None = Field(None, description="Time-stamping profile; left out, the default one.")


class LTVParameters(ESTParameters):
    """Parameters of an ES-T signature: B-T, or B-LT with validation data."""

    ltv: StrictBool = Field(False, description="Add validation data (B-LT), so that it is verifiable about 10 years.")


class MDPParameters(ESTParameters):
    """Parameters of a certification signature."""

    doc_mdp: Annotated[int, Field(strict=True, ge=1, le=3)] = Field(
        1, description="What may be changed afterwards: 1 nothing, 2 forms and signatures, 3 annotations too."
    )
    ltv: StrictBool = Field(True, description="Add validation data, in the signature's own revision.")


class ESAParameters(ESTParameters):
    """Parameters of an ES-A signature (PAdES-B-LTA)."""

    grace_policy: GracePolicy = Field(
        GracePolicy.NOW,
        description="now: the validation data there is; fresh: OCSP issued after the signing time for every certificate.",
    )


class DocumentTimestampParameters(DocumentParameters):
    """Parameters of a document timestamp."""

    purpose: TimestampPurpose = Field(
        TimestampPurpose.DOC_TIME_STAMP, description="ES_A prolongs what is signed in the document; it adds the proof it needs."
    )
    tsa_profile: Identifier | None = Field(None, description="Time-stamping profile; left out, the default one.")
    on_already_timestamped: OnAlreadyTimestamped = OnAlreadyTimestamped.ADD


class VerificationParameters(Schema):
    """Parameters of a verification."""

    validation_time: Moment | None = Field(None, description="The moment as of which it is judged; left out, now.")
    report: ReportKind = Field(
        ReportKind.SIMPLE,
        description="detailed: with all that was checked; etsi: with the validation report of ETSI TS 119 102-2 in XML.",
    )
    get_scan_info: StrictBool = Field(False, description="Describe the image of each page, for scanned documents.")
    document_password: Password | None = Field(None, description="Opens an encrypted document. Never in the URL.")


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


class ListQuery(Schema):
    """A page of a list by id."""

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
    operation: Annotated[str, Field(pattern="^[a-z][a-z-]{0,63}$")] | None = Field(
        None, description="As a record names it: es, es-t, timestamp, hash, verify, …"
    )
    document_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = Field(
        None, description="Hex SHA-256 of a document as it came, or as it went."
    )
    idempotency_key: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,255}$")] | None = Field(
        None, description="Calls that came with this key; of the last 24 hours where from does not say otherwise."
    )
    limit: Limit = 100
    cursor: Cursor | None = Field(None, description="nextCursor of the former page.")


SchemaT = TypeVar("SchemaT", bound=Schema)


def parse(schema: type[SchemaT], members: Mapping[str, Any]) -> SchemaT:
    """Read members of a request.

    Raises:
        InvalidParameter: One is missing, unknown or out of its bounds; each is named.
    """
    if len(members) > MEMBERS:
        surplus = dict.fromkeys(islice(members, MEMBERS, MEMBERS + WRONG_FIELDS), "too many parameters")
        raise InvalidParameter(f"a request has no more than {MEMBERS} parameters", fields=surplus)
    try:
        return schema.model_validate(members, by_alias=True, by_name=False)
    except ValidationError as error:
        fields = _wrong_fields(error)
        name, reason = next(iter(fields.items()))
        raise InvalidParameter(f"{name[:64]!a}: {reason}", fields=fields) from error


def _wrong_fields(error: ValidationError) -> dict[str, str]:
    """The first of the fields at fault, by their dotted names; of a list whose items are wrong, the items alone."""
    items = error.errors(include_url=False, include_context=False, include_input=False)[:WRONG_FIELDS]
    inner = {item["loc"][:depth] for item in items for depth in range(1, len(item["loc"]))}
    return {
        ".".join(str(part) for part in item["loc"]): _reason(item["msg"], item["type"])
        for item in items
        if item["loc"] not in inner
    }


def _reason(message: str, kind: str) -> str:
    return {"missing": "required", "extra_forbidden": "unknown parameter"}.get(kind, message.removeprefix("Value error, "))
