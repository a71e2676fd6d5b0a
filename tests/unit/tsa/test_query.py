"""Requests: what openssl writes is read, what the proxy writes openssl reads, and nothing else gets through."""

import subprocess
from pathlib import Path

import pytest
from asn1crypto import tsp
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import InvalidParameter
from proxy.model import Digest, HashAlgorithm
from proxy.tsa.query import LARGEST_QUERY, TimeStampReq, parse_query

DIGEST = Digest.of(b"document", HashAlgorithm.SHA256)


def openssl_query(folder: Path, *arguments: str) -> bytes:
    data = folder / "data"
    data.write_bytes(b"document")
    return subprocess.run(["openssl", "ts", "-query", "-data", data, *arguments], check=True, capture_output=True).stdout


@pytest.mark.parametrize("algorithm", list(HashAlgorithm))
def test_requests_of_openssl_are_read(tmp_path: Path, algorithm: HashAlgorithm) -> None:
    query = parse_query(openssl_query(tmp_path, f"-{algorithm.hashlib_name}", "-cert", "-tspolicy", "2.999.5"))
    assert (query.imprint, query.cert_req, query.policy_oid) == (Digest.of(b"document", algorithm), True, "2.999.5")
    assert query.nonce is not None
    bare = parse_query(openssl_query(tmp_path, f"-{algorithm.hashlib_name}", "-no_nonce"))
    assert (bare.nonce, bare.cert_req, bare.policy_oid) == (None, False, None)


@pytest.mark.parametrize("algorithm", list(HashAlgorithm))
def test_openssl_reads_what_is_written(tmp_path: Path, algorithm: HashAlgorithm) -> None:
    query = TimeStampReq.fresh(Digest.of(b"document", algorithm), "2.999.5")
    path = tmp_path / "query"
    path.write_bytes(query.dump())
    text = subprocess.run(["openssl", "ts", "-query", "-in", path, "-text"], check=True, capture_output=True, text=True).stdout
    assert f"Hash Algorithm: {algorithm.hashlib_name}" in text
    assert "Policy OID: 2.999.5" in text
    assert query.nonce == int(text.partition("Nonce: ")[2].partition("\n")[0], 16)
    assert "Certificate required: yes" in text
    assert text.endswith("Extensions:\n"), "none"


def test_nonces_of_own_requests_are_64_random_bits() -> None:
    nonces = [TimeStampReq.fresh(DIGEST, None).nonce or 0 for _ in range(200)]
    assert len(set(nonces)) == 200
    assert max(nonces).bit_length() == 64


@given(
    nonce=st.none() | st.integers(min_value=-(2**255), max_value=2**256 - 1),
    policy=st.none() | st.sampled_from(["1.2.3", "2.999.3161.1"]),
    cert_req=st.booleans(),
    algorithm=st.sampled_from(list(HashAlgorithm)),
)
def test_what_is_written_is_read_back(nonce: int | None, policy: str | None, cert_req: bool, algorithm: HashAlgorithm) -> None:
    query = TimeStampReq(Digest.of(b"x", algorithm), nonce, policy, cert_req)
    assert parse_query(query.dump()) == query


def _changed(**fields: object) -> bytes:
    members = {
        "version": "v1",
        "message_imprint": {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": DIGEST.value},
        "nonce": 1,
        "cert_req": True,
    }
    der: bytes = tsp.TimeStampReq(members | fields).dump()
    return der


def _imprint(algorithm: str, length: int) -> dict[str, object]:
    return {"message_imprint": {"hash_algorithm": {"algorithm": algorithm}, "hashed_message": bytes(length)}}


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (b"", "no time-stamping request"),
        (b"<html>", "no time-stamping request"),
        (_changed() + b"\x00", "no time-stamping request"),
        (_changed()[:-1], "no time-stamping request"),
        (bytes(LARGEST_QUERY + 1), "too large"),
        (_changed(version=2), "version 1"),
        (_changed(**_imprint("sha1", 20)), "none of"),
        (_changed(**_imprint("sha224", 28)), "none of"),
        (_changed(**_imprint("sha256", 31)), "length"),
        (_changed(**_imprint("sha512", 32)), "length"),
        (_changed(nonce=2**256), "nonce"),
        (_changed(extensions=[{"extn_id": "2.999.7", "extn_value": b"\x05\x00"}]), "extensions"),
        (_changed()[:-1] + b"\x01", "not DER"),
        (b"\x30\x81" + _changed()[1:], "not DER"),
    ],
)
def test_everything_else_is_refused_with_its_reason(query: bytes, reason: str) -> None:
    with pytest.raises(InvalidParameter, match=reason):
        parse_query(query)


@given(st.binary(max_size=200))
def test_rubbish_is_an_invalid_parameter_and_nothing_worse(query: bytes) -> None:
    with pytest.raises(InvalidParameter):
        parse_query(query)


@given(position=st.integers(min_value=0, max_value=60), value=st.integers(min_value=0, max_value=255))
def test_a_changed_byte_gives_another_request_or_a_refusal(position: int, value: int) -> None:
    query = bytearray(_changed())
    position %= len(query)
    query[position] = value
    try:
        assert parse_query(bytes(query)).dump() in {
            bytes(query),
            bytes(query).replace(b"\x04\x02\x01", b"\x04\x02\x01\x05\x00"),
        }
    except InvalidParameter:
        return
