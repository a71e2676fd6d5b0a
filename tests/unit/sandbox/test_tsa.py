"""The time-stamping authority over real sockets, judged by openssl."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from asn1crypto import core, tsp
from cryptography.hazmat.primitives.hashes import SHA256

from proxy.sandbox.authority import load_chain
from proxy.sandbox.folder import StateFolder
from proxy.sandbox.profiles import TSA_POLICY_OID
from proxy.sandbox.serial_numbers import BLOCK, SerialNumbers
from proxy.sandbox.tsa import TokenIssuer
from tests.unit.sandbox.conftest import SetClock

Judge = Callable[..., Awaitable[tuple[int, str]]]


def _query(**changes: Any) -> bytes:
    algorithm = changes.pop("algorithm", "sha256")
    imprint = {
        "hash_algorithm": {"algorithm": algorithm},
        "hashed_message": changes.pop("hashed_message", None) or hashlib.new(algorithm, b"a document").digest(),
    }
    der: bytes = tsp.TimeStampReq({"version": "v1", "message_imprint": imprint, "cert_req": True, **changes}).dump()
    return der


async def _ask(server: TestServer, der: bytes) -> bytes:
    headers = {"Content-Type": "application/timestamp-query"}
    async with aiohttp.ClientSession() as session, session.post(server.make_url("/tsa"), data=der, headers=headers) as answer:
        assert answer.status == 200
        assert answer.content_type == "application/timestamp-reply"
        return await answer.read()


def _token(der: bytes) -> tuple[Any, Any]:
    """The ``SignedData`` and the ``TSTInfo`` of a granted reply."""
    reply = tsp.TimeStampResp.load(der, strict=True)
    assert reply["status"]["status"].native == "granted"
    signed_data = reply["time_stamp_token"]["content"]
    return signed_data, signed_data["encap_content_info"]["content"].parsed


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("certificates", [True, False])
async def test_openssl_verifies_the_token_and_rejects_what_was_changed(
    folder: StateFolder, tsa: TestServer, tmp_path: Path, judge: Judge, algorithm: str, certificates: bool
) -> None:
    data, query, reply = tmp_path / "data", tmp_path / "query.tsq", tmp_path / "reply.tsr"
    data.write_bytes(b"what existed")
    asked = ["-cert"] if certificates else []
    code, said = await judge("openssl", "ts", "-query", "-data", data, f"-{algorithm}", *asked, "-out", query)
    assert code == 0, said
    reply.write_bytes(await _ask(tsa, query.read_bytes()))
    trust = ["-CAfile", folder.anchor("rsa-root")]
    known = [] if certificates else ["-untrusted", folder.tsa().certificate]
    for against in (["-queryfile", query], ["-data", data]):
        code, said = await judge("openssl", "ts", "-verify", *against, "-in", reply, *trust, *known)
        assert code == 0, said
        assert "Verification: OK" in said

    signed_data, _ = _token(reply.read_bytes())
    if certificates:
        assert {item.chosen.subject.native["common_name"] for item in signed_data["certificates"]} == {
            "Sandbox Time-Stamping Authority",
            "Sandbox RSA Issuing CA",
        }
    else:
        assert not signed_data["certificates"]
        code, said = await judge("openssl", "ts", "-verify", "-data", data, "-in", reply, *trust)
        assert code != 0

    token = tmp_path / "token.der"
    token.write_bytes(tsp.TimeStampResp.load(reply.read_bytes())["time_stamp_token"].dump())
    code, said = await judge("openssl", "ts", "-verify", "-data", data, "-token_in", "-in", token, *trust, *known)
    assert code == 0, said

    data.write_bytes(b"what did not exist")
    code, said = await judge("openssl", "ts", "-verify", "-data", data, "-in", reply, *trust, *known)
    assert code != 0
    tampered = bytearray(reply.read_bytes())
    tampered[-10] ^= 1
    reply.write_bytes(tampered)
    code, said = await judge("openssl", "ts", "-verify", "-queryfile", query, "-in", reply, *trust, *known)
    assert code != 0
    assert "Verification: FAILED" in said


async def test_what_stands_in_a_token(folder: StateFolder, tsa: TestServer, clock: SetClock) -> None:
    clock.moment = datetime(2027, 1, 2, 3, 4, 5, 678_900, UTC)
    nonce = 2**63 + 5
    signed_data, info = _token(await _ask(tsa, _query(nonce=nonce, req_policy=TSA_POLICY_OID)))
    assert info["policy"].native == TSA_POLICY_OID
    assert info["nonce"].native == nonce
    assert info["gen_time"].native == datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert b"20270102030405Z" in info.dump()
    assert info["accuracy"].native == {"seconds": 1, "millis": None, "micros": None}
    assert info["ordering"].native is False
    assert info["message_imprint"]["hashed_message"].native == hashlib.sha256(b"a document").digest()
    assert signed_data["version"].native == "v3"
    attributes = {item["type"].native: item["values"] for item in signed_data["signer_infos"][0]["signed_attrs"]}
    assert attributes.keys() == {"content_type", "message_digest", "signing_certificate_v2"}
    certificate = load_chain(folder.tsa().certificate)[0]
    ess = attributes["signing_certificate_v2"][0]["certs"][0]
    assert ess["hash_algorithm"].native["algorithm"] == "sha256"
    assert ess["cert_hash"].native == certificate.fingerprint(SHA256())
    assert ess["issuer_serial"]["serial_number"].native == certificate.serial_number


async def test_a_token_has_no_nonce_unless_asked(tsa: TestServer) -> None:
    _, info = _token(await _ask(tsa, _query()))
    assert info["nonce"].native is None


def _with_parameters() -> bytes:
    """The hash algorithm with an empty octet string where NULL stands."""
    null = core.ObjectIdentifier("2.16.840.1.101.3.4.2.1").dump() + b"\x05\x00"
    return _query().replace(null, null[:-2] + b"\x04\x00")


EXTENSION = {"extn_id": "2.999.1", "extn_value": b"\x05\x00"}
REFUSED = {
    "another hash": (_query(algorithm="sha1"), "bad_alg"),
    "a hash with parameters": (_with_parameters(), "bad_data_format"),
    "a digest too short": (_query(hashed_message=b"x" * 31), "bad_data_format"),
    "a digest of another hash": (_query(hashed_message=b"x" * 48), "bad_data_format"),
    "another version": (_query(version="v2"), "bad_request"),
    "another policy": (_query(req_policy="1.2.3.4"), "unaccepted_policy"),
    "an extension": (_query(extensions=[EXTENSION]), "unaccepted_extensions"),
    "nothing": (b"", "bad_data_format"),
    "text": (b"please", "bad_data_format"),
    "a cut query": (_query()[:-1], "bad_data_format"),
    "a query with something behind it": (_query() + b"\0", "bad_data_format"),
}
OPENSSL_NAMES = {
    "bad_alg": "unrecognized or unsupported algorithm identifier",
    "bad_data_format": "the data submitted has the wrong format",
    "bad_request": "transaction not permitted or supported",
    "unaccepted_policy": "the requested TSA policy is not supported by the TSA",
    "unaccepted_extensions": "the requested extension is not supported by the TSA",
}


@pytest.mark.parametrize("case", REFUSED)
async def test_refusals_name_what_is_wrong(tsa: TestServer, tmp_path: Path, judge: Judge, case: str) -> None:
    query, failure = REFUSED[case]
    reply = tmp_path / "reply.tsr"
    reply.write_bytes(await _ask(tsa, query))
    _, said = await judge("openssl", "ts", "-reply", "-in", reply, "-text")
    assert "Status: Rejected." in said
    assert f"Failure info: {OPENSSL_NAMES[failure]}" in said
    async with aiohttp.ClientSession() as session, session.get(tsa.make_url("/counts")) as answer:
        assert await answer.json() == {"granted": 0, "refused": {failure: 1}}


async def test_what_http_refuses(tsa: TestServer) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.post(tsa.make_url("/tsa"), data=_query()) as answer:
            assert answer.status == 415
        async with session.get(tsa.make_url("/tsa")) as answer:
            assert answer.status == 405
        headers = {"Content-Type": "application/timestamp-query"}
        async with session.post(tsa.make_url("/tsa"), data=b"x" * 70_000, headers=headers) as answer:
            assert answer.status == 413


async def test_serial_numbers_are_never_repeated(folder: StateFolder, tsa: TestServer, clock: SetClock) -> None:
    replies = await asyncio.gather(*(_ask(tsa, _query(nonce=number)) for number in range(60)))
    numbers = [_token(reply)[1]["serial_number"].native for reply in replies]
    assert len(set(numbers)) == 60
    # Another process on the same folder, as after a crash: the first one wrote nothing at its end.
    for _ in range(3):
        again = _token(TokenIssuer.open(folder, clock).reply(_query()).der)[1]["serial_number"].native
        assert again > max(numbers)
        numbers.append(again)
    async with aiohttp.ClientSession() as session, session.get(tsa.make_url("/counts")) as answer:
        assert await answer.json() == {"granted": 60, "refused": {}}


async def test_blocks_of_serial_numbers_follow_each_other(folder: StateFolder) -> None:
    numbers = SerialNumbers(folder.tsa_serial_numbers)
    first = numbers.take()
    assert [numbers.take() for _ in range(BLOCK)] == list(range(first + 1, first + BLOCK + 1))
    assert SerialNumbers(folder.tsa_serial_numbers).take() == first + 2 * BLOCK
