"""Two proxies with their stores in DynamoDB and S3, sealed by a key in KMS: what one began the other finishes and finds."""

import asyncio
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.services import Service, serving
from tests.support.aws_front import AWSFront, aws_front
from tests.support.emulators import CREDENTIALS
from tests.support.sandbox import Sandbox
from tests.support.tables import Tables

pytestmark = pytest.mark.xdist_group("localstack")

CERTIFICATE = "legal-person-p256"
KEY = "5d1c5e0e-1a52-4a0a-8d0b-2f6f0c1e7a11"


@contextmanager
def counted(url: str) -> Iterator[AWSFront]:
    """A front before KMS, in a thread of its own."""
    loop, ready, ends, fronts = asyncio.new_event_loop(), threading.Event(), asyncio.Event(), []

    async def stand() -> None:
        async with aws_front(url) as front:
            fronts.append(front)
            ready.set()
            await ends.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(stand(),))
    thread.start()
    assert ready.wait(30)
    try:
        yield fronts[0]
    finally:
        loop.call_soon_threadsafe(ends.set)
        thread.join()
        loop.close()


@pytest.fixture
def pair(sandbox: Sandbox, tables: Tables, tmp_path: Path) -> Iterator[tuple[Service, Service, AWSFront]]:
    with counted(tables.moto.url) as kms:
        stores = {
            "sealing_key": f"file:{_sealing_key(tmp_path)}",
            "sealing_kms": {"key": tables.moto.create_key(), "endpoint_url": kms.url},
            "dynamodb": tables.settings.model_dump(mode="json", exclude_none=True),
        }
        settings = {"stores": stores}
        with (
            serving(sandbox, tmp_path / "one", settings, environment=CREDENTIALS) as one,
            serving(sandbox, tmp_path / "other", settings, environment=CREDENTIALS) as other,
        ):
            yield one, other, kms


def _sealing_key(folder: Path) -> Path:
    (folder / "sealing-key").write_text("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", encoding="ascii")
    return folder / "sealing-key"


def test_what_one_task_did_the_other_knows_and_no_signature_costs_a_request_to_kms(
    sandbox: Sandbox, invoice: bytes, pair: tuple[Service, Service, AWSFront]
) -> None:
    one, other, kms = pair
    asked = {"Idempotency-Key": KEY}
    first = one.caller().sign(invoice, CERTIFICATE, form="es", headers=asked)
    assert first.status == 200, first.body
    with sandbox.spending() as spent:
        repeat = other.caller().sign(invoice, CERTIFICATE, form="es", headers=asked)
    assert (repeat.status, repeat.body) == (200, first.body)
    assert spent.nothing
    assert repeat.headers["Original-Transaction-Id"] == first.transaction_id

    before = sum(kms.asked.values())
    for _ in range(3):
        assert one.caller().sign(invoice, CERTIFICATE, form="es-t").status == 200
    # Each of two tasks had one data key, and opened what the other's had sealed.
    assert sum(kms.asked.values()) == before <= 4

    record = other.caller().get(f"/v1/operations/{first.transaction_id}").members
    assert (record["state"], record["form"]) == ("SUCCEEDED", "ES")
    found = other.caller().get("/v1/operations", {"documentSha256": hashlib.sha256(invoice).hexdigest()}).members["operations"]
    assert len(found) == 5
    assert {entry["operation"] for entry in found} == {"es", "es-t"}
    result = {"documentSha256": hashlib.sha256(first.body).hexdigest(), "operation": "es"}
    assert len(other.caller().get("/v1/operations", result).members["operations"]) == 2
    assert other.sandbox.caller("other", other.url).get("/v1/operations", result).members["operations"] == []
