"""Proofs of existence (EN 319 102-1, 5.6.2.3): what is known to have existed, and since when."""

from datetime import datetime

ProofKey = bytes | str
"""SHA-256 of the DER of a certificate, OCSP response or CRL; or the identifier of a signature or timestamp."""


class Proofs:
    """The earliest moment at which each thing is proven to have existed; without a proof, the validation time.

    Args:
        at: The validation time: whatever is looked at exists by then (5.6.3.4, step 1).
    """

    def __init__(self, at: datetime) -> None:
        self._at = at
        self._earliest: dict[ProofKey, datetime] = {}

    def add(self, key: ProofKey, moment: datetime) -> None:
        """It existed at that moment."""
        self._earliest[key] = min(moment, self.earliest(key))

    def earliest(self, key: ProofKey) -> datetime:
        """Since when it is proven to have existed."""
        return self._earliest.get(key, self._at)

    def is_covered(self, key: ProofKey) -> bool:
        """Whether a timestamp proves it."""
        return key in self._earliest
