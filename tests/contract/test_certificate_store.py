"""What every store of registered certificates holds to (``proxy.ports.CertificateStore``), run against each there is."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from proxy.errors import InternalError, SettingsError
from proxy.model import RegisteredCertificate
from proxy.ports import CertificateStore
from proxy.stores.certificates_sqlite import SQLiteCertificateStore
from tests.support.pki import NOW

OpenStore = Callable[[], Awaitable[CertificateStore]]

FIRST = RegisteredCertificate("c1", "kms", "k1", b"one", (b"issuer", b"root"), "alice", NOW)
SECOND = RegisteredCertificate("c2", "kms", "k1", b"two", (), "bob", NOW)
ELSEWHERE = RegisteredCertificate("c3", "software", "k1", b"three", (b"issuer",), "alice", NOW)


@pytest.fixture(params=["sqlite"])
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenStore]:
    """Opens one and the same store, as several tasks do."""
    async with AsyncExitStack() as stores:

        async def sqlite() -> CertificateStore:
            store = await SQLiteCertificateStore.open(tmp_path / "certificates.sqlite")
            stores.push_async_callback(store.close)
            return store

        yield {"sqlite": sqlite}[request.param]


async def test_what_was_put_is_there_for_every_task_and_after_a_restart(open_store: OpenStore) -> None:
    store, other = await open_store(), await open_store()
    assert (await store.get("c1"), await store.list("kms")) == (None, ())
    for one in (SECOND, FIRST, ELSEWHERE):
        await store.put(one)
    await store.close()
    for reader in (other, await open_store()):
        assert await reader.list("kms") == (FIRST, SECOND)
        assert await reader.list("software") == (ELSEWHERE,)
        assert await reader.get("c1") == FIRST
        assert await reader.get("c1' OR '1") is None


async def test_the_same_certificate_is_put_anew_and_another_is_not_put_over_it(open_store: OpenStore) -> None:
    store = await open_store()
    await store.put(FIRST)
    moved = replace(FIRST, backend="software", key_id="k2", chain=(b"issuer",))
    await store.put(replace(moved, client="bob", at=NOW + timedelta(days=1)))
    assert (await store.get("c1"), await store.list("kms")) == (moved, ())
    with pytest.raises(InternalError):
        await store.put(replace(moved, certificate=b"another", chain=()))
    assert await store.get("c1") == moved


async def test_of_two_at_a_time_one_is_whole(open_store: OpenStore) -> None:
    stores = [await open_store() for _ in range(4)]
    versions = [replace(FIRST, key_id=f"k{number}", chain=(b"issuer",) * number) for number in range(len(stores))]
    await asyncio.gather(*(store.put(version) for store, version in zip(stores, versions, strict=True)))
    assert await stores[0].get("c1") in versions
    assert len(await stores[0].list("kms")) == 1


async def test_who_made_a_key(open_store: OpenStore) -> None:
    store = await open_store()
    assert await store.maker(b"public") is None
    await store.put_maker(b"public", "alice")
    assert await (await open_store()).maker(b"public") == "alice"
    with pytest.raises(InternalError):
        await store.put_maker(b"public", "bob")
    assert await store.maker(b"public") == "alice"


async def test_a_closed_store_says_so(open_store: OpenStore) -> None:
    store = await open_store()
    for _ in range(2):
        await store.close()
    with pytest.raises(InternalError, match="closed"):
        await store.get("c1")


async def test_a_file_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE certificate (x)")
    before = path.read_bytes()
    with pytest.raises(SettingsError, match=r"stores\.certificates"):
        await SQLiteCertificateStore.open(path)
    assert path.read_bytes() == before
