"""The validation data of whole paths, for the revocation relay and for security stores in documents.

Only what chains to an anchor is asked about: a relay that fetched for any certificate it is shown would be a way into the
network it stands in.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID

from proxy.call import Call
from proxy.errors import RevocationUnavailable
from proxy.model import RevocationInfo, RevocationState, SignerCertificates, ValidationData
from proxy.ports import RevocationSource
from proxy.trust.certificates import read_certificate, subject
from proxy.trust.failures import PathRevoked
from proxy.trust.paths import PathFinder

_MOST_RESPONDERS = 8
"""Paths of OCSP responders that are proven in turn: a responder that vouches for a responder is asked about only so often."""


@dataclass(frozen=True, slots=True)
class Collected:
    """Validation data, and when the oldest answer in it was issued; ``None`` where no certificate wanted one."""

    data: ValidationData
    oldest_answer: datetime | None


class MaterialSource:
    """Collects validation data for certificates and the issuers on their paths.

    Args:
        finder: Finds the paths; its anchors decide what is asked about.
        source: Where the data comes from; ``None`` where the operator switched it off.
    """

    def __init__(self, finder: PathFinder, source: RevocationSource | None) -> None:
        self._finder = finder
        self._source = source

    async def collect(
        self,
        call: Call,
        signers: Sequence[SignerCertificates],
        *,
        at: datetime,
        issued_after: datetime | None = None,
        refuse_revoked: bool = True,
    ) -> Collected:
        """Certificates and one revocation answer for every certificate on the signers' paths, anchors excepted.

        The certificates of delegated OCSP responders are among them, and the answers about those that want one (RFC 6960,
        4.2.2.2.1).

        Args:
            call: Deadline and ledger.
            signers: Each must be on a path to an anchor.
            at: The moment the answers have to be valid for.
            issued_after: No cache may give an answer older than this; the authorities may.
            refuse_revoked: Whether an answer that a certificate is revoked is a failure; for a relay it is an answer.

        Raises:
            PathFailure: A signer does not chain to an anchor at that moment, or a certificate on its path is revoked.
            RevocationUnavailable: There is no answer about a certificate, or no source is set.
            DeadlineExceeded: The call's time is over.
        """
        if self._source is None:
            raise RevocationUnavailable("this deployment has no source of revocation data")
        waiting = list(signers)
        certificates: dict[bytes, None] = {}
        answers: dict[tuple[bytes, bytes], RevocationInfo] = {}
        responders = 0
        while waiting:
            path = await asyncio.to_thread(self._path, waiting.pop(0), at)
            certificates.update(dict.fromkeys(path[:-1] or path))
            for certificate, issuer in pairwise(path):
                if (certificate, issuer) in answers:
                    continue
                info = await self._source.revocation(call, certificate, issuer, at=at, issued_after=issued_after)
                if refuse_revoked and info.state is RevocationState.REVOKED:
                    raise PathRevoked(f"{subject(read_certificate(certificate))} is revoked")
                answers[certificate, issuer] = info
                for responder in _responders(info):
                    certificates[responder] = None
                    if _wants_an_answer(responder) and responder not in path and responders < _MOST_RESPONDERS:
                        responders += 1
                        waiting.append(SignerCertificates(responder, (issuer, *path)))
        data = ValidationData(
            certificates=tuple(certificates),
            ocsp_responses=_each_once(info.ocsp_response for info in answers.values()),
            crls=_each_once(info.crl for info in answers.values()),
        )
        return Collected(data, min((info.this_update for info in answers.values()), default=None))

    def _path(self, signer: SignerCertificates, at: datetime) -> tuple[bytes, ...]:
        return self._finder.find(signer.signer, signer.others, at).certificates


def _each_once(values: Iterable[bytes | None]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(value for value in values if value is not None))


def _responders(info: RevocationInfo) -> tuple[bytes, ...]:
    """The certificates an OCSP response brings for its own signature."""
    if info.ocsp_response is None:
        return ()
    response = ocsp.load_der_ocsp_response(info.ocsp_response)
    return tuple(certificate.public_bytes(Encoding.DER) for certificate in response.certificates)


def _wants_an_answer(responder: bytes) -> bool:
    """Whether a responder's certificate lacks ``id-pkix-ocsp-nocheck`` and names somebody to ask."""
    extensions = read_certificate(responder).extensions
    named = {extension.oid for extension in extensions}
    if ExtensionOID.OCSP_NO_CHECK in named:
        return False
    return ExtensionOID.AUTHORITY_INFORMATION_ACCESS in named or ExtensionOID.CRL_DISTRIBUTION_POINTS in named


def names_responder(certificate: bytes) -> bool:
    """Whether a certificate (DER) names an OCSP responder (RFC 5280, 4.2.2.1)."""
    try:
        access = read_certificate(certificate).extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return False
    return any(item.access_method == AuthorityInformationAccessOID.OCSP for item in access)
