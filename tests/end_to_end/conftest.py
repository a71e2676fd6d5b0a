"""Documents, and services beside the sandbox's own for what must not be done to that one."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from proxy.settings import Operation
from tests.end_to_end.faulty_central import FaultyCentral, faulty_central
from tests.end_to_end.odd_authorities import ODDITIES, OddAuthorities, odd_authorities
from tests.end_to_end.services import FILE_BYTES, Service, enrolled, free_port, serving
from tests.support.pdf_files import plain_file
from tests.support.sandbox import Sandbox

EVERYTHING = list(get_args(Operation))

PATIENT = {"failures_to_open": 1_000_000, "judged_exchanges": 1_000}
"""Links that are used however often they fail: what stands behind them is there to fail."""


@pytest.fixture(scope="session")
def invoice() -> bytes:
    """A small conforming PDF."""
    return plain_file(pages=2).with_table()


@pytest.fixture(scope="session")
def odd(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OddAuthorities]:
    """Time-stamping authorities that are odd."""
    with odd_authorities(sandbox, tmp_path_factory.mktemp("authorities")) as authorities:
        yield authorities


@pytest.fixture(scope="session")
def narrow(sandbox: Sandbox, odd: OddAuthorities, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A proxy with small limits and the odd authorities, one profile each, before the sandbox's central signer.

    Two requests at a time and no queue; a spool file may have 16 MiB. ``other`` may make ES with ``eseal-p256`` alone;
    ``stranger`` is enrolled here, and may send one request an hour.
    """
    anchors = [str(anchor) for anchor in sandbox.anchors]
    profile = {"trust_anchors": anchors, "policy_oid": sandbox.info.tsa_policy, "timeout_seconds": 1.0}
    nobody = f"http://127.0.0.1:{free_port()}/tsa"
    settings = {
        "limits": {
            "document_bytes": 20_000_000,
            "json_body_bytes": 100_000,
            "parameter_bytes": 8_192,
            "seal_image_bytes": 3_000,
            "requests_in_flight": 2,
            "queue": 0,
            "upload_stall_seconds": 2.0,
        },
        "links": PATIENT,
        "tsa": [
            {"profile": "default", "url": sandbox.info.tsa, **profile},
            *({"profile": path.removeprefix("/"), "url": odd.url + path, **profile} for path in ODDITIES),
            {"profile": "dead", "url": nobody, **profile},
            {"profile": "failover", "url": nobody, **profile},
            {"profile": "failover", "url": odd.url + "/wrong-nonce", **profile},
            {"profile": "failover", "url": sandbox.info.tsa, **profile},
        ],
        "clients": [
            enrolled(sandbox, "app", EVERYTHING, ["*"]),
            enrolled(sandbox, "other", ["es"], ["eseal-p256"]),
            enrolled(sandbox, "stranger", ["certificates"], ["*"], rate_per_second=1 / 3_600),
        ],
    }
    with serving(sandbox, tmp_path_factory.mktemp("narrow"), settings, file_bytes=FILE_BYTES) as service:
        yield service


@pytest.fixture(scope="session")
def central(sandbox: Sandbox) -> Iterator[FaultyCentral]:
    """A central signer that is wrong as it is asked to be."""
    with faulty_central(sandbox) as serving_central:
        yield serving_central


@pytest.fixture(scope="session")
def misled(sandbox: Sandbox, central: FaultyCentral, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A proxy before the faulty central signer, with little time for a request and room for a megabyte."""
    limits = {"request_seconds": 3.0, "document_bytes": 1_000_000}
    settings = {"central": {"url": central.url}, "limits": limits, "links": PATIENT}
    with serving(sandbox, tmp_path_factory.mktemp("misled"), settings) as service:
        yield service


@pytest.fixture(scope="session")
def maintained(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A proxy in its own announced maintenance."""
    now = datetime.now(UTC)
    settings = {
        "maintenance": {
            "starts": (now - timedelta(hours=1)).isoformat(),
            "ends": (now + timedelta(hours=1)).isoformat(),
            "message": "a new disk",
        }
    }
    with serving(sandbox, tmp_path_factory.mktemp("maintained"), settings) as service:
        yield service
