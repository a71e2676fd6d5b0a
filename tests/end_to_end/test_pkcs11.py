"""A service with keys on a PKCS #11 token, SoftHSM's, in the place of a cloud HSM."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.conformance.judges import pdfsig
from tests.end_to_end.services import serving
from tests.support.key_life import live
from tests.support.sandbox import Sandbox
from tests.support.softhsm import SoftHSM, is_installed


@pytest.fixture
def hsm(tmp_path: Path) -> SoftHSM:
    if not is_installed():
        pytest.skip("SoftHSM is not there: install softhsm2")
    made = SoftHSM.make(tmp_path / "hsm")
    made.add_token("seals")
    return made


def sections(hsm: SoftHSM, folder: Path) -> dict[str, object]:
    return {
        "pkcs11": hsm.settings(create_keys=True),
        "stores": {"certificates": str(folder / "certificates.sqlite")},
    }


def test_a_key_on_a_token_from_its_making_to_a_signed_document(
    sandbox: Sandbox, hsm: SoftHSM, invoice: bytes, tmp_path: Path
) -> None:
    with serving(sandbox, tmp_path / "service", sections(hsm, tmp_path), environment=hsm.environment) as service:
        life = live(service.caller(), sandbox, tmp_path, "P-256")
        assert life.key_id.startswith("pkcs11:")
        for killed in (False, True):
            signed = service.caller().sign(invoice, life.certificate_id, form="es", signAlgorithm="ECDSA")
            assert signed.status == 200, signed.body
            (tmp_path / "signed.pdf").write_bytes(signed.body)
            (seen,) = pdfsig(tmp_path / "signed.pdf")
            assert seen.valid, seen.text
            record = service.caller().get(f"/v1/operations/{signed.transaction_id}").members
            assert [one["sent"] for one in record["exchanges"] if one["destination"] == "pkcs11"] == [32]
            if not killed:
                holders = [
                    one for one in psutil.Process(service.pid).children() if "proxy.signers.pkcs11.worker" in one.cmdline()
                ]
                assert holders
                for holder in holders:
                    os.kill(holder.pid, signal.SIGKILL)


def test_a_wrong_pin_keeps_the_service_from_starting(sandbox: Sandbox, hsm: SoftHSM, tmp_path: Path) -> None:
    settings = sections(hsm, tmp_path)
    hsm.pin_file.write_text("wrong-1234", encoding="utf-8")
    with (
        pytest.raises(AssertionError, match="refuses the PIN"),
        serving(sandbox, tmp_path / "service", settings, environment=hsm.environment),
    ):
        pass
