"""What the stages of a verification take and give: small values that cross between the processes."""

from dataclasses import dataclass, field
from enum import StrEnum

from proxy.model import Coverage, SignedObject, ValidationData

EXAMINE = "pades.examine_document"
SURVEY = "pades.survey_document"
DESCRIBE_SCANS = "pades.describe_scans"
"""Names of the engine's tasks."""


class CoverageLevel(StrEnum):
    """How much of the file a signature covers, as the contract's ``coverage`` says it."""

    WHOLE_FILE = "wholeFile"
    WHOLE_REVISION = "wholeRevision"
    PARTIAL = "partial"


class ModificationLevel(StrEnum):
    """What was changed after a signature, as the contract's ``modificationLevel`` says it, least first."""

    NONE = "none"
    LTV_UPDATES = "ltvUpdates"
    FORM_FILLING = "formFilling"
    ANNOTATIONS = "annotations"
    OTHER = "other"

    @property
    def rank(self) -> int:
        """How much it is."""
        return tuple(ModificationLevel).index(self)


@dataclass(frozen=True, slots=True)
class ExamineDocument:
    """What to examine.

    Attributes:
        most_signatures: As many signatures are looked at as this.
        password: Opens an encrypted document.
    """

    most_signatures: int
    password: str | None = None


@dataclass(frozen=True, slots=True)
class SurveyDocument:
    """What to say of a document whose examination came to no end.

    Attributes:
        failed: Whether the program failed; else the document took more than it may.
    """

    failed: bool


@dataclass(frozen=True, slots=True)
class ExaminedSignature:
    """What the document says of one signature or document timestamp.

    Attributes:
        object: What is judged, findings included.
        field_name: Fully qualified name of its field; ``None`` where it is in none.
        coverage: ``None`` where it cannot be told.
        modification_level: What was changed after it; ``None`` where it cannot be told.
        judged: Whether it is to be judged: not, if it is gone and a later signature signed the document without it, and not if
            it gives usage rights.
    """

    object: SignedObject
    field_name: str | None
    coverage: CoverageLevel | None = None
    modification_level: ModificationLevel | None = None
    judged: bool = True


@dataclass(frozen=True, slots=True)
class ExaminedDocument:
    """What is signed in a document, oldest first, and the document's own facts.

    Attributes:
        coverage: One entry a document timestamp.
        security_store: All that any revision's document security store holds.
        pages: How many it has; ``None`` where that cannot be told.
        doc_mdp: The permissions that its certification grants (ISO 32000-2, table 257); ``None`` without one.
        modified_after_signing: Something was changed after the first signature that is neither a signature nor validation data.
        unexamined: Signatures that were not looked at, since they are too many.
    """

    signatures: tuple[ExaminedSignature, ...]
    coverage: tuple[Coverage, ...] = ()
    security_store: ValidationData = field(default_factory=ValidationData)
    pages: int | None = None
    doc_mdp: int | None = None
    modified_after_signing: bool = False
    unexamined: int = 0


@dataclass(frozen=True, slots=True)
class DescribeScans:
    """Ask for the image of each page."""

    password: str | None = None


class ScanColor(StrEnum):
    """What an image is made of, as the contract's ``color`` says it."""

    COLOR = "color"
    GRAY = "gray"
    BILEVEL = "bilevel"


@dataclass(frozen=True, slots=True)
class PageImage:
    """The largest image on a page; ``None`` for what its dictionary does not say.

    Attributes:
        page: Counted from 1.
        width_px: Pixels in a row.
        height_px: Rows.
        dpi: Pixels an inch as it is painted; of the two directions, the fewer.
        bits_per_pixel: Of all components together.
        color: Colour, shades of gray, or two tones.
    """

    page: int
    width_px: int | None
    height_px: int | None
    dpi: int | None
    bits_per_pixel: int | None
    color: ScanColor | None
