"""Check the finished file before it is released (engine process, stage ``check``).

What was appended is read back by a reader that did not write it: each signature is in its field, covers all it has to, its CMS
verifies against the digest the request's process computed and the certificate it carries, and the security store holds all the
validation data. That no revision breaks a signature before it, ours included, was judged when it was appended.
"""

import hashlib
from typing import BinaryIO

from asn1crypto import tsp
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation.generic_cms import extract_certs_for_validation, validate_sig_integrity
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from proxy.errors import InternalError, ProxyError
from proxy.pades.inspecting import kind_of
from proxy.pades.reading import read_pdf
from proxy.pades.security_store import read_validation_data
from proxy.pades.values import CheckDocument, ExpectedSignature, SignatureKind


def check_document(stream: BinaryIO, expected: CheckDocument) -> None:
    """Read the finished file back.

    Raises:
        InternalError: It does not hold what it has to; it must not be released.
    """
    try:
        read_pdf(stream, expected.password, lambda reader: _check_document(reader, expected))
    except (PdfError, ProxyError, KeyError, ValueError, StopIteration, AssertionError) as error:
        raise InternalError("the signed document did not pass its check before release") from error


def _check_document(reader: PdfFileReader, expected: CheckDocument) -> None:
    size = reader.stream.seek(0, 2)
    _require(size == expected.size, "size")
    for signature in expected.signatures:
        _check(reader, signature, size)
    _check_validation_data(reader, expected)


def _check(reader: PdfFileReader, expected: ExpectedSignature, size: int) -> None:
    prepared = expected.prepared
    name, _, reference = next(enumerate_sig_fields(reader, filled_status=True, with_name=prepared.field_name))
    signature = EmbeddedPdfSignature(reader, reference.get_object(), name)
    start, end = prepared.contents_start, prepared.contents_end
    _require(list(signature.byte_range) == [0, start, end, prepared.end - end], "byte range")
    whole = SignatureCoverageLevel.ENTIRE_FILE if prepared.end == size else SignatureCoverageLevel.ENTIRE_REVISION
    _require(signature.evaluate_signature_coverage() is whole, "coverage")
    _require(signature.pkcs7_content.startswith(expected.contents), "contents")
    _require(not signature.pkcs7_content[len(expected.contents) :].strip(b"\0"), "padding")
    _require(kind_of(signature.sig_object) is expected.kind, "kind")
    if expected.kind is SignatureKind.DOCUMENT_TIMESTAMP:
        _check_timestamp(signature, expected)
    else:
        _require(signature.md_algorithm == expected.digest_algorithm, "digest algorithm")
        _verify(signature, "data", expected.digest)


def _check_timestamp(signature: EmbeddedPdfSignature, expected: ExpectedSignature) -> None:
    content = signature.signed_data["encap_content_info"]["content"]
    imprint = tsp.TSTInfo.load(content.parsed.dump())["message_imprint"]
    _require(imprint["hash_algorithm"]["algorithm"].native == expected.digest_algorithm, "imprint algorithm")
    _require(imprint["hashed_message"].native == expected.digest, "message imprint")
    _verify(signature, "tst_info", _hash(signature.md_algorithm, content.contents))


def _verify(signature: EmbeddedPdfSignature, content_type: str, digest: bytes) -> None:
    certificate = extract_certs_for_validation(signature.signed_data).signer_cert
    intact, valid = validate_sig_integrity(
        signature.signer_info, certificate, expected_content_type=content_type, actual_digest=digest
    )
    _require(intact, "message digest")
    _require(valid, "signature value")


def _check_validation_data(reader: PdfFileReader, expected: CheckDocument) -> None:
    if not any(expected.validation_data.parts):
        # What others wrote into the store is nothing of this signature's, and may be damaged.
        return
    held = read_validation_data(reader)
    for wanted, there in zip(expected.validation_data.parts, held.parts, strict=True):
        _require(set(wanted) <= set(there), "validation data")


def _hash(algorithm: str, data: bytes) -> bytes:
    return hashlib.new(algorithm, data).digest()


def _require(holds: bool, part: str) -> None:
    if not holds:
        raise ValueError(f"{part} is not as written")
