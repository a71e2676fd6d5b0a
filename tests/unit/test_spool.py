"""The spool: whatever way the bytes come in and wherever the byte range lies, the digest is that of the bytes on disk."""

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import SpoolFull, TooLarge
from proxy.model import Digest, HashAlgorithm
from proxy.spool import CHUNK, SpooledDocument, open_unnamed

LIMIT = 10 * CHUNK

documents = st.lists(st.binary(max_size=200), max_size=12)
tails = st.binary(max_size=300)
algorithms = st.sampled_from(HashAlgorithm)


def digest(algorithm: HashAlgorithm, data: bytes) -> Digest:
    return Digest(algorithm, hashlib.new(algorithm.hashlib_name, data).digest())


def append(spool: SpooledDocument, data: bytes) -> None:
    """What an engine process does to its copy of the descriptor."""
    os.pwrite(spool.descriptor, data, spool.size)


@given(pieces=documents, also=st.sets(algorithms), asked=algorithms)
def test_any_split_of_the_upload_gives_the_digest_of_the_whole(
    pieces: list[bytes], also: set[HashAlgorithm], asked: HashAlgorithm
) -> None:
    whole = b"".join(pieces)
    with SpooledDocument(limit=LIMIT, also=also) as spool:
        for piece in pieces:
            spool.write(piece)
        assert spool.size == spool.total_size == len(whole)
        assert spool.digest_ranges(asked, ()) == digest(asked, whole)
        assert spool.received_digest == digest(HashAlgorithm.SHA256, whole)
        assert spool.read(0, len(whole) + 1) == whole


@given(data=st.data(), pieces=documents, tail=tails, asked=algorithms)
def test_any_ranges_of_the_tail_continue_the_digest(
    data: st.DataObject, pieces: list[bytes], tail: bytes, asked: HashAlgorithm
) -> None:
    whole = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(tail)), max_size=6).filter(lambda some: len(some) % 2 == 0)))
    ranges = list(zip(cuts[::2], cuts[1::2], strict=True))
    with SpooledDocument(limit=LIMIT) as spool:
        for piece in pieces:
            spool.write(piece)
        append(spool, tail)
        covered = whole + b"".join(tail[start:end] for start, end in ranges)
        absolute = [(spool.size + start, spool.size + end) for start, end in ranges]
        # Twice: asking changes nothing.
        for _ in range(2):
            assert spool.digest_ranges(asked, absolute) == digest(asked, covered)
        assert spool.result_digest == digest(HashAlgorithm.SHA256, whole + tail)
        assert spool.total_size == len(whole) + len(tail)


@given(document=st.binary(min_size=1, max_size=300), first=tails, second=tails)
def test_truncated_it_is_as_received_and_can_be_signed_again(document: bytes, first: bytes, second: bytes) -> None:
    with SpooledDocument(limit=LIMIT) as spool:
        spool.write(document)
        append(spool, first)
        spool.truncate()
        assert spool.total_size == spool.size == len(document)
        assert spool.result_digest == spool.received_digest == digest(HashAlgorithm.SHA256, document)
        append(spool, second)
        assert spool.result_digest == digest(HashAlgorithm.SHA256, document + second)


@settings(max_examples=20)
@given(size=st.integers(CHUNK - 2, 2 * CHUNK + 2), asked=algorithms)
def test_chunk_boundaries(size: int, asked: HashAlgorithm) -> None:
    data = bytes(size)
    with SpooledDocument(limit=LIMIT) as spool:
        spool.write(data)
        append(spool, data)
        assert spool.digest_ranges(asked, [(size, 2 * size)]) == digest(asked, data + data)
        assert [len(piece) for piece in spool.chunks(0, size)] == [CHUNK] * (size // CHUNK) + [size % CHUNK] * bool(
            size % CHUNK
        )


def test_a_signature_is_put_into_the_appended_part_alone() -> None:
    with SpooledDocument(limit=LIMIT) as spool:
        spool.write(b"document")
        append(spool, b"<0000>")
        spool.overwrite(spool.size + 1, b"beef")
        assert spool.read(0, 100) == b"document<beef>"
        for offset in (0, spool.size - 1):
            with pytest.raises(ValueError, match="never changed"):
                spool.overwrite(offset, b"x")
        assert spool.read(0, 100) == b"document<beef>"
        assert spool.received_digest == digest(HashAlgorithm.SHA256, b"document")


def test_a_range_inside_the_received_part_is_refused() -> None:
    with SpooledDocument(limit=LIMIT) as spool:
        spool.write(b"document")
        with pytest.raises(ValueError, match="before the appended part"):
            spool.digest_ranges(HashAlgorithm.SHA256, [(7, 8)])


def test_a_range_past_the_end_is_refused_not_ignored() -> None:
    with SpooledDocument(limit=LIMIT) as spool:
        spool.write(b"document")
        with pytest.raises(ValueError, match="shorter"):
            spool.digest_ranges(HashAlgorithm.SHA256, [(8, 9)])


def test_the_limit_is_the_last_byte_that_fits() -> None:
    with SpooledDocument(limit=10) as spool:
        spool.write(b"12345")
        spool.write(b"67890")
        with pytest.raises(TooLarge, match="10 bytes"):
            spool.write(b"!")
        assert spool.total_size == 10
        assert spool.received_digest == digest(HashAlgorithm.SHA256, b"1234567890")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")  # noqa: PTH110 - read at import, not a spool file
def test_a_full_disk_has_its_own_name() -> None:
    with SpooledDocument(limit=LIMIT, file_descriptor=os.open("/dev/full", os.O_RDWR)) as spool, pytest.raises(SpoolFull):
        spool.write(b"document")


@pytest.mark.parametrize("with_tmpfile", [True, False])
def test_the_file_has_no_name_and_is_this_users_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, with_tmpfile: bool
) -> None:
    if not with_tmpfile:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    descriptor = open_unnamed(tmp_path)
    try:
        facts = os.fstat(descriptor)
        assert facts.st_nlink == 0
        assert facts.st_mode & 0o777 == 0o600
        assert list(tmp_path.iterdir()) == []
        assert not os.get_inheritable(descriptor)
    finally:
        os.close(descriptor)


def test_closed_it_gives_its_file_back_once() -> None:
    spool = SpooledDocument(limit=LIMIT)
    descriptor = spool.descriptor
    spool.close()
    spool.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
    with pytest.raises(ValueError, match="closed"):
        spool.write(b"late")
