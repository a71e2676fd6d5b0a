"""The revocation data of whole paths, for the relay and for validation data in documents.

Only what chains to an anchor is asked about: a relay that fetched for any certificate it is shown would be a way into the
network it stands in.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from proxy.call import Call
from proxy.errors import InvalidParameter, RevocationUnavailable
from proxy.ports import RevocationSource
from proxy.trust.failures import PathFailure
from proxy.trust.paths import PathFinder


@dataclass(frozen=True, slots=True)
class ValidationMaterial:
    """DER of ``OCSPResponse`` (RFC 6960) and ``CertificateList`` (RFC 5280) values, each once."""

    ocsp_responses: tuple[bytes, ...]
    crls: tuple[bytes, ...]


class MaterialSource:
    """Collects revocation data for certificates and the issuers on their paths.

    Args:
        finder: Finds the paths; its anchors decide what is asked about.
        source: Where the data comes from; ``None`` where the operator switched it off.
    """

    def __init__(self, finder: PathFinder, source: RevocationSource | None) -> None:
        self._finder = finder
        self._source = source

    async def collect(self, call: Call, certificates: tuple[bytes, ...], *, at: datetime) -> ValidationMaterial:
        """One answer for every certificate on the paths, anchors excepted.

        Args:
            call: Deadline and ledger.
            certificates: DER, in any order; each must be on a path to an anchor.
            at: The moment the answers have to be valid for.

        Raises:
            InvalidParameter: One does not chain to an anchor.
            RevocationUnavailable: There is no answer about one, or no source is set.
            DeadlineExceeded: The call's time is over.
        """
        if self._source is None:
            raise RevocationUnavailable("this deployment has no source of revocation data")
        try:
            pairs = await asyncio.to_thread(self._pairs, certificates, at)
        except PathFailure as error:
            raise InvalidParameter(
                "only certificates that chain to a trust anchor are asked about", fields={"certificates": str(error)}
            ) from error
        found = [await self._source.revocation(call, certificate, issuer, at=at) for certificate, issuer in pairs]
        return ValidationMaterial(
            ocsp_responses=tuple(dict.fromkeys(info.ocsp_response for info in found if info.ocsp_response is not None)),
            crls=tuple(dict.fromkeys(info.crl for info in found if info.crl is not None)),
        )

    def _pairs(self, certificates: tuple[bytes, ...], at: datetime) -> list[tuple[bytes, bytes]]:
        """Each certificate below an anchor, with its issuer, once."""
        pairs = {}
        for certificate in certificates:
            path = self._finder.find(certificate, certificates, at)
            pairs.update(dict.fromkeys(pairwise(path.certificates)))
        return list(pairs)
