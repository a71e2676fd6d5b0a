"""Two proxies in a row, over mutual TLS: one with keys in KMS (LocalStack) is the central signer of the other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.judges import pdfsig, pyhanko_verdicts
from tests.end_to_end.services import Service, serving
from tests.support.key_life import live
from tests.support.localstack import CREDENTIALS, REGION, LocalStack
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.xdist_group("localstack")


@pytest.fixture(scope="module")
def far(sandbox: Sandbox, localstack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The central signer: what the sandbox's has, but that new keys are made in KMS."""
    folder = tmp_path_factory.mktemp("far")
    settings = {
        "kms": {"region": REGION, "endpoint_url": localstack.url, "create_under": "alias/seals/", "timeout_seconds": 20.0},
        "software": {"create_keys": False},
        "stores": {"certificates": str(folder / "certificates.sqlite")},
    }
    with serving(sandbox, folder, settings, service="central", environment=CREDENTIALS) as service:
        yield service


@pytest.fixture(scope="module")
def near(sandbox: Sandbox, far: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The proxy in front of it."""
    folder = tmp_path_factory.mktemp("near")
    stores = {"certificates": str(folder / "certificates.sqlite")}
    with serving(sandbox, folder, {"central": {"url": far.url}, "stores": stores}) as service:
        yield service


@pytest.mark.parametrize(
    ("algorithm", "sign_algorithm"),
    [
        ("P-256", "ECDSA"),
        *(
            pytest.param(*combination, marks=pytest.mark.full)
            for combination in (
                ("RSA-2048", "RSASSA-PKCS1-v1_5"),
                ("RSA-3072", "RSASSA-PSS"),
                ("RSA-4096", "RSASSA-PSS"),
                ("P-384", "ECDSA"),
                ("P-521", "ECDSA"),
            )
        ),
    ],
)
async def test_a_key_in_kms_from_its_making_to_a_signed_document(
    sandbox: Sandbox, near: Service, far: Service, invoice: bytes, tmp_path: Path, algorithm: str, sign_algorithm: str
) -> None:
    life = live(near.caller(), sandbox, tmp_path, algorithm, signAlgorithm=sign_algorithm)
    assert life.key_id.startswith("kms:")
    signed = near.caller().sign(invoice, life.certificate_id, form="es-t", signAlgorithm=sign_algorithm)
    assert signed.status == 200, signed.body
    assert max(signed.upstream_bytes) < 3_000
    (tmp_path / "signed.pdf").write_bytes(signed.body)
    (verdict,) = await pyhanko_verdicts(tmp_path / "signed.pdf", sandbox.anchors)
    assert verdict.valid
    (seen,) = pdfsig(tmp_path / "signed.pdf")
    assert seen.valid, seen.text

    # What the document's signature cost is on both ledgers: a digest went to the one, and on from there to KMS.
    digests = near.caller().get(f"/v1/operations/{signed.transaction_id}").members["digests"]
    calls = far.caller("proxy").get("/v1/operations", {"certificateId": life.certificate_id}).members["operations"]
    (signature,) = [call for call in calls if call["operation"] == "hash"]
    assert signature["digests"] == digests[:1]
    assert "kms" in {exchange["destination"] for exchange in signature["exchanges"]}


@pytest.mark.full
def test_a_registered_certificate_of_a_key_in_kms_is_there_after_a_restart(
    sandbox: Sandbox, localstack: LocalStack, tmp_path: Path
) -> None:
    settings = {
        "kms": {"region": REGION, "endpoint_url": localstack.url, "create_under": "alias/kept/", "timeout_seconds": 20.0},
        "software": {"create_keys": False},
        "stores": {"certificates": str(tmp_path / "certificates.sqlite")},
    }
    with serving(sandbox, tmp_path / "first", settings, service="central", environment=CREDENTIALS) as service:
        life = live(service.caller(), sandbox, tmp_path, "P-384")
    with serving(sandbox, tmp_path / "second", settings, service="central", environment=CREDENTIALS) as service:
        answer = service.caller().sign_hashes([bytes(48)], life.certificate_id, "SHA-384")
        assert answer.status == 200, answer.body
        refused = service.caller().sign_hashes([bytes(32)], life.certificate_id, "SHA-256")
        assert (refused.status, refused.code) == (422, "ALGORITHM_NOT_ALLOWED")
        record = service.caller().get(f"/v1/operations/{refused.transaction_id}").members
        assert record["digests"] == record["exchanges"] == []
