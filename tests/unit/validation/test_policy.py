"""The policy of a deployment, as its settings say."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from proxy.errors import SettingsError
from proxy.model import TrustUse, ValidationPolicy
from proxy.settings import Settings
from proxy.validation.policy import ALGORITHMS, deployment_policy
from tests.support.pki import DAY, NOW, Hierarchy, Holder, issue, usage
from tests.support.trusted_lists import Service, signed_list

SIGNATURE, TIMESTAMP = frozenset({TrustUse.SIGNATURE}), frozenset({TrustUse.TIMESTAMP})


@pytest.fixture(scope="module")
def pki() -> Hierarchy:
    return Hierarchy.make()


def policy(folder: Path, verification: dict[str, Any], **sections: Any) -> ValidationPolicy:
    settings = Settings.model_validate(
        {
            "listener": {"mode": "load-balancer", "trusted_addresses": ["10.0.0.0/8"], "client_ca": "ca.pem"},
            "software": {"directory": "keys"},
            "stores": {"transaction_log": "log.sqlite"},
            "verification": verification,
            **sections,
        },
        context={"base": folder},
    )
    return deployment_policy(settings, NOW)


def pem(folder: Path, name: str, *holders: Holder) -> str:
    (folder / name).write_bytes(b"".join(holder.pem for holder in holders))
    return name


def test_anchors_of_files_folders_and_signers(tmp_path: Path, pki: Hierarchy) -> None:
    other, stamping = issue("Other", ca=True), issue("Stamping", ca=True)
    folder = tmp_path / "anchors"
    folder.mkdir()
    (folder / "other.cer").write_bytes(other.der)
    (folder / "README").write_text("not a certificate")
    found = policy(
        tmp_path,
        {"anchors": ["anchors"], "timestamp_anchors": [pem(tmp_path, "issuing.pem", pki.issuing)]},
        trust={"anchors": [pem(tmp_path, "root.pem", pki.root)]},
        tsa=[{"url": "http://tsa.test/", "trust_anchors": [pem(tmp_path, "stamping.pem", stamping)]}],
    )
    assert [(anchor.certificate, anchor.uses) for anchor in found.trust.anchors] == [
        (pki.root.der, SIGNATURE),
        (other.der, SIGNATURE),
        (stamping.der, TIMESTAMP),
        (pki.issuing.der, TIMESTAMP),
    ]
    assert found.trust.fingerprint != policy(tmp_path, {}).trust.fingerprint


def test_anchors_of_trusted_lists(tmp_path: Path, pki: Hierarchy) -> None:
    operator = issue("Operator", extensions=[usage("digital_signature")])
    (tmp_path / "list.xml").write_bytes(signed_list([Service([pki.root.der])], operator, next_update=NOW - DAY))
    listed = {"file": "list.xml", "signers": [pem(tmp_path, "operator.pem", operator)]}
    with structlog.testing.capture_logs() as logs:
        found = policy(tmp_path, {"trusted_lists": [listed]})
    assert [anchor.certificate for anchor in found.trust.anchors] == [pki.root.der]
    assert [entry["event"] for entry in logs] == ["trust.list_outdated"]


def test_folders_and_files_without_certificates(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "no.pem").write_text("nothing")
    for path in ("empty", "no.pem", "missing.pem"):
        with pytest.raises(SettingsError, match=path):
            policy(tmp_path, {"anchors": [path]})


def test_algorithms_are_the_defaults_and_what_is_set_beside_them(tmp_path: Path) -> None:
    assert policy(tmp_path, {}).algorithms == ALGORITHMS
    found = policy(
        tmp_path,
        {
            "algorithms": {
                "hashes": {"sha1": date(2013, 12, 31), "sha512": "never"},
                "rsa": {"1024": "always", "2048": date(2030, 12, 31)},
                "curves": {"secp256k1": "always"},
            }
        },
    ).algorithms
    assert found.hashes["sha1"] == datetime(2014, 1, 1, tzinfo=UTC)
    assert (found.hashes["sha256"], "sha512" in found.hashes) == (None, False)
    assert found.rsa == {1024: None, 2048: datetime(2031, 1, 1, tzinfo=UTC)}
    assert found.curves["secp256k1"] is None


def test_what_follows_from_missing_proof(tmp_path: Path) -> None:
    plain = policy(tmp_path, {})
    assert (plain.expired_without_poe, plain.require_fresh_timestamps) == (False, False)
    strict = policy(tmp_path, {"expired_without_poe": "INVALID", "require_fresh_timestamps": True})
    assert (strict.expired_without_poe, strict.require_fresh_timestamps) == (True, True)


def test_the_registry(tmp_path: Path) -> None:
    (tmp_path / "registry.yaml").write_text("complete: true\n")
    registry = policy(tmp_path, {"accreditations": "registry.yaml"}).accreditations
    assert registry is not None
    assert registry.complete
