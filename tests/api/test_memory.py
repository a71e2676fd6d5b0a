"""Documents of any size pass through without being held."""

import asyncio
import base64
import hashlib
import io
import json
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.fakes import INCREMENT
from tests.api.service import People, Service, behind_load_balancer, running

ES = "/v1/signatures/es"
BLOCK = hashlib.shake_256(b"block").digest(3 << 16)
HEAD = b"%PDF-1.7\n%%%"


async def as_json(blocks: int) -> AsyncIterator[bytes]:
    """A JSON body made while it is sent."""
    encoded = base64.b64encode(BLOCK)
    yield b'{"document": "' + base64.b64encode(HEAD)
    for _ in range(blocks):
        yield encoded
    yield b'", "certificateId": "seal-1"}'


async def as_form(blocks: int) -> AsyncIterator[bytes]:
    yield b'--x\r\nContent-Disposition: form-data; name="document"\r\n\r\n' + HEAD
    for _ in range(blocks):
        yield BLOCK
    yield b'\r\n--x\r\nContent-Disposition: form-data; name="params"\r\n\r\n{"certificateId": "seal-1"}\r\n--x--\r\n'


def expected(blocks: int) -> str:
    whole = hashlib.sha256(HEAD)
    for _ in range(blocks):
        whole.update(BLOCK)
    return whole.hexdigest()


async def drop(service: Service, body: AsyncIterator[bytes], content_type: str, accept: str) -> tuple[int, str]:
    """Send a body and count the answer without keeping it; gives its size and the digest of the result."""
    size = 0
    headers = {"Content-Type": content_type, "Accept": accept}
    async with service.alice.post(ES, data=body, headers=headers) as response:
        assert response.status == 200
        async for piece in response.content.iter_any():
            size += len(piece)
        assert size == int(response.headers["Content-Length"])
        return size, response.headers["Result-SHA256"]


@pytest.mark.parametrize("transport", ["tls", "plain"])
@pytest.mark.parametrize(
    ("kind", "blocks", "content_type"), [("json", 225, "application/json"), ("form", 500, "multipart/form-data; boundary=x")]
)
async def test_the_peak_does_not_depend_on_the_size(
    people: People, tmp_path: Path, transport: str, kind: str, blocks: int, content_type: str
) -> None:
    make = as_json if kind == "json" else as_form
    listener = behind_load_balancer() if transport == "plain" else {}
    async with running(people, tmp_path, listener=listener) as service:
        await drop(service, make(2), content_type, "application/json")
        tracemalloc.start()
        try:
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            for accept in ("application/json", "application/pdf"):
                size, _ = await drop(service, make(blocks), content_type, accept)
                assert size > blocks * len(BLOCK)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        # Caller and service together: socket buffers of both sides and one piece at each stage.
        assert peak - before < 12 << 20, f"{(peak - before) / (1 << 20):.1f} MiB for {blocks * len(BLOCK) >> 20} MiB"
        assert service.work.received[1:] == [expected(blocks)] * 2


async def test_what_goes_in_is_what_comes_out(service: Service) -> None:
    """Over borders of pieces: the JSON answer decodes to the document and its increment."""
    for blocks in (1, 5):
        document = HEAD + BLOCK * blocks
        async with service.alice.post(
            ES, params={"certificateId": "seal-1"}, data=io.BytesIO(document), headers={"Accept": "application/json"}
        ) as response:
            answer = json.loads(await response.read())
        assert base64.b64decode(answer["document"], validate=True) == document + INCREMENT


async def test_the_loop_keeps_turning_while_a_large_body_comes(service: Service) -> None:
    longest, running_still = 0.0, True
    loop = asyncio.get_running_loop()

    async def watch() -> None:
        nonlocal longest
        while running_still:
            before = loop.time()
            await asyncio.sleep(0)
            longest = max(longest, loop.time() - before)

    watching = asyncio.create_task(watch())
    await drop(service, as_json(100), "application/json", "application/json")
    running_still = False
    await watching
    assert longest < 0.25
