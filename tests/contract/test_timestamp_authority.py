"""The contract of ``proxy.ports.TimestampAuthority``, held against every authority there is to try it on.

``openssl ts -verify`` judges each token beside the proxy's own checks, and must also refuse it for other data.
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from asn1crypto import tsp

from proxy.errors import TSAError, TSAUnavailable
from proxy.model import Digest, HashAlgorithm
from proxy.ports import Clock, SystemClock, TimestampAuthority
from proxy.settings import CSCSettings, TSASettings
from proxy.signers.csc_connection import CSCConnection
from proxy.signers.csc_timestamps import CSCTimestamps
from proxy.tsa.client import RFC3161Authority
from proxy.tsa.csc import CSCChannel
from proxy.tsa.query import TimeStampReq
from tests.support.csc_server import csc_server, gives
from tests.support.openssl_tsa import OpenSSLTSA
from tests.support.pki import FixedClock, Hierarchy, new_call
from tests.support.stepped import SteppedTime
from tests.support.tls_files import make_tls_files
from tests.support.tsa import POLICY, Stamp, rejection, tsa_server

DATA = b"the signature value"
Make = Callable[[Path], tuple[Hierarchy, Callable[[bytes], bytes], Clock]]


@dataclass
class Subject:
    """An authority under test, its PKI in files, its time, and how its server is made to fail."""

    authority: TimestampAuthority
    pki: Hierarchy
    folder: Path
    clock: Clock
    fail: Callable[[], None]

    def judge(self, token: bytes, data: bytes) -> bool:
        """What openssl says of a token over ``data``."""
        for name, content in (
            ("token", token),
            ("data", data),
            ("root.pem", self.pki.root.pem),
            ("ca.pem", self.pki.issuing.pem),
        ):
            (self.folder / name).write_bytes(content)
        moment = str(int(self.clock.now().timestamp()))
        command = ["openssl", "ts", "-verify", "-data", "data", "-in", "token", "-token_in", "-CAfile", "root.pem"]
        command += ["-untrusted", "ca.pem", "-attime", moment]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, check=False)
        assert (done.returncode == 0) == ("Verification: OK" in done.stdout + done.stderr)
        return done.returncode == 0


def _stamping(folder: Path) -> tuple[Hierarchy, Callable[[bytes], bytes], Clock]:
    del folder
    pki = Hierarchy.make("Time")
    stamp = Stamp(pki.tsa(), pki.chain)

    def reply(query: bytes) -> bytes:
        algorithm = tsp.TimeStampReq.load(query)["message_imprint"]["hash_algorithm"]["algorithm"].native
        return rejection(failure="bad_alg") if algorithm == "sha512" else stamp.reply(query)

    return pki, reply, FixedClock()


def _openssl(folder: Path) -> tuple[Hierarchy, Callable[[bytes], bytes], Clock]:
    tsa = OpenSSLTSA(folder)
    return tsa.pki, tsa.reply, SystemClock()


def _openssl_sha1_reference(folder: Path) -> tuple[Hierarchy, Callable[[bytes], bytes], Clock]:
    tsa = OpenSSLTSA(folder, ess="sha1")
    return tsa.pki, tsa.reply, SystemClock()


def _anchor(folder: Path, pki: Hierarchy) -> Path:
    path = folder / "anchor.pem"
    path.write_bytes(pki.root.pem)
    return path


@asynccontextmanager
async def _by_http(folder: Path, make: Make) -> AsyncIterator[Subject]:
    pki, reply, clock = make(folder)
    anchor = _anchor(folder, pki)
    async with tsa_server(reply) as server:
        authority = RFC3161Authority(TSASettings(url=server.url, trust_anchors=(anchor,)), clock, 2)
        yield Subject(authority, pki, folder, clock, partial(setattr, server, "status", 503))
        await authority.close()


@asynccontextmanager
async def _by_csc(folder: Path, make: Make) -> AsyncIterator[Subject]:
    pki, reply, clock = make(folder)
    anchor = _anchor(folder, pki)

    async def time_stamping(query: bytes) -> bytes:
        return await asyncio.to_thread(reply, query)

    async with csc_server(folder, make_tls_files(folder), pki, [], time_stamping=time_stamping) as server:
        links = SteppedTime().links()
        connection = CSCConnection(CSCSettings.model_validate(server.settings()), 2, server.clock, links)
        settings = TSASettings(kind="csc", trust_anchors=(anchor,))
        authority = RFC3161Authority(settings, clock, 2, links, CSCChannel(CSCTimestamps(connection), links))
        fail = partial(server.instead.__setitem__, "signatures/timestamp", gives({}, 503))
        yield Subject(authority, pki, folder, clock, fail)
        await connection.close()


SUBJECTS = {
    "own": partial(_by_http, make=_stamping),
    "openssl": partial(_by_http, make=_openssl),
    "openssl-ess-v1": partial(_by_http, make=_openssl_sha1_reference),
    "csc-own": partial(_by_csc, make=_stamping),
    "csc-openssl": partial(_by_csc, make=_openssl),
}


@pytest.fixture(params=SUBJECTS)
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    async with SUBJECTS[request.param](tmp_path) as made:
        yield made


@pytest.mark.parametrize("algorithm", [HashAlgorithm.SHA256, HashAlgorithm.SHA384])
async def test_a_token_is_over_the_imprint_and_openssl_agrees(subject: Subject, algorithm: HashAlgorithm) -> None:
    token = await subject.authority.timestamp(new_call(), Digest.of(DATA, algorithm))
    assert token.policy_oid == POLICY
    assert abs((token.gen_time - subject.clock.now()).total_seconds()) < 60
    assert subject.judge(token.token, DATA)
    assert not subject.judge(token.token, DATA + b".")


async def test_relayed_replies_are_as_the_authority_made_them(subject: Subject) -> None:
    for cert_req in (True, False):
        query = TimeStampReq(Digest.of(DATA, HashAlgorithm.SHA256), 99, POLICY, cert_req)
        reply = await subject.authority.relay(new_call(), query)
        token = tsp.TimeStampResp.load(reply)["time_stamp_token"]
        assert (token["content"]["certificates"].native is not None) is cert_req
        if cert_req:
            assert subject.judge(token.dump(), DATA)


@pytest.mark.parametrize("subject", ["csc-own", "csc-openssl"], indirect=True)
async def test_where_a_rejection_cannot_be_told_it_is_raised(subject: Subject) -> None:
    with pytest.raises(TSAError):
        await subject.authority.relay(new_call(), TimeStampReq(Digest.of(DATA, HashAlgorithm.SHA512), 1, None, True))


@pytest.mark.parametrize("subject", ["own", "openssl", "openssl-ess-v1"], indirect=True)
async def test_a_rejection_is_raised_for_an_own_request_and_returned_to_a_caller(subject: Subject) -> None:
    refused = Digest.of(DATA, HashAlgorithm.SHA512)
    with pytest.raises(TSAError, match="hash algorithm"):
        await subject.authority.timestamp(new_call(), refused)
    reply = await subject.authority.relay(new_call(), TimeStampReq(refused, 1, None, True))
    assert "unsupported algorithm identifier" in _text(subject.folder, reply)


def _text(folder: Path, reply: bytes) -> str:
    (folder / "rejected").write_bytes(reply)
    command = ["openssl", "ts", "-reply", "-in", "rejected", "-text"]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=True).stdout


async def test_a_server_that_fails_is_unavailable(subject: Subject) -> None:
    subject.fail()
    with pytest.raises(TSAUnavailable):
        await subject.authority.timestamp(new_call(), Digest.of(DATA, HashAlgorithm.SHA256))
