"""When a task says that it takes calls."""

from pathlib import Path

import pytest

from tests.end_to_end.services import serving
from tests.support.sandbox import Sandbox


@pytest.mark.full
@pytest.mark.parametrize(
    ("required", "certificate", "ready"), [(True, "eseal-p256", 200), (True, "nobody", 503), (False, "nobody", 200)]
)
def test_a_task_is_ready_when_it_is_as_warm_as_it_has_to_be(
    sandbox: Sandbox, tmp_path: Path, invoice: bytes, required: bool, certificate: str, ready: int
) -> None:
    with serving(sandbox, tmp_path, {"warm_up": {"required": required, "certificates": [certificate]}}) as service:
        caller = service.caller()
        assert caller.get("/healthz").status == 200
        assert caller.get("/readyz").status == ready
        # Who asks all the same is served.
        assert caller.sign(invoice).status == 200
        missing = b'"missing": ["certificate nobody: CERTIFICATE_NOT_FOUND"]' in service.log.read_bytes()
        assert missing is (certificate == "nobody")
