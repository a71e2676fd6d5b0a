"""Seed values of a field: each demand once met and once not."""

import io
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from asn1crypto import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import (
    MDPPerm,
    SeedLockDocument,
    SeedSignatureType,
    SeedValueDictVersion,
    SigCertConstraintFlags,
    SigCertConstraints,
    SigSeedSubFilter,
    SigSeedValFlags,
    SigSeedValueSpec,
)

from proxy.errors import SeedValueConflict
from proxy.pades.preparing import prepare_signature
from tests.support.keys import ec_key, self_signed
from tests.support.pdf_files import plain_file
from tests.support.signed_files import SIGNER, SIGNING_TIME, request, sign_in_process, with_field

PLAIN = plain_file().with_table()
OWN = x509.Certificate.load(SIGNER)
FOREIGN = x509.Certificate.load(self_signed(ec_key(), "Somebody Else"))

MET: list[Any] = [
    pytest.param(SigSeedValueSpec(flags=SigSeedValFlags.REASONS, reasons=["承認", "確認"]), {}, id="one of the reasons"),
    pytest.param(
        SigSeedValueSpec(flags=SigSeedValFlags.SUBFILTER, subfilters=[SigSeedSubFilter.PADES]), {}, id="the encoding is ours"
    ),
    pytest.param(SigSeedValueSpec(flags=SigSeedValFlags.DIGEST_METHOD, digest_methods=["SHA256"]), {}, id="the hash"),
    pytest.param(
        SigSeedValueSpec(timestamp_required=True, timestamp_server_url="http://192.0.2.1/"), {"timestamped": True}, id="time"
    ),
    pytest.param(SigSeedValueSpec(seed_signature_type=SeedSignatureType(None)), {}, id="an approval"),
    pytest.param(
        SigSeedValueSpec(seed_signature_type=SeedSignatureType(MDPPerm.FILL_FORMS)), {"certify": 2}, id="a certification"
    ),
    pytest.param(SigSeedValueSpec(flags=SigSeedValFlags.V, sv_dict_version=SeedValueDictVersion.PDF_2_0), {}, id="version 3"),
    pytest.param(
        SigSeedValueSpec(flags=SigSeedValFlags.LOCK_DOCUMENT, lock_document=SeedLockDocument.DO_NOT_LOCK), {}, id="not locked"
    ),
    pytest.param(SigSeedValueSpec(flags=SigSeedValFlags.ADD_REV_INFO, add_rev_info=False), {}, id="no revocation information"),
    pytest.param(
        SigSeedValueSpec(cert=SigCertConstraints(flags=SigCertConstraintFlags.SUBJECT, subjects=[OWN])), {}, id="the signer"
    ),
    pytest.param(
        SigSeedValueSpec(reasons=["No"], digest_methods=["SHA512"], subfilters=[SigSeedSubFilter.ADOBE_PKCS7_DETACHED]),
        {},
        id="advice does not bind",
    ),
]

CONFLICTS: list[Any] = [
    pytest.param(SigSeedValueSpec(flags=SigSeedValFlags.REASONS, reasons=["A", "B"]), {}, id="another reason"),
    pytest.param(SigSeedValueSpec(flags=SigSeedValFlags.REASONS, reasons=["."]), {}, id="no reason"),
    pytest.param(
        SigSeedValueSpec(flags=SigSeedValFlags.SUBFILTER, subfilters=[SigSeedSubFilter.ADOBE_PKCS7_DETACHED]),
        {},
        id="another encoding",
    ),
    pytest.param(SigSeedValueSpec(flags=SigSeedValFlags.DIGEST_METHOD, digest_methods=["SHA512"]), {}, id="another hash"),
    pytest.param(SigSeedValueSpec(timestamp_required=True, timestamp_server_url="http://192.0.2.1/"), {}, id="no timestamp"),
    pytest.param(SigSeedValueSpec(seed_signature_type=SeedSignatureType(MDPPerm.FILL_FORMS)), {}, id="not certified"),
    pytest.param(SigSeedValueSpec(seed_signature_type=SeedSignatureType(None)), {"certify": 2}, id="certified"),
    pytest.param(SigSeedValueSpec(seed_signature_type=SeedSignatureType(MDPPerm.FILL_FORMS)), {"certify": 3}, id="wrong P"),
    pytest.param(SigSeedValueSpec(flags=SigSeedValFlags.ADD_REV_INFO, add_rev_info=True), {}, id="revocation information"),
    pytest.param(
        SigSeedValueSpec(flags=SigSeedValFlags.LOCK_DOCUMENT, lock_document=SeedLockDocument.LOCK), {}, id="not locked"
    ),
    pytest.param(SigSeedValueSpec(flags=SigSeedValFlags.APPEARANCE_FILTER, appearance="Stamp"), {}, id="named appearance"),
    pytest.param(
        SigSeedValueSpec(cert=SigCertConstraints(flags=SigCertConstraintFlags.SUBJECT, subjects=[FOREIGN])),
        {},
        id="another signer",
    ),
    pytest.param(
        SigSeedValueSpec(cert=SigCertConstraints(flags=SigCertConstraintFlags.ISSUER, issuers=[FOREIGN])),
        {},
        id="another issuer",
    ),
]


@pytest.mark.parametrize(("seed_values", "more"), MET)
def test_a_demand_that_is_met_is_signed(seed_values: SigSeedValueSpec, more: dict[str, Any]) -> None:
    signed = sign_in_process(with_field(PLAIN, "A", seed_values=seed_values), request("A", **more))
    assert len(PdfFileReader(io.BytesIO(signed)).embedded_signatures) == 1


@pytest.mark.parametrize(("seed_values", "more"), CONFLICTS)
def test_a_demand_that_is_not_met_is_a_conflict(seed_values: SigSeedValueSpec, more: dict[str, Any]) -> None:
    document = with_field(PLAIN, "A", seed_values=seed_values)
    with pytest.raises(SeedValueConflict):
        prepare_signature(io.BytesIO(document), request("A", **more))


def test_a_reason_that_leaves_no_choice_is_used_where_none_is_given() -> None:
    seed_values = SigSeedValueSpec(flags=SigSeedValFlags.REASONS, reasons=["I approve"])
    document = with_field(PLAIN, "A", seed_values=seed_values)
    signed = sign_in_process(document, replace(request("A"), reason=None, signing_time=SIGNING_TIME + timedelta(1)))
    (signature,) = PdfFileReader(io.BytesIO(signed)).embedded_signatures
    assert signature.sig_object["/Reason"] == "I approve"


@pytest.mark.parametrize("flags", [b"512", b"9 0 R", b"/Name"])
def test_flags_that_are_unknown_or_hidden_behind_a_reference_bind(flags: bytes) -> None:
    field = b"<</FT/Sig/T(A)/Type/Annot/Subtype/Widget/Rect[0 0 0 0]/SV<</Ff %s/Reasons[(X)(Y)]>>>>" % flags
    document = plain_file(catalog=b"/AcroForm<</Fields[1000 0 R]>>", extra={1000: field, 9: b"8"}).with_table()
    with pytest.raises(SeedValueConflict):
        prepare_signature(io.BytesIO(document), request("A"))
