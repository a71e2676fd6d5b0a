"""Long-term signatures that somebody else's software (pyHanko) makes with the sandbox's keys, responders and authority."""

import io
from contextlib import aclosing

from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import serialization
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.timestamps import HTTPTimeStamper
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from proxy.sandbox.authority import load_chain
from proxy.sandbox.keys import load_key
from tests.support.sandbox import Sandbox


async def sealed_by_others(
    sandbox: Sandbox, document: bytes, name: str, *, lta: bool = False, certify: MDPPerm | None = None
) -> bytes:
    """The document with pyHanko's PAdES signature at B-LT or B-LTA in the field ``name``, by ``eseal-p256``.

    pyHanko writes VRI entries, and for B-LTA renews nothing.
    """
    files = sandbox.folder.signing("eseal-p256")
    leaf, *issuers = (
        asn1(certificate.public_bytes(serialization.Encoding.DER)) for certificate in load_chain(files.certificate)
    )
    key = load_key(files.key).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signer = SimpleSigner(leaf, asn1_keys.PrivateKeyInfo.load(key), SimpleCertificateStore.from_certs(issuers))
    roots = [asn1(load_chain(anchor)[0].public_bytes(serialization.Encoding.DER)) for anchor in sandbox.anchors]
    async with aclosing(ValidationContext(trust_roots=roots, allow_fetching=True, revocation_mode="require")) as context:
        metadata = PdfSignatureMetadata(
            field_name=name,
            subfilter=SigSeedSubFilter.PADES,
            embed_validation_info=True,
            use_pades_lta=lta,
            validation_context=context,
            certify=certify is not None,
            docmdp_permissions=certify or MDPPerm.FILL_FORMS,
        )
        out = io.BytesIO()
        await PdfSigner(metadata, signer, timestamper=HTTPTimeStamper(sandbox.info.tsa)).async_sign_pdf(
            IncrementalPdfFileWriter(io.BytesIO(document)), output=out
        )
    return out.getvalue()


def asn1(der: bytes) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(der)
