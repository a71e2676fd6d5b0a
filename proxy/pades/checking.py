"""Check the finished file before it is released (engine process, stage ``check``).

What was appended is read back by a reader that did not write it: the signature is in its field, covers the whole file, and its
CMS verifies against the digest the request's process computed and the certificate it carries.
"""

from typing import BinaryIO

from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation.generic_cms import validate_sig_integrity
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from proxy.errors import InternalError, ProxyError
from proxy.pades.reading import open_pdf
from proxy.pades.values import CheckSignature


def check_signature(stream: BinaryIO, expected: CheckSignature) -> None:
    """Read the finished file back.

    Raises:
        InternalError: It does not hold what it has to; it must not be released.
    """
    try:
        _check(stream, expected)
    except (PdfError, ProxyError, KeyError, ValueError, AssertionError) as error:
        raise InternalError("the signed document did not pass its check before release") from error


def _check(stream: BinaryIO, expected: CheckSignature) -> None:
    reader = open_pdf(stream)
    prepared = expected.prepared
    name, _, reference = next(enumerate_sig_fields(reader, filled_status=True, with_name=prepared.field_name))
    signature = EmbeddedPdfSignature(reader, reference.get_object(), name)
    start, end = prepared.contents_start, prepared.contents_end
    _require(list(signature.byte_range) == [0, start, end, prepared.end - end], "byte range")
    _require(signature.evaluate_signature_coverage() is SignatureCoverageLevel.ENTIRE_FILE, "coverage")
    _require(signature.pkcs7_content.startswith(expected.contents), "contents")
    _require(not signature.pkcs7_content[len(expected.contents) :].strip(b"\0"), "padding")
    _require(signature.md_algorithm == expected.digest_algorithm, "digest algorithm")
    intact, valid = validate_sig_integrity(
        signature.signer_info, signature.signer_cert, expected_content_type="data", actual_digest=expected.digest
    )
    _require(intact, "message digest")
    _require(valid, "signature value")


def _require(holds: bool, part: str) -> None:
    if not holds:
        raise ValueError(f"{part} is not as written")
