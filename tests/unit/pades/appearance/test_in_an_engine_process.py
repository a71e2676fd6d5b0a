"""Appearances are drawn where documents are parsed: confined, without the network, in bounded memory."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PIL import Image

from proxy.call import Deadline
from proxy.engine.pool import EnginePool
from proxy.errors import AppearanceInvalid, SealImageInvalid
from proxy.model import Appearance
from proxy.settings import EngineSettings
from tests.unit.pades.appearance import drawing_tasks
from tests.unit.pades.appearance.sealed import appearance, blank, png, square


@asynccontextmanager
async def running(settings: EngineSettings) -> AsyncIterator[EnginePool]:
    pool = EnginePool(settings, tasks=drawing_tasks.__name__)
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close(grace_seconds=0)


async def drawn(pool: EnginePool, document: Path, wanted: Appearance) -> tuple[int, float]:
    descriptor = os.open(document, os.O_RDWR)
    try:
        answer = await pool.run("draw", descriptor, wanted, deadline=Deadline.after(60))
    finally:
        os.close(descriptor)
    assert isinstance(answer, tuple)
    return answer


async def test_an_engine_process_draws_and_keeps_what_it_drew(tmp_path: Path) -> None:
    document = tmp_path / "document.pdf"
    document.write_bytes(blank())
    async with running(EngineSettings(processes=1)) as pool:
        first, cost = await drawn(pool, document, appearance(text="承認 12:34", image=square(side=900)))
        second, again = await drawn(pool, document, appearance(text="承認 12:35", image=square(side=900)))
        assert first == second
        assert again < cost / 3
        for kind in ("TIFF", "GIF", "BMP", "JPEG"):
            assert (await drawn(pool, document, appearance(image=png(Image.new("RGB", (9, 9)), kind))))[0] == first


async def test_what_cannot_be_drawn_costs_no_process(tmp_path: Path) -> None:
    document = tmp_path / "document.pdf"
    document.write_bytes(blank())
    large = png(Image.new("RGBA", (5000, 5000), (255, 0, 0, 9)))
    async with running(EngineSettings(processes=1, memory_bytes=400_000_000)) as pool:
        process, _ = await drawn(pool, document, appearance(text="甲"))
        with pytest.raises(SealImageInvalid):
            await drawn(pool, document, appearance(image=large))
        with pytest.raises(AppearanceInvalid, match="U\\+1F44D"):
            await drawn(pool, document, appearance(text="👍"))
        assert (await drawn(pool, document, appearance(text="甲")))[0] == process
    async with running(EngineSettings(processes=1)) as pool:
        await drawn(pool, document, appearance(image=large))
