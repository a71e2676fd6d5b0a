"""What a PDF's document security store holds (ISO 32000-2, 12.8.4.3), as a verifier reads it."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.x509 import ocsp
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.reader import PdfFileReader

PARTS = {
    "/Certs": DecodePurpose.CERTIFICATE,
    "/OCSPs": DecodePurpose.OCSP_RESPONSE,
    "/CRLs": DecodePurpose.CRL,
}


@dataclass(frozen=True, slots=True)
class SecurityStore:
    """A store.

    Attributes:
        keys: Of its dictionary.
        certificates: DER, in order; as the other two.
    """

    keys: frozenset[str]
    certificates: tuple[bytes, ...]
    ocsp_responses: tuple[bytes, ...]
    crls: tuple[bytes, ...]

    @property
    def values(self) -> tuple[bytes, ...]:
        """All that is in it."""
        return self.certificates + self.ocsp_responses + self.crls

    def answers(self) -> Iterator[ocsp.OCSPResponse]:
        """The OCSP responses, parsed."""
        return map(ocsp.load_der_ocsp_response, self.ocsp_responses)

    def serial_numbers(self) -> set[int]:
        """Of the certificates about which there is an OCSP response that calls them good."""
        answers = list(self.answers())
        assert all(answer.certificate_status is ocsp.OCSPCertStatus.GOOD for answer in answers)
        return {answer.serial_number for answer in answers}

    def issued(self) -> list[datetime]:
        """When the OCSP responses were: the earlier of ``producedAt`` and ``thisUpdate``."""
        return [min(answer.produced_at_utc, answer.this_update_utc) for answer in self.answers()]


def opened(document: bytes, password: str | None = None) -> PdfFileReader:
    """A reader on a document."""
    reader = PdfFileReader(io.BytesIO(document))
    if reader.encrypted:
        reader.decrypt((password or "").encode())
    return reader


def security_store(document: bytes, password: str | None = None) -> SecurityStore | None:
    """The store of a document's last revision; ``None`` where there is none."""
    root = opened(document, password).root
    if "/DSS" not in root:
        return None
    store = root["/DSS"]
    certificates, responses, crls = (
        # Of an encrypted document, what get() gives is not decrypted.
        tuple(item.get_object().read_data(purpose) for item in (store[key] if key in store else ()))  # noqa: SIM401
        for key, purpose in PARTS.items()
    )
    return SecurityStore(frozenset(store), certificates, responses, crls)


def revisions(document: bytes, password: str | None = None) -> int:
    """How many revisions a document has."""
    count: int = opened(document, password).xrefs.total_revisions
    return count


def check_complete(store: SecurityStore, *paths: list[x509.Certificate]) -> None:
    """The store holds all that is needed to prove paths (leaf first, root last), nothing twice, and no VRI.

    Certificates but the roots, an OCSP response about each of them, and the certificates of the responders.
    """
    assert "/VRI" not in store.keys
    assert len(set(store.values)) == len(store.values)
    held = [x509.load_der_x509_certificate(der) for der in store.certificates]
    for path in paths:
        for certificate in path[:-1]:
            assert certificate in held, certificate.subject
            assert certificate.serial_number in store.serial_numbers(), certificate.subject
    for answer in store.answers():
        assert set(answer.certificates) <= set(held)
