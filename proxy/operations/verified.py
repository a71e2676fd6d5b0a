"""What a verification gives back."""

from collections.abc import Iterator
from dataclasses import dataclass

from proxy.model import Verdict, VerificationResult
from proxy.pades.verification.values import ExaminedSignature, PageImage

_WORST_FIRST = (
    VerificationResult.INVALID,
    VerificationResult.INDETERMINATE,
    VerificationResult.VALID,
    VerificationResult.NOT_APPLICABLE,
)


@dataclass(frozen=True, slots=True)
class VerifiedSignature:
    """One signature or timestamp, as its document has it and as it was judged.

    Attributes:
        examined: What the document says of it.
        verdict: The verdict; ``None`` where it is not judged.
    """

    examined: ExaminedSignature
    verdict: Verdict | None

    @property
    def result(self) -> VerificationResult:
        """The contract's."""
        return VerificationResult.NOT_APPLICABLE if self.verdict is None else self.verdict.result


@dataclass(frozen=True, slots=True)
class VerifiedDocument:
    """The verdict on a document.

    Attributes:
        signatures: Oldest first.
        pages: How many pages it has; ``None`` where that cannot be told.
        doc_mdp: The permissions of its certification; ``None`` without one.
        modified_after_signing: Something was changed after the first signature that is neither a signature nor validation data.
        unexamined: Signatures that were not looked at, since they are too many.
        scan_info: The image of each page that has one; ``None`` where that was not asked for.
        report: The validation report in XML (ETSI TS 119 102-2), where one was asked for and something was judged.
    """

    signatures: tuple[VerifiedSignature, ...]
    pages: int | None
    doc_mdp: int | None
    modified_after_signing: bool
    unexamined: int = 0
    scan_info: tuple[PageImage, ...] | None = None
    report: bytes | None = None

    @property
    def result(self) -> VerificationResult:
        """The worst of its signatures' and timestamps'; ``NOT_APPLICABLE`` where there is none."""
        return worst(self._results())

    def _results(self) -> Iterator[VerificationResult]:
        if self.unexamined:
            yield VerificationResult.INDETERMINATE
        for signature in self.signatures:
            yield signature.result
            if signature.verdict is not None:
                yield from (timestamp.result for timestamp in signature.verdict.timestamps)


def worst(results: Iterator[VerificationResult]) -> VerificationResult:
    """By the contract: ``INVALID`` over ``INDETERMINATE`` over ``VALID``; ``NOT_APPLICABLE`` where there is nothing."""
    return min(results, key=_WORST_FIRST.index, default=VerificationResult.NOT_APPLICABLE)
