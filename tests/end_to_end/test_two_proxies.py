"""Two proxies in a row, over mutual TLS: one with keys in KMS or on an HSM's token is the central signer of the other."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.judges import pdfsig, pyhanko_verdicts
from tests.end_to_end.services import Service, serving
from tests.support.emulators import CREDENTIALS, REGION
from tests.support.key_life import live
from tests.support.localstack import LocalStack
from tests.support.sandbox import Sandbox
from tests.support.softhsm import SoftHSM, is_installed

KINDS = (
    ("P-256", "ECDSA"),
    ("RSA-2048", "RSASSA-PKCS1-v1_5"),
    ("RSA-3072", "RSASSA-PSS"),
    ("RSA-4096", "RSASSA-PSS"),
    ("P-384", "ECDSA"),
    ("P-521", "ECDSA"),
)

MARKS = {"kms": [pytest.mark.xdist_group("localstack")], "pkcs11": []}
"""By backend of the far proxy."""


@dataclass(frozen=True, slots=True)
class Row:
    """The far one is what the sandbox's central signer is, but that new keys are made at ``backend``."""

    backend: str
    near: Service
    far: Service


@contextmanager
def row(sandbox: Sandbox, folder: Path, backend: str, section: Any, environment: Mapping[str, str]) -> Iterator[Row]:
    far_settings = {
        backend: section,
        "software": {"create_keys": False},
        "stores": {"certificates": str(folder / "far.sqlite")},
    }
    with serving(sandbox, folder / "far", far_settings, service="central", environment=environment) as far:
        near_settings = {"central": {"url": far.url}, "stores": {"certificates": str(folder / "near.sqlite")}}
        with serving(sandbox, folder / "near", near_settings) as near:
            yield Row(backend, near, far)


@pytest.fixture(scope="module")
def kms(sandbox: Sandbox, localstack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Row]:
    section = {"region": REGION, "endpoint_url": localstack.url, "create_under": "alias/seals/", "timeout_seconds": 20.0}
    with row(sandbox, tmp_path_factory.mktemp("kms"), "kms", section, CREDENTIALS) as made:
        yield made


@pytest.fixture(scope="module")
def pkcs11(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Row]:
    if not is_installed():
        pytest.skip("SoftHSM is not there: install softhsm2")
    folder = tmp_path_factory.mktemp("pkcs11")
    hsm = SoftHSM.make(folder / "hsm")
    hsm.add_token("seals")
    with row(sandbox, folder, "pkcs11", hsm.settings(create_keys=True), hsm.environment) as made:
        yield made


def _each() -> Iterator[Any]:
    for backend, (algorithm, sign_algorithm) in product(MARKS, KINDS):
        marks = MARKS[backend] + ([] if algorithm == "P-256" else [pytest.mark.full])
        yield pytest.param(backend, algorithm, sign_algorithm, marks=marks)


@pytest.mark.parametrize(("backend", "algorithm", "sign_algorithm"), list(_each()))
async def test_a_key_from_its_making_to_a_signed_document(
    request: pytest.FixtureRequest,
    sandbox: Sandbox,
    invoice: bytes,
    tmp_path: Path,
    backend: str,
    algorithm: str,
    sign_algorithm: str,
) -> None:
    proxies: Row = request.getfixturevalue(backend)
    near, far = proxies.near, proxies.far
    life = live(near.caller(), sandbox, tmp_path, algorithm, signAlgorithm=sign_algorithm)
    assert life.key_id.startswith(f"{backend}:")
    signed = near.caller().sign(invoice, life.certificate_id, form="es-t", signAlgorithm=sign_algorithm)
    assert signed.status == 200, signed.body
    (tmp_path / "signed.pdf").write_bytes(signed.body)
    (verdict,) = await pyhanko_verdicts(tmp_path / "signed.pdf", sandbox.anchors)
    assert verdict.valid
    (seen,) = pdfsig(tmp_path / "signed.pdf")
    assert seen.valid, seen.text

    # What the document's signature cost is on both ledgers: a digest went to the one, and on from there to the key.
    digests = near.caller().get(f"/v1/operations/{signed.transaction_id}").members["digests"]
    calls = far.caller("proxy").get("/v1/operations", {"certificateId": life.certificate_id}).members["operations"]
    (signature,) = [call for call in calls if call["operation"] == "hash"]
    assert signature["digests"] == digests[:1]
    assert backend in {exchange["destination"] for exchange in signature["exchanges"]}

    another = "ECDSA" if algorithm.startswith("RSA") else "RSASSA-PSS"
    refused = near.caller().sign_hashes([bytes(32)], life.certificate_id, signAlgorithm=another)
    assert (refused.status, refused.code) == (422, "ALGORITHM_NOT_ALLOWED")
    assert far.caller("proxy").get("/v1/operations", {"certificateId": life.certificate_id}).members["operations"] == calls


@pytest.mark.full
@pytest.mark.xdist_group("localstack")
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
