"""Files signed by pyHanko as somebody else's software, and the stages of ours in one process."""

import io
from datetime import UTC, datetime
from typing import Any

from asn1crypto import keys as asn1_keys
from asn1crypto import x509
from cryptography.hazmat.primitives import serialization
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import FieldMDPSpec, MDPPerm, SigFieldSpec, SigSeedValueSpec, append_signature_field
from pyhanko.sign.signers import PdfSignatureMetadata, SimpleSigner, sign_pdf
from pyhanko_certvalidator.registry import SimpleCertificateStore

from proxy.model import Digest, HashAlgorithm, SignAlgorithm, SignerCertificates, ValidationData
from proxy.pades.checking import check_document
from proxy.pades.cms import signed_attributes, signed_data, signed_data_size, signer_identity
from proxy.pades.preparing import prepare_signature
from proxy.pades.values import CheckDocument, ExpectedSignature, PrepareSignature, SignatureKind
from proxy.spool import SpooledDocument
from tests.support.keys import rsa_key, self_signed, sign_digest

SIGNER = self_signed(rsa_key())
SIGNING_TIME = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def pyhanko_signer(certificate: bytes = SIGNER) -> SimpleSigner:
    """With a certificate of the throwaway RSA key."""
    key = rsa_key().private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return SimpleSigner(
        signing_cert=x509.Certificate.load(certificate),
        signing_key=asn1_keys.PrivateKeyInfo.load(key),
        cert_registry=SimpleCertificateStore(),
    )


def with_field(
    document: bytes,
    name: str,
    *,
    lock: FieldMDPSpec | None = None,
    lock_level: MDPPerm | None = None,
    seed_values: SigSeedValueSpec | None = None,
) -> bytes:
    """The document with an empty, invisible signature field more."""
    writer = IncrementalPdfFileWriter(io.BytesIO(document))
    append_signature_field(
        writer, SigFieldSpec(name, field_mdp_spec=lock, doc_mdp_update_value=lock_level, seed_value_dict=seed_values)
    )
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def signed_by_others(
    document: bytes, name: str, *, certify: MDPPerm | None = None, existing: bool = False, certificate: bytes = SIGNER
) -> bytes:
    """The document with pyHanko's signature in the field ``name``."""
    metadata = PdfSignatureMetadata(
        field_name=name, certify=certify is not None, docmdp_permissions=certify or MDPPerm.FILL_FORMS
    )
    out = io.BytesIO()
    sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(document)),
        metadata,
        pyhanko_signer(certificate),
        existing_fields_only=existing,
        output=out,
    )
    return out.getvalue()


def request(field_name: str | None = None, *, existing_only: bool = False, room: int = 4096, **more: Any) -> PrepareSignature:
    return PrepareSignature(
        field_name=field_name,
        existing_field_only=existing_only,
        reason="承認",
        location="Tokyo",
        contact_info=None,
        signing_time=SIGNING_TIME,
        contents_bytes=room,
        signer=SignerCertificates(SIGNER, ()),
        hash_algorithm="sha256",
        **more,
    )


def sign_in_process(document: bytes, wanted: PrepareSignature | None = None) -> bytes:
    """All stages of a signature in this process, with a throwaway RSA key: what the service does, without its processes."""
    identity = signer_identity(SIGNER, ())
    algorithm, hash_algorithm = SignAlgorithm.RSASSA_PKCS1_V1_5, HashAlgorithm.SHA256
    room = signed_data_size(identity, algorithm, hash_algorithm, None)
    with SpooledDocument(limit=len(document)) as spool:
        spool.write(document)
        with open(spool.descriptor, "r+b", closefd=False) as stream:
            prepared = prepare_signature(stream, wanted or request(room=room))
            ranges = [(spool.size, prepared.contents_start), (prepared.contents_end, prepared.end)]
            digest = spool.digest_ranges(hash_algorithm, ranges)
            attributes = signed_attributes(digest, identity, algorithm)
            value = sign_digest(rsa_key(), algorithm, Digest.of(attributes, hash_algorithm))
            contents = signed_data(attributes, value, identity, algorithm, hash_algorithm)
            spool.overwrite(prepared.contents_start + 1, contents.hex().encode())
            kind = SignatureKind.SIGNATURE if wanted is None or wanted.certify is None else SignatureKind.CERTIFICATION
            expected = ExpectedSignature(prepared, digest.value, hash_algorithm.hashlib_name, contents, kind)
            check_document(
                stream, CheckDocument(prepared.end, (expected,), ValidationData(), wanted.password if wanted else None)
            )
        return b"".join(spool.chunks(0, spool.total_size))
