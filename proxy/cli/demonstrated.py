"""What ``signproxy demo`` makes of a document: every form with every kind of key, timestamps, and what became of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from proxy.client import SignedDocument, SigningClient, TimestampedDocument
from proxy.errors import FieldLocked, MDPLocked, MDPNotFirst, NotExtendable, ProxyError, SeedValueConflict
from proxy.model import (
    Appearance,
    BaselineLevel,
    SignAlgorithm,
    SignatureForm,
    SignatureRequest,
    TimestampPurpose,
    TimestampRequest,
)
from proxy.sandbox.judges import Judgement

_RULES = (MDPNotFirst, MDPLocked, FieldLocked, SeedValueConflict, NotExtendable)
"""What a document that others signed may forbid."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One key and algorithm worth showing; ``name`` is part of the result's file name."""

    name: str
    shown: str
    certificate: str
    sign_algorithm: SignAlgorithm


@dataclass(frozen=True, slots=True)
class Form:
    """One form worth showing; ``name`` is part of the result's file name, ``sealed`` says that it is visible."""

    name: str
    shown: str
    form: SignatureForm
    ltv: bool = False
    sealed: bool = False

    def request(self, variant: Variant, certificates: Mapping[str, str], appearance: Appearance | None) -> SignatureRequest:
        """What the proxy is asked for."""
        return SignatureRequest(
            form=self.form,
            certificate_id=certificates[variant.certificate],
            sign_algorithm=variant.sign_algorithm,
            ltv=self.ltv,
            appearance=appearance if self.sealed else None,
        )


VARIANTS = (
    Variant("rsa", "RSA-3072", "legal-person-rsa", SignAlgorithm.RSASSA_PKCS1_V1_5),
    Variant("pss", "RSA-3072 PSS", "eseal-rsa", SignAlgorithm.RSASSA_PSS),
    Variant("p256", "P-256", "natural-person-p256", SignAlgorithm.ECDSA),
)

FORMS = (
    Form("es", "ES", SignatureForm.ES),
    Form("es-t", "ES-T", SignatureForm.ES_T),
    Form("es-t-ltv", "ES-T, ltv", SignatureForm.ES_T, ltv=True),
    Form("mdp", "MDP", SignatureForm.MDP, ltv=True),
    Form("es-a", "ES-A, seal", SignatureForm.ES_A, sealed=True),
)

SEALED = FORMS[-1]


@dataclass(frozen=True, slots=True)
class Step:
    """One call of the demonstration, and what its result has to be.

    Attributes:
        form: As it is shown.
        key: As it is shown.
        source: What is signed or time-stamped.
        output: The result.
        request: What is asked for.
        level: What pyHanko holds it to; ``None`` for a timestamp that stands for itself, which pdfsig cannot read.
        total: Whether the newest signature covers the total document.
    """

    form: str
    key: str
    source: Path
    output: Path
    request: SignatureRequest | TimestampRequest
    level: BaselineLevel | None
    total: bool

    async def perform(self, client: SigningClient) -> SignedDocument | TimestampedDocument:
        """Make it; an earlier demonstration's result is replaced."""
        if isinstance(self.request, SignatureRequest):
            return await client.sign(self.source, self.request, self.output, overwrite=True)
        return await client.timestamp(self.source, self.request, self.output, overwrite=True)


def signing_steps(pdf: Path, out: Path, certificates: Mapping[str, str], appearance: Appearance | None) -> tuple[Step, ...]:
    """Every form with every variant."""
    return tuple(_signing_step(form, variant, pdf, out, certificates, appearance) for form in FORMS for variant in VARIANTS)


def _signing_step(
    form: Form, variant: Variant, pdf: Path, out: Path, certificates: Mapping[str, str], appearance: Appearance | None
) -> Step:
    request = form.request(variant, certificates, appearance)
    # A certification's validation data is in its own revision; everything else that goes beyond a timestamp appends more.
    total = form.form is SignatureForm.MDP or request.level in {BaselineLevel.B_B, BaselineLevel.B_T}
    return Step(form.shown, variant.shown, pdf, result_path(pdf, out, form, variant), request, request.level, total)


def timestamping_steps(pdf: Path, out: Path) -> tuple[Step, ...]:
    """A timestamp on the document, and ten more years for each archived signature, or for the document where there is none."""
    alone = Step("timestamp", "", pdf, out / f"{pdf.stem}.timestamp.pdf", TimestampRequest(), None, total=True)
    extensions = []
    for variant in VARIANTS:
        archived = result_path(pdf, out, SEALED, variant)
        source = archived if archived.exists() else pdf
        request = TimestampRequest(TimestampPurpose.ES_A)
        result = archived.with_name(f"{pdf.stem}.es-a-extended.{variant.name}.pdf")
        extensions.append(Step("extension", variant.shown, source, result, request, BaselineLevel.B_LTA, total=False))
    return (alone, *extensions)


def result_path(pdf: Path, out: Path, form: Form, variant: Variant) -> Path:
    """Where a form's result goes."""
    return out / f"{pdf.stem}.{form.name}.{variant.name}.pdf"


@dataclass(frozen=True, slots=True)
class Shown:
    """What became of one step, and what the judges say.

    Attributes:
        pdfsig: ``None`` where it is not installed or was not asked.
    """

    step: Step
    milliseconds: float
    result: SignedDocument | TimestampedDocument | None = None
    error: ProxyError | OSError | None = None
    pyhanko: Judgement | None = None
    pdfsig: Judgement | None = None

    @property
    def refusal(self) -> ProxyError | None:
        """The rule of the document that forbids this form."""
        return self.error if isinstance(self.error, _RULES) else None

    @property
    def good(self) -> bool:
        """Made and found valid by every judge that was asked; or refused by the document's own rules, which is right."""
        if self.error is not None:
            return self.refusal is not None
        return self.pyhanko is not None and self.pyhanko.valid and (self.pdfsig is None or self.pdfsig.valid)


def remove_former_results(steps: Sequence[Step]) -> None:
    """What an earlier demonstration left must not pass for this one's, where a form is refused this time."""
    for step in steps:
        step.output.unlink(missing_ok=True)
