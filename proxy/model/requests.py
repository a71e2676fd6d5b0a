"""What a caller asks of one document."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from proxy.model.algorithms import HashAlgorithm, SignAlgorithm


class SignatureForm(StrEnum):
    """Forms of the contract that this version makes."""

    ES = "ES"
    ES_T = "ES-T"
    MDP = "MDP"
    ES_A = "ES-A"


class GracePolicy(StrEnum):
    """Which revocation data an ES-A signature takes (EN 319 102-1, 4.2.6: the grace period)."""

    NOW = "now"
    FRESH = "fresh"


class TimestampPurpose(StrEnum):
    """What a document timestamp is to do: stand for itself, or prolong what is there (EN 319 142-1, 5.5)."""

    DOC_TIME_STAMP = "DocTimeStamp"
    ES_A = "ES_A"


class OnAlreadyTimestamped(StrEnum):
    """What to do with a document that holds a document timestamp already."""

    ADD = "add"
    REJECT = "reject"
    SKIP = "skip"


class BaselineLevel(StrEnum):
    """Baseline levels of EN 319 142-1, in rising order."""

    B_B = "B-B"
    B_T = "B-T"
    B_LT = "B-LT"
    B_LTA = "B-LTA"


class Origin(StrEnum):
    """The corner of the page, as it is seen, that a position counts from."""

    BOTTOM_LEFT = "bottom-left"
    BOTTOM_RIGHT = "bottom-right"
    TOP_LEFT = "top-left"
    TOP_RIGHT = "top-right"


class LengthUnit(StrEnum):
    """Units of lengths on a page. A point is 1/72 inch."""

    MILLIMETRE = "mm"
    POINT = "pt"


@dataclass(frozen=True, slots=True)
class Appearance:
    """A visible signature.

    Attributes:
        page: Counted from 1.
        origin: Corner that ``x`` and ``y`` count from, on the page as a viewer shows it (rotated, cropped).
        x: Distance of the box's nearest vertical edge from the origin's.
        y: Distance of the box's nearest horizontal edge from the origin's.
        width: Of the box.
        height: Of the box.
        unit: Of all four.
        text: To set into the box; lines may be broken.
        rotation: Of the content within the box, counterclockwise, 0, 90, 180 or 270 degrees.
        seal_image: The image file as it came, if one came.
    """

    page: int
    origin: Origin
    x: float
    y: float
    width: float
    height: float
    unit: LengthUnit
    text: str | None = None
    rotation: int = 0
    seal_image: bytes | None = None


@dataclass(frozen=True, slots=True)
class SignatureRequest:
    """What a caller asks of one document signature; text is already bounded by the edge.

    ``hash_algorithm`` and ``sign_algorithm`` are ``None`` where the credential's first choice applies. ``ltv`` is for ES-T and
    MDP, ``doc_mdp`` (the DocMDP permission level) for MDP, ``grace_policy`` for ES-A.
    """

    form: SignatureForm
    certificate_id: str
    field_name: str | None = None
    existing_field_only: bool = False
    reason: str | None = None
    location: str | None = None
    contact_info: str | None = None
    hash_algorithm: HashAlgorithm | None = None
    sign_algorithm: SignAlgorithm | None = None
    tsa_profile: str | None = None
    ltv: bool = False
    doc_mdp: int = 1
    grace_policy: GracePolicy = GracePolicy.NOW
    appearance: Appearance | None = None
    document_password: str | None = None
    dry_run: bool = False

    @property
    def level(self) -> BaselineLevel:
        """The level that is asked for; less is a failure."""
        match self.form:
            case SignatureForm.ES:
                return BaselineLevel.B_B
            case SignatureForm.ES_T | SignatureForm.MDP:
                return BaselineLevel.B_LT if self.ltv else BaselineLevel.B_T
            case SignatureForm.ES_A:
                return BaselineLevel.B_LTA


@dataclass(frozen=True, slots=True)
class TimestampRequest:
    """What a caller asks of one document timestamp."""

    purpose: TimestampPurpose = TimestampPurpose.DOC_TIME_STAMP
    tsa_profile: str | None = None
    on_already_timestamped: OnAlreadyTimestamped = OnAlreadyTimestamped.ADD
    document_password: str | None = None
    dry_run: bool = False


class ReportKind(StrEnum):
    """How much is told of a verification; ``etsi`` is the validation report of TS 119 102-2."""

    SIMPLE = "simple"
    DETAILED = "detailed"
    ETSI = "etsi"


@dataclass(frozen=True, slots=True)
class VerificationRequest:
    """What a caller asks about one document.

    Attributes:
        validation_time: The moment as of which it is judged; ``None`` for now.
        report: How much is told.
        scan_info: Whether the image of each page is described.
        document_password: Opens an encrypted document.
    """

    validation_time: datetime | None = None
    report: ReportKind = ReportKind.SIMPLE
    scan_info: bool = False
    document_password: str | None = None
