"""OCSP, CRLs and issuers' certificates over real sockets, judged by openssl."""

import base64
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from asn1crypto import core
from asn1crypto import ocsp as asn1_ocsp
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from yarl import URL

from proxy.sandbox.authority import CertificationAuthority, load_chain
from proxy.sandbox.folder import StateFolder
from tests.unit.sandbox.conftest import SetClock

Judge = Callable[..., Awaitable[tuple[int, str]]]

USUAL = SHA1()  # noqa: S303 - what OCSP clients name certificates by (RFC 5019, 2.1.1)
EXPECTED = {
    "legal-person-rsa": "good",
    "eseal-p256": "good",
    "test-expired": "good",
    "test-revoked": "revoked",
    "test-revoked-issuer": "good",
}


def _chain(folder: StateFolder, name: str) -> tuple[x509.Certificate, ...]:
    return load_chain(folder.signing(name).certificate)


def _request(folder: StateFolder, name: str, nonce: bytes | None = None, algorithm: HashAlgorithm | None = None) -> bytes:
    leaf, issuer, *_ = _chain(folder, name)
    builder = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, algorithm or USUAL)
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


async def _post(server: TestServer, der: bytes) -> bytes:
    headers = {"Content-Type": "application/ocsp-request"}
    async with aiohttp.ClientSession() as session, session.post(server.make_url("/ocsp"), data=der, headers=headers) as answer:
        assert answer.status == 200
        assert answer.content_type == "application/ocsp-response"
        return await answer.read()


async def _get(server: TestServer, path: str) -> tuple[int, str, bytes]:
    async with aiohttp.ClientSession() as session:
        url = URL(str(server.make_url("/")).rstrip("/") + path, encoded=True)
        async with session.get(url) as answer:
            return answer.status, answer.content_type, await answer.read()


@pytest.mark.parametrize(("name", "status"), EXPECTED.items())
async def test_openssl_accepts_the_answer(
    folder: StateFolder, responder: TestServer, tmp_path: Path, judge: Judge, name: str, status: str
) -> None:
    leaf, issuer, *rest = _chain(folder, name)
    issuer_file, others = tmp_path / "issuer.pem", tmp_path / "others.pem"
    issuer_file.write_bytes(issuer.public_bytes(Encoding.PEM))
    others.write_bytes(b"".join(item.public_bytes(Encoding.PEM) for item in [issuer, *rest]))
    code, said = await judge(
        *("openssl", "ocsp", "-issuer", issuer_file, "-cert", folder.signing(name).certificate),
        *("-url", str(responder.make_url("/ocsp")), "-CAfile", others, "-nonce", "-respout", tmp_path / "response.der"),
    )
    assert code == 0, said
    assert "Response verify OK" in said
    assert "WARNING" not in said
    assert f"{name}.pem: {status}" in said

    response = bytearray((tmp_path / "response.der").read_bytes())
    at = response.index(leaf.serial_number.to_bytes((leaf.serial_number.bit_length() + 8) // 8))
    response[at + 1] ^= 1
    (tmp_path / "tampered.der").write_bytes(response)
    _, said = await judge(
        *("openssl", "ocsp", "-issuer", issuer_file, "-cert", folder.signing(name).certificate, "-CAfile", others),
        *("-no_nonce", "-respin", tmp_path / "tampered.der"),
    )
    assert "Response Verify Failure" in said


async def test_get_and_post_say_the_same(folder: StateFolder, responder: TestServer) -> None:
    randomness = random.Random(1)
    seen = set()
    for _ in range(20):  # nonces until the base64 has had both characters that a path may not have as they are
        der = _request(folder, "legal-person-p256", randomness.randbytes(16))
        text = base64.b64encode(der).decode()
        seen |= {"/", "+"} & set(text)
        for path in (quote(text, safe=""), quote(text, safe="/")):
            status, content_type, body = await _get(responder, f"/ocsp/{path}")
            assert (status, content_type) == (200, "application/ocsp-response")
            by_get = ocsp.load_der_ocsp_response(body)
            by_post = ocsp.load_der_ocsp_response(await _post(responder, der))
            assert by_get.tbs_response_bytes == by_post.tbs_response_bytes
            assert by_get.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert seen == {"/", "+"}


@pytest.mark.parametrize("algorithm", [USUAL, SHA256(), SHA384()], ids=lambda algorithm: algorithm.name)
async def test_the_certificate_may_be_named_by_any_hash(
    folder: StateFolder, responder: TestServer, algorithm: HashAlgorithm
) -> None:
    answer = ocsp.load_der_ocsp_response(await _post(responder, _request(folder, "test-revoked", None, algorithm)))
    assert answer.certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert answer.revocation_reason is x509.ReasonFlags.key_compromise
    assert answer.hash_algorithm.name == algorithm.name


async def test_times_are_whole_seconds_of_the_injected_clock(
    folder: StateFolder, responder: TestServer, clock: SetClock
) -> None:
    clock.moment = datetime(2027, 1, 2, 3, 4, 5, 678_900, UTC)
    der = await _post(responder, _request(folder, "eseal-rsa"))
    answer = ocsp.load_der_ocsp_response(der)
    moment = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (answer.produced_at_utc, answer.this_update_utc) == (moment, moment)
    assert answer.next_update_utc == moment + timedelta(hours=1)
    assert b"20270102030405Z" in der


async def test_the_nonce_comes_back_and_only_if_sent(folder: StateFolder, responder: TestServer) -> None:
    with_nonce = ocsp.load_der_ocsp_response(await _post(responder, _request(folder, "eseal-rsa", b"n" * 32)))
    assert with_nonce.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 32
    without = ocsp.load_der_ocsp_response(await _post(responder, _request(folder, "eseal-rsa")))
    assert not list(without.extensions)


async def test_the_responder_is_delegated_and_not_checked_itself(folder: StateFolder, responder: TestServer) -> None:
    answer = ocsp.load_der_ocsp_response(await _post(responder, _request(folder, "eseal-rsa")))
    delegate = answer.certificates[0]
    assert delegate.issuer == _chain(folder, "eseal-rsa")[1].subject
    assert any(isinstance(extension.value, x509.OCSPNoCheck) for extension in delegate.extensions)


async def test_several_certificates_in_one_request(folder: StateFolder, responder: TestServer) -> None:
    request = asn1_ocsp.OCSPRequest.load(_request(folder, "eseal-p256"))
    other = asn1_ocsp.OCSPRequest.load(_request(folder, "test-revoked"))
    request["tbs_request"]["request_list"].append(other["tbs_request"]["request_list"][0])
    answer = asn1_ocsp.OCSPResponse.load(await _post(responder, request.dump(force=True)))
    statuses = [single["cert_status"].name for single in answer.basic_ocsp_response["tbs_response_data"]["responses"]]
    assert statuses == ["good", "revoked"]


async def test_what_is_not_answered(folder: StateFolder, responder: TestServer) -> None:
    def status(der: bytes) -> ocsp.OCSPResponseStatus:
        return ocsp.load_der_ocsp_response(der).response_status

    malformed = ocsp.OCSPResponseStatus.MALFORMED_REQUEST
    good = _request(folder, "eseal-rsa")
    for der in (b"", b"no request", good[:-1], good + b"\0", _request(folder, "eseal-rsa", b"n" * 129)):
        assert status(await _post(responder, der)) is malformed
    assert status((await _get(responder, "/ocsp/%%%"))[2]) is malformed

    request = asn1_ocsp.OCSPRequest.load(good)
    request["tbs_request"]["request_list"][0]["req_cert"]["issuer_key_hash"] = b"\0" * 20
    assert status(await _post(responder, request.dump(force=True))) is ocsp.OCSPResponseStatus.UNAUTHORIZED
    nonce = core.OctetString(b"n" * 9).dump()
    no_nonce = _request(folder, "eseal-rsa", b"n" * 9).replace(nonce, b"\x02" + nonce[1:])
    assert status(await _post(responder, no_nonce)) is malformed

    async with aiohttp.ClientSession() as session, session.post(responder.make_url("/ocsp"), data=b"x") as answer:
        assert answer.status == 415


async def test_issuing_and_revoking_show_at_once(folder: StateFolder, responder: TestServer, clock: SetClock) -> None:
    leaf, _, *_ = _chain(folder, "eseal-p256")
    request = _request(folder, "eseal-p256")
    answer = ocsp.load_der_ocsp_response(await _post(responder, request))
    assert answer.certificate_status is ocsp.OCSPCertStatus.GOOD

    elsewhere = CertificationAuthority.open(folder, "p256-issuing")
    _, _, before = await _get(responder, "/crl/p256-issuing.crl")
    elsewhere.revoke(leaf.serial_number, clock.now().replace(microsecond=0), x509.ReasonFlags.superseded)
    answer = ocsp.load_der_ocsp_response(await _post(responder, request))
    assert answer.certificate_status is ocsp.OCSPCertStatus.REVOKED
    clock.moment += timedelta(seconds=59)
    assert (await _get(responder, "/crl/p256-issuing.crl"))[2] == before
    clock.moment += timedelta(seconds=1)
    after = x509.load_der_x509_crl((await _get(responder, "/crl/p256-issuing.crl"))[2])
    assert after.get_revoked_certificate_by_serial_number(leaf.serial_number) is not None
    numbers = [crl.extensions.get_extension_for_class(x509.CRLNumber).value for crl in (x509.load_der_x509_crl(before), after)]
    assert numbers[0].crl_number < numbers[1].crl_number

    (elsewhere.directory / "issued" / f"{_chain(folder, 'test-p384')[0].serial_number:x}.pem").unlink()
    answer = ocsp.load_der_ocsp_response(await _post(responder, _request(folder, "test-p384")))
    assert answer.certificate_status is ocsp.OCSPCertStatus.UNKNOWN


async def test_openssl_checks_whole_chains_by_the_crls(
    folder: StateFolder, responder: TestServer, tmp_path: Path, judge: Judge
) -> None:
    crls, anchors = tmp_path / "crls.pem", tmp_path / "anchors.pem"
    texts = []
    for name in ("rsa-root", "rsa-issuing", "p256-root", "p256-issuing", "revoked-issuing"):
        status, content_type, der = await _get(responder, f"/crl/{name}.crl")
        assert (status, content_type) == (200, "application/pkix-crl")
        texts.append(x509.load_der_x509_crl(der).public_bytes(Encoding.PEM))
    crls.write_bytes(b"".join(texts))
    anchors.write_bytes(folder.anchor("rsa-root").read_bytes() + folder.anchor("p256-root").read_bytes())
    for name, good in (
        ("natural-person-rsa", True),
        ("eseal-p256", True),
        ("test-revoked", False),
        ("test-revoked-issuer", False),
    ):
        file = folder.signing(name).certificate
        arguments = ("-crl_check_all", "-CRLfile", crls, "-CAfile", anchors, "-untrusted", file, file)
        code, said = await judge("openssl", "verify", *arguments)
        assert (code == 0) == good, said
        assert good or "certificate revoked" in said


async def test_issuers_are_fetched_where_certificates_say(folder: StateFolder, responder: TestServer) -> None:
    leaf, issuer, *_ = _chain(folder, "eseal-rsa")
    access = leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    urls = [entry.access_location.value for entry in access]
    assert [URL(url).path for url in urls] == ["/ocsp", "/ca/rsa-issuing.cer"]
    status, content_type, der = await _get(responder, "/ca/rsa-issuing.cer")
    assert (status, content_type) == (200, "application/pkix-cert")
    assert x509.load_der_x509_certificate(der) == issuer
    assert (await _get(responder, "/ca/nobody.cer"))[0] == 404


async def test_it_counts_what_it_served(folder: StateFolder, responder: TestServer) -> None:
    await _post(responder, _request(folder, "eseal-rsa"))
    await _post(responder, _request(folder, "test-revoked"))
    await _post(responder, b"nothing")
    await _get(responder, "/crl/rsa-root.crl")
    await _get(responder, "/ca/rsa-root.cer")
    async with aiohttp.ClientSession() as session, session.get(responder.make_url("/counts")) as answer:
        assert await answer.json() == {
            "ocsp": 3,
            "crl": 1,
            "ca": 1,
            "ocspStatuses": {"good": 1, "revoked": 1, "malformed_request": 1},
        }
