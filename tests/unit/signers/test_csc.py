"""proxy.signers.csc against the sandbox's provider: what is asked, what stays unsaid, and what each failure becomes."""

import asyncio
import hashlib
import json
import math
import traceback
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from aiohttp import web
from pydantic import ValidationError
from structlog.testing import capture_logs

from proxy.call import Call
from proxy.errors import (
    AlgorithmNotAllowed,
    CertificateNotFound,
    DeadlineExceeded,
    Maintenance,
    ProxyError,
    SettingsError,
    SignatureInvalid,
    SignerError,
    SignerUnavailable,
)
from proxy.model import Digest, HashAlgorithm, SignAlgorithm
from proxy.outbound import Links
from proxy.sandbox.csc_deviations import Deviation, Fault
from proxy.settings import CSCSettings
from proxy.signers.csc import CSCSigner
from proxy.signers.csc_failures import AuthDataRefused
from proxy.signers.verification import verify_value
from proxy.signers.verified import VerifiedSigner
from tests.support.csc_server import CLIENT_SECRET, PIN, CSCServer, csc_server, gives, held, says
from tests.support.faulty_server import drips, faulty_server, unused_url
from tests.support.keys import ec_key, rsa_key, sign_digest
from tests.support.pki import Hierarchy, Holder, new_call
from tests.support.stepped import SteppedTime
from tests.support.tls_files import TLSFiles, make_tls_files

ECDSA, PKCS1, PSS = SignAlgorithm.ECDSA, SignAlgorithm.RSASSA_PKCS1_V1_5, SignAlgorithm.RSASSA_PSS
SHA256 = HashAlgorithm.SHA256
DIGEST = Digest.of(b"signed attributes", SHA256)
SIGN = "signatures/signHash"

Signers = Callable[..., CSCSigner]


@pytest.fixture(scope="module")
def pki() -> Hierarchy:
    return Hierarchy.make()


@pytest.fixture(scope="module")
def holders(pki: Hierarchy) -> dict[str, Holder]:
    return {"seal": pki.signer(key=ec_key()), "rsa": pki.signer(key=rsa_key()), "more": pki.signer(key=ec_key("secp384r1"))}


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TLSFiles:
    return make_tls_files(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def server(tmp_path: Path, tls: TLSFiles, pki: Hierarchy, holders: dict[str, Holder]) -> AsyncIterator[CSCServer]:
    async with csc_server(tmp_path, tls, pki, held(holders, pki)) as running:
        yield running


@pytest.fixture
async def signer(server: CSCServer) -> AsyncIterator[Signers]:
    """Makes clients of the provider, with settings for its deviations, and closes them."""
    made: list[CSCSigner] = []

    def make(in_flight: int = 4, **changes: Any) -> CSCSigner:
        values = server.settings(*server.provider.deviations, **changes)
        made.append(CSCSigner(CSCSettings.model_validate(values), in_flight, server.clock, SteppedTime().links()))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def sign(one: CSCSigner, name: str = "seal", seconds: float = 30.0, digests: int = 1) -> tuple[bytes, ...]:
    credential = await one.get_credential(new_call(), name)
    return await one.sign_digests(new_call(seconds), credential, credential.sign_algorithms[0], some(digests))


def some(count: int) -> list[Digest]:
    return [Digest.of(bytes([number]), SHA256) for number in range(count)]


class TestWhatIsAsked:
    async def test_what_leaves_for_a_signature_is_a_credential_algorithms_and_a_digest(
        self, server: CSCServer, signer: Signers, holders: dict[str, Holder]
    ) -> None:
        one, call = signer(), new_call()
        credential = await one.get_credential(new_call(), "rsa")
        await one.sign_digests(call, credential, PSS, [DIGEST])
        hashed = b64encode(DIGEST.value).decode()
        (authorized,), (signed,) = server.parameters("credentials/authorize"), server.parameters(SIGN)
        assert authorized == {
            "credentialID": "rsa",
            "numSignatures": 1,
            "hashes": [hashed],
            "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1",
            "authData": [{"id": "PIN", "value": PIN}],
        }
        assert signed.pop("SAD")
        assert signed.pop("signAlgoParams").startswith("MD")
        assert signed == {
            "credentialID": "rsa",
            "hashes": [hashed],
            "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1",
            "signAlgo": "1.2.840.113549.1.1.10",
        }
        assert [exchange.destination for exchange in call.ledger.exchanges] == ["csc", "csc"]

    async def test_an_algorithm_that_is_not_declared_leaves_nothing(self, server: CSCServer, signer: Signers) -> None:
        one = signer()
        credential = await one.get_credential(new_call(), "seal")
        server.asked.clear()
        with pytest.raises(AlgorithmNotAllowed):
            await one.sign_digests(new_call(), credential, PSS, [DIGEST])
        assert server.asked == []

    async def test_an_authorization_is_for_multisign_digests_at_most_and_for_no_other(
        self, server: CSCServer, signer: Signers, holders: dict[str, Holder], pki: Hierarchy
    ) -> None:
        server.provider.credentials = held(holders, pki, multisign=3)
        one = signer()
        credential = await one.get_credential(new_call(), "seal")
        values = await one.sign_digests(new_call(), credential, ECDSA, some(7))
        for digest, value in zip(some(7), values, strict=True):
            verify_value(credential.certificate, ECDSA, digest, value)
        authorized = sorted(entry["hashes"] for entry in server.parameters("credentials/authorize"))
        assert sorted(len(hashes) for hashes in authorized) == [1, 3, 3]
        assert authorized == sorted(entry["hashes"] for entry in server.parameters(SIGN))
        assert server.provider.signed == 7

    async def test_the_digests_of_several_calls_have_one_authorization_for_exactly_these(
        self, server: CSCServer, signer: Signers, holders: dict[str, Holder], pki: Hierarchy
    ) -> None:
        server.provider.credentials = held(holders, pki, multisign=3, scal="2")
        one = signer()
        credential = await one.get_credential(new_call(), "seal")
        together, calls = VerifiedSigner(one, 60, Links()), [new_call() for _ in range(8)]
        values = await asyncio.gather(
            *(together.sign_digests(call, credential, ECDSA, [digest]) for call, digest in zip(calls, some(8), strict=True))
        )
        for digest, (value,) in zip(some(8), values, strict=True):
            verify_value(credential.certificate, ECDSA, digest, value)
        authorizations = server.parameters("credentials/authorize")
        authorized = [entry["hashes"] for entry in authorizations]
        # The first alone, as nobody was there; then as many as the provider takes, and the rest.
        assert sorted(len(hashes) for hashes in authorized) == [1, 1, 3, 3]
        assert sorted(authorized) == sorted(entry["hashes"] for entry in server.parameters(SIGN))
        assert [entry["numSignatures"] for entry in authorizations] == [len(hashes) for hashes in authorized]
        assert server.provider.signed == 8

    @pytest.mark.parametrize("scal", ["1", "2"])
    async def test_no_authorization_is_used_twice(
        self, server: CSCServer, signer: Signers, holders: dict[str, Holder], pki: Hierarchy, scal: str
    ) -> None:
        server.provider.credentials = held(holders, pki, scal=scal)
        one = signer()
        for _ in range(2):
            await sign(one)
        assert len({entry["SAD"] for entry in server.parameters(SIGN)}) == server.provider.counts()["authorizations"] == 2


class TestDeviations:
    @pytest.mark.parametrize("deviation", Deviation, ids=str)
    @pytest.mark.parametrize("name", ["seal", "rsa"])
    async def test_several_digests_are_signed_in_order_and_no_more(
        self, server: CSCServer, signer: Signers, deviation: Deviation, name: str
    ) -> None:
        server.provider.deviations = {deviation}
        one = signer()
        credentials = {credential.certificate_id: credential for credential in await one.list_credentials(new_call())}
        assert credentials.keys() == {"seal", "rsa", "more"}
        credential = credentials[name]
        assert len(credential.chain) == 2
        values = await VerifiedSigner(one, 0, Links()).sign_digests(
            new_call(), credential, credential.sign_algorithms[-1], some(5)
        )
        for digest, value in zip(some(5), values, strict=True):
            verify_value(credential.certificate, credential.sign_algorithms[-1], digest, value)
        assert not (await one.maintenance(new_call())).in_maintenance
        assert server.provider.signed == 5

    @pytest.mark.parametrize(
        "deviation", [Deviation.BASE64URL_HASHES, Deviation.CREDENTIAL_SCOPE, Deviation.SAD_IN_HEADER], ids=str
    )
    async def test_what_has_to_be_set_fails_unset_and_signs_nothing(
        self, server: CSCServer, signer: Signers, deviation: Deviation
    ) -> None:
        one = signer()
        server.provider.deviations = {deviation}
        credential = await one.get_credential(new_call(), "seal")
        high = Digest(SHA256, b"\xff" * 32)
        with pytest.raises(SignerError):
            await one.sign_digests(new_call(), credential, ECDSA, [high])
        assert server.provider.signed == 0

    @pytest.mark.parametrize("deviation", [Deviation.LIST_WITHOUT_CHAIN, Deviation.LIST_WITHOUT_INFO], ids=str)
    async def test_what_a_list_says_too_little_of_is_asked_for(
        self, server: CSCServer, signer: Signers, pki: Hierarchy, deviation: Deviation
    ) -> None:
        server.provider.deviations = {deviation}
        listed = await signer(issuers=[]).list_credentials(new_call())
        assert {credential.chain for credential in listed} == {pki.chain}
        assert server.methods().count("credentials/info") == 3

    async def test_an_answer_may_be_in_base64url_without_its_padding(self, server: CSCServer, signer: Signers) -> None:
        values = (sign_digest(ec_key(), ECDSA, DIGEST) for _ in count())
        value = next(value for value in values if b"-" in urlsafe_b64encode(value) and len(value) % 3)
        server.instead[SIGN] = gives({"signatures": [urlsafe_b64encode(value).decode().rstrip("=")]})
        one = signer()
        credential = await one.get_credential(new_call(), "seal")
        assert await one.sign_digests(new_call(), credential, ECDSA, [DIGEST]) == (value,)

    async def test_a_chain_that_nothing_completes_stays_short(self, server: CSCServer, signer: Signers) -> None:
        server.provider.deviations = {Deviation.NO_CHAIN}
        assert (await signer(issuers=[]).get_credential(new_call(), "seal")).chain == ()


class TestAccessTokens:
    async def test_one_serves_all_until_shortly_before_its_end(self, server: CSCServer, signer: Signers) -> None:
        one = signer(in_flight=8)
        await asyncio.gather(*(sign(one) for _ in range(8)))
        assert server.methods().count("oauth2/token") == 1
        server.clock.advance(timedelta(seconds=3600 - 61))
        await one.list_credentials(new_call())
        assert server.methods().count("oauth2/token") == 1
        server.clock.advance(timedelta(seconds=2))
        await sign(one)
        assert server.methods().count("oauth2/token") == 2

    @pytest.mark.parametrize("deviations", [set(), {Deviation.UNAUTHORIZED_IS_400}, {Deviation.NESTED_ERRORS}], ids=str)
    async def test_one_that_is_refused_is_replaced_once_for_all(
        self, server: CSCServer, signer: Signers, deviations: set[Deviation]
    ) -> None:
        server.provider.deviations = deviations
        one = signer(in_flight=8)
        credential = await one.get_credential(new_call(), "seal")
        server.provider.grants.end_tokens()
        calls = [one.sign_digests(new_call(), credential, ECDSA, [DIGEST]) for _ in range(8)]
        await asyncio.gather(*calls)
        assert server.methods().count("oauth2/token") == 2
        assert server.provider.signed == 8

    async def test_one_that_stays_refused_is_not_replaced_for_ever(self, server: CSCServer, signer: Signers) -> None:
        one = signer()
        credential = await one.get_credential(new_call(), "seal")
        server.instead["credentials/authorize"] = gives({"error": "invalid_token"}, 401)
        with pytest.raises(SignerError):
            await one.sign_digests(new_call(), credential, ECDSA, [DIGEST])
        assert server.methods().count("credentials/authorize") == server.methods().count("oauth2/token") == 2

    @pytest.mark.parametrize(
        ("settings", "asked"),
        [
            ({}, "grant_type=client_credentials&client_id=client%2F1&scope=service"),
            ({"scope": ""}, "grant_type=client_credentials&client_id=client%2F1"),
            (
                {"client_authentication": "client_secret_post"},
                f"grant_type=client_credentials&client_id=client%2F1&scope=service&client_secret={quote_plus(CLIENT_SECRET)}",
            ),
        ],
    )
    async def test_how_it_is_asked_for(self, server: CSCServer, signer: Signers, settings: dict[str, Any], asked: str) -> None:
        call = new_call()
        await signer(**settings).list_credentials(call)
        ((body, header),) = [(body, header) for method, body, header in server.asked if method == "oauth2/token"]
        assert body == asked
        assert (header is None) is ("client_secret=" in asked)
        kept, _, secret = body.partition("client_secret=")
        assert recorded(call, kept + "*" * len(f"client_secret={secret}" if secret else ""))

    async def test_a_client_that_is_refused_is_not_presented_again_for_a_moment(
        self, server: CSCServer, signer: Signers
    ) -> None:
        (server.folder / "client-secret").write_text("wrong")
        one = signer()
        for _ in range(3):
            with pytest.raises(SignerError):
                await one.list_credentials(new_call())
        assert server.methods().count("oauth2/token") == 1

    @pytest.mark.parametrize(
        "members", [{}, {"oauth2": "https://127.0.0.1:1/"}, {"oauth2": "http://127.0.0.1/"}, {"oauth2": ""}]
    )
    async def test_the_secret_goes_to_no_address_that_an_answer_names_elsewhere(
        self, server: CSCServer, signer: Signers, members: dict[str, str]
    ) -> None:
        server.instead["info"] = gives(members)
        with pytest.raises(SignerError, match=r"csc\.token_url"):
            await signer().list_credentials(new_call())
        assert set(server.methods()) == {"info"}
        assert len(await signer(token_url=f"{server.url}/oauth2/token").list_credentials(new_call())) == 3

    @pytest.mark.parametrize(
        "members",
        [
            {},
            {"access_token": ""},
            {"access_token": "a\r\nX: y"},
            {"access_token": "a b"},
            {"access_token": "abc", "token_type": "mac"},
            {"access_token": "abc", "expires_in": 0},
            {"access_token": "abc", "expires_in": "soon"},
        ],
    )
    async def test_what_is_no_token(self, server: CSCServer, signer: Signers, members: dict[str, Any]) -> None:
        server.instead["oauth2/token"] = gives(members)
        with pytest.raises(SignerError):
            await signer().list_credentials(new_call())
        assert "credentials/list" not in server.methods()


class TestAuthorization:
    async def test_a_pin_that_was_refused_is_not_sent_again_until_it_is_another(
        self, server: CSCServer, signer: Signers
    ) -> None:
        (server.folder / "pin").write_text("wrong")
        one = signer()
        for _ in range(5):
            with pytest.raises(SignerError, match="authentication data"):
                await sign(one)
        assert server.methods().count("credentials/authorize") == 1
        (server.folder / "pin").write_text(PIN)
        server.clock.advance(timedelta(seconds=2))
        await sign(one)
        assert server.provider.signed == 1

    async def test_a_new_pin_is_tried_by_one_request_while_others_wait(self, server: CSCServer, signer: Signers) -> None:
        (server.folder / "pin").write_text("wrong")
        one = signer(in_flight=8)
        ended = await asyncio.gather(*(sign(one) for _ in range(8)), return_exceptions=True)
        assert {type(error) for error in ended} <= {AuthDataRefused, SignerError}
        assert server.methods().count("credentials/authorize") == 1

    async def test_a_pin_that_cannot_be_read(self, server: CSCServer, signer: Signers) -> None:
        (server.folder / "pin").unlink()
        with capture_logs() as logs, pytest.raises(SignerError) as caught:
            await sign(signer())
        assert str(server.folder) not in caught.value.detail
        assert [entry["event"] for entry in logs] == ["csc.secret_missing"]

    async def test_a_credential_may_have_a_pin_of_its_own_or_none(self, server: CSCServer, signer: Signers) -> None:
        (server.folder / "other").write_text("another")
        named = [{"id": "seal", "auth_data": {"PIN": f"file:{server.folder / 'other'}"}}, {"id": "more", "auth_data": {}}]
        one = signer(credentials=named)
        for name, data in (("seal", [{"id": "PIN", "value": "another"}]), ("more", [])):
            with pytest.raises(SignerError):
                await sign(one, name)
            assert server.parameters("credentials/authorize")[-1]["authData"] == data

    @pytest.mark.parametrize(
        "deviations",
        [set(), {Deviation.UNAUTHORIZED_IS_400, Deviation.BAD_SAD_IS_401}],
        ids=["as it is written", "by other statuses"],
    )
    async def test_one_that_has_ended_is_replaced_once(
        self, server: CSCServer, signer: Signers, deviations: set[Deviation]
    ) -> None:
        server.provider.deviations = deviations
        one = signer()
        # As often as it is refused because the access token may have been meant.
        server.provider.faults[Fault.BAD_SAD] = 2 if deviations else 1
        await sign(one)
        assert server.provider.counts()["authorizations"] == 2
        server.provider.faults[Fault.BAD_SAD] = math.inf
        with pytest.raises(SignerError):
            await sign(one)
        assert server.provider.counts()["authorizations"] == 4
        assert server.provider.signed == 1

    async def test_a_handle_that_never_ends_does_so_with_the_calls_time(self, server: CSCServer, signer: Signers) -> None:
        one = signer()
        credential = await one.get_credential(new_call(), "seal")
        for method in ("credentials/authorize", "credentials/authorizeCheck"):
            server.instead[method] = gives({"handle": "h"}, 202)
        call = new_call(0.3)
        with pytest.raises(DeadlineExceeded):
            await one.sign_digests(call, credential, ECDSA, [DIGEST])
        assert server.parameters("credentials/authorizeCheck")[0] == {"handle": "h"}
        assert server.provider.signed == 0

    @pytest.mark.parametrize("members", [{}, {"SAD": ""}, {"SAD": 7}, {"SAD": "a\nb"}, {"handle": ""}, []])
    async def test_what_is_no_authorization(self, server: CSCServer, signer: Signers, members: object) -> None:
        server.instead["credentials/authorize"] = gives(members)
        with pytest.raises(SignerError):
            await sign(signer())
        assert server.provider.signed == 0


FAULTS: list[tuple[Fault, type[ProxyError], int]] = [
    (Fault.MAINTENANCE, Maintenance, 0),
    (Fault.UNAVAILABLE, SignerUnavailable, 0),
    (Fault.FAILING, SignerUnavailable, 0),
    (Fault.THROTTLED, SignerUnavailable, 0),
    (Fault.BAD_SAD, SignerError, 0),
    (Fault.LOST_ANSWER, SignerUnavailable, 3),
    (Fault.SILENT, DeadlineExceeded, 3),
    (Fault.ENDLESS, DeadlineExceeded, 3),
    (Fault.OTHER_DIGEST, SignatureInvalid, 3),
    (Fault.TOO_FEW, SignerError, 3),
    (Fault.TOO_MANY, SignerError, 3),
    (Fault.GARBAGE, SignerError, 3),
]


class TestFailures:
    @pytest.mark.parametrize(("fault", "kind", "signed"), FAULTS, ids=str)
    async def test_each_has_its_name_in_time_and_spends_no_more_than_was_asked_for(
        self, server: CSCServer, signer: Signers, fault: Fault, kind: type[ProxyError], signed: int
    ) -> None:
        one = signer()
        credential = await one.get_credential(new_call(), "seal")
        server.provider.faults[fault] = math.inf
        call = new_call(0.5 if kind is DeadlineExceeded else 30.0)
        with pytest.raises(ProxyError) as caught:
            await VerifiedSigner(one, 0, Links()).sign_digests(call, credential, ECDSA, some(3))
        assert type(caught.value) is kind or kind is SignerError
        assert isinstance(caught.value, kind)
        assert server.provider.signed == signed

    def test_the_table_has_all_of_them(self) -> None:
        assert [fault for fault, _, _ in FAULTS] == list(Fault)

    async def test_a_request_to_sign_is_made_again_only_where_nothing_was_done(
        self, server: CSCServer, signer: Signers
    ) -> None:
        one = signer()
        for fault, attempts in ((Fault.FAILING, 1), (Fault.LOST_ANSWER, 1), (Fault.UNAVAILABLE, 3), (Fault.THROTTLED, 3)):
            server.provider.faults = {fault: math.inf}
            server.asked.clear()
            with pytest.raises(SignerUnavailable):
                await sign(one)
            assert server.methods().count(SIGN) == attempts
        server.provider.faults = {Fault.THROTTLED: 2}
        signed = server.provider.signed
        await sign(one)
        assert server.provider.signed == signed + 1

    @pytest.mark.parametrize(
        "refusal", [{"error": "invalid_token"}, {"error": "x", "error_description": "SAD expired"}], ids=str
    )
    async def test_what_is_refused_once_signing_has_begun_does_not_begin_it_again(
        self, server: CSCServer, signer: Signers, refusal: dict[str, str]
    ) -> None:
        server.provider.deviations = {Deviation.SIGN_LATER}
        server.instead["signatures/signPolling"] = gives(refusal, 401)
        with pytest.raises(SignerError):
            await sign(signer())
        assert (server.methods().count(SIGN), server.provider.signed) == (1, 1)

    async def test_a_question_is_asked_again(self, server: CSCServer, signer: Signers) -> None:
        def fails_once() -> web.StreamResponse:
            del server.instead["credentials/list"]
            return web.json_response({"error": "server_error"}, status=500)

        server.instead["credentials/list"] = fails_once
        assert len(await signer().list_credentials(new_call())) == 3
        server.instead["credentials/list"] = gives({}, 500, {"Retry-After": "60"})
        with pytest.raises(SignerUnavailable) as caught:
            await signer().list_credentials(new_call())
        assert caught.value.retry_after == 60

    @pytest.mark.parametrize(
        ("status", "members", "kind"),
        [
            (400, {"error": "invalid_request", "error_description": "Invalid parameter credentialID"}, CertificateNotFound),
            (400, {"error": "invalid_request", "error_description": "Invalid parameter signAlgo"}, AlgorithmNotAllowed),
            (400, {"error": "invalid_request", "error_description": "Invalid parameter hashAlgorithmOID"}, AlgorithmNotAllowed),
            (400, {"error": {"code": "invalid_request", "message": "Invalid parameter signAlgo"}}, AlgorithmNotAllowed),
            (400, {"code": "invalid_request", "detail": "Invalid parameter signAlgo"}, AlgorithmNotAllowed),
            (400, {"error": "invalid_request", "error_description": "Hash is not authorized by the SAD"}, SignerError),
            (400, {"error": "x", "error_description": "the credential identified by credentialID is disabled"}, SignerError),
            (400, {"error": "y" * 5000}, SignerError),
            (400, [], SignerError),
            (403, {"error": "access_denied"}, SignerError),
            (404, {}, SignerError),
            (429, {}, SignerUnavailable),
            (501, {}, SignerError),
            (502, {}, SignerUnavailable),
            (503, {"error": "maintenance"}, Maintenance),
            (302, {}, SignerError),
        ],
    )
    async def test_every_refusal_has_its_code(
        self, server: CSCServer, signer: Signers, status: int, members: object, kind: type[ProxyError]
    ) -> None:
        one = signer()
        credential = await one.get_credential(new_call(), "seal")
        server.instead[SIGN] = gives(members, status)
        with pytest.raises(kind) as caught:
            await one.sign_digests(new_call(), credential, ECDSA, [DIGEST])
        assert type(caught.value) is kind

    @pytest.mark.parametrize(
        "body",
        [
            *(b"", b"{", b"[]", b"<html>", b"\xff\xfe", b"{" * 5000, b" " * 4_000_001, b"{}"),
            *(b'{"signatures":%s}' % value for value in (b"[null]", b'["A"]', b'[""]', b'["*"]', b'"AA=="', b"{}")),
            b'{"signatures":["%s"]}' % (b"A" * 4000),
        ],
        ids=lambda body: str(body[:24]),
    )
    async def test_what_are_no_signatures(self, server: CSCServer, signer: Signers, body: bytes) -> None:
        one = signer()
        credential = await one.get_credential(new_call(), "seal")
        server.instead[SIGN] = says(body)
        with pytest.raises(SignerError):
            await one.sign_digests(new_call(), credential, ECDSA, [DIGEST])
        assert server.methods().count(SIGN) == 1

    async def test_a_drip_and_nobody_there(self, tls: TLSFiles, server: CSCServer, signer: Signers) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n"
        async with faulty_server(drips(head + b" " * 9000), tls=tls.server_context()) as slow:
            with pytest.raises(DeadlineExceeded):
                await signer(url=slow.url).list_credentials(new_call(0.2))
            with pytest.raises(SignerUnavailable):
                await signer(url=slow.url, timeout_seconds=0.2).maintenance(new_call())
        with pytest.raises(SignerUnavailable):
            await signer(url=unused_url().replace("http:", "https:")).list_credentials(new_call())

    async def test_a_call_that_is_over_asks_nothing(self, server: CSCServer, signer: Signers) -> None:
        one = signer()
        credential = await one.get_credential(new_call(), "seal")
        server.asked.clear()
        with pytest.raises(DeadlineExceeded):
            await one.sign_digests(new_call(0), credential, ECDSA, [DIGEST])
        assert server.asked == []

    async def test_maintenance_is_told(self, server: CSCServer, signer: Signers) -> None:
        server.provider.faults[Fault.MAINTENANCE] = 1
        one = signer()
        assert [(await one.maintenance(new_call())).in_maintenance for _ in range(2)] == [True, False]


class TestSecrets:
    async def test_they_are_in_no_log_no_error_no_representation_and_not_on_the_ledger(
        self, server: CSCServer, signer: Signers
    ) -> None:
        one = signer(client_authentication="client_secret_post")
        seen, call = [repr(one), repr(server.settings())], new_call()
        with capture_logs() as logs:
            for careless in (
                {SIGN: echoing(server, 400)},
                {SIGN: echoing(server, 200)},
                {"credentials/authorize": echoing(server, 400)},
                {"credentials/authorize": echoing(server, 200)},
                {"oauth2/token": echoing(server, 400), "credentials/authorize": gives({}, 401)},
                {"oauth2/token": echoing(server, 200), "credentials/authorize": gives({}, 401)},
            ):
                credential = await one.get_credential(new_call(), "seal")
                server.instead.update(careless)
                with pytest.raises(ProxyError) as caught:
                    await one.sign_digests(call, credential, ECDSA, [DIGEST])
                seen += traceback.format_exception(caught.value)
                server.instead.clear()
                server.provider.grants.end_tokens()
                server.clock.advance(timedelta(seconds=6))
        secrets = {PIN, CLIENT_SECRET, quote_plus(CLIENT_SECRET)}
        secrets |= {entry["SAD"] for entry in server.parameters(SIGN)}
        secrets |= {header.removeprefix("Bearer ") for _, _, header in server.asked if header is not None}
        assert len(secrets) > 6
        said = "\n".join([*seen, *map(repr, logs), repr(call), repr(call.ledger.exchanges)])
        assert not [secret for secret in secrets if secret in said]

    async def test_the_ledger_proves_what_left_without_them(self, server: CSCServer, signer: Signers) -> None:
        one, call = signer(), new_call()
        credential = await one.get_credential(new_call(), "seal")
        await one.sign_digests(call, credential, ECDSA, [DIGEST])
        (authorized,), (signed,) = server.parameters("credentials/authorize"), server.parameters(SIGN)
        for members, secret in ((authorized, PIN), (signed, signed["SAD"])):
            body = json.dumps(members, separators=(",", ":"))
            assert recorded(call, body.replace(json.dumps(secret), "*" * (len(secret) + 2)))
            assert not recorded(call, body)


def recorded(call: Call, body: str) -> bool:
    """Whether the ledger has this body, length and digest."""
    entry = (len(body), hashlib.sha256(body.encode()).hexdigest())
    return entry in {(exchange.sent, exchange.sent_sha256) for exchange in call.ledger.exchanges}


def echoing(server: CSCServer, status: int) -> Callable[[], web.StreamResponse]:
    """A careless provider: it repeats what it was sent, in a sentence, and in places where it makes no sense."""

    def answer() -> web.StreamResponse:
        _, members, header = server.asked[-1]
        if status == 400:
            said = f"{members} {header}"
            return web.json_response({"error": "odd", "error_description": said}, status=status)
        sad = members.get("SAD", "") if isinstance(members, dict) else ""
        return web.json_response({"signatures": ["!" + sad], "SAD": [PIN], "access_token": [CLIENT_SECRET]})

    return answer


class TestCredentials:
    async def test_they_are_listed_at_once_and_kept(self, server: CSCServer, signer: Signers) -> None:
        one = signer()
        for _ in range(2):
            assert len(await one.list_credentials(new_call())) == 3
        assert server.methods() == ["info", "oauth2/token", "credentials/list"]
        server.clock.advance(timedelta(seconds=301))
        await one.get_credential(new_call(), "rsa")
        assert server.methods()[3:] == ["credentials/list"]

    async def test_only_those_named_are_asked_for_by_the_name_that_the_settings_give(
        self, server: CSCServer, signer: Signers
    ) -> None:
        one = signer(credentials=[{"id": "seal", "certificate_id": "2026"}, {"id": "gone"}], user_id="u")
        with capture_logs() as logs:
            assert [entry.certificate_id for entry in await one.list_credentials(new_call())] == ["2026"]
        assert [entry["certificateId"] for entry in logs if entry["event"] == "csc.unusable_credential"] == ["gone"]
        await sign(one, "2026")
        for unknown in ("seal", "rsa", "gone"):
            with pytest.raises(CertificateNotFound):
                await one.get_credential(new_call(), unknown)
        asked = [entry["credentialID"] for entry in server.parameters("credentials/info")]
        assert sorted(asked) == ["gone", "seal"]
        assert "credentials/list" not in server.methods()

    async def test_pages_and_users(self, server: CSCServer, signer: Signers) -> None:
        server.instead["credentials/list"] = gives({"credentialIDs": ["seal"], "nextPageToken": "again"})
        with pytest.raises(SignerError, match="does not end"):
            await signer(user_id="u").list_credentials(new_call())
        first, second, *_ = server.parameters("credentials/list")
        assert (first["userID"], second["pageToken"]) == ("u", "again")
        assert "maxResults" not in first

    @pytest.mark.parametrize(
        ("change", "kind"),
        [
            ({"key": {"status": "disabled", "algo": ["1.2.840.10045.4.3.2"]}}, SignerError),
            ({"key": {"status": "enabled", "algo": ["1.2.3"]}}, AlgorithmNotAllowed),
            ({"key": {"status": "enabled", "algo": "1.2.840.10045.4.3.2"}}, SignerError),
            ({"auth": {"mode": "oauth2code"}}, SignerError),
            ({"cert": {"certificates": []}}, SignerError),
            ({"cert": {"certificates": ["AAAA"]}}, SignerError),
            ({"cert": {}}, SignerError),
            ({"multisign": 0}, SignerError),
        ],
        ids=str,
    )
    async def test_one_that_cannot_be_used_is_left_out_and_named(
        self, server: CSCServer, signer: Signers, change: dict[str, Any], kind: type[ProxyError]
    ) -> None:
        info = server.provider.credentials[0].info(certificates="chain", authentication=True, key_type_only=False)
        entry = {"credentialID": "seal", **info, **change}
        server.instead["credentials/list"] = gives({"credentialIDs": ["seal", "rsa"], "credentialInfos": [entry, 7]})
        server.instead["credentials/info"] = lambda: web.json_response(
            entry if server.asked[-1][1]["credentialID"] == "seal" else {**entry, **info}
        )
        one = signer()
        with capture_logs():
            assert [entry.certificate_id for entry in await one.list_credentials(new_call())] == ["rsa"]
            with pytest.raises(kind):
                await one.get_credential(new_call(), "seal")

    async def test_when_none_can_be_used_that_is_no_empty_list(self, server: CSCServer, signer: Signers) -> None:
        server.instead["credentials/info"] = gives({}, 403)
        server.provider.deviations = {Deviation.LIST_WITHOUT_INFO}
        with pytest.raises(SignerError):
            await signer().list_credentials(new_call())

    async def test_algorithms_may_be_set_where_the_provider_lists_too_few(self, server: CSCServer, signer: Signers) -> None:
        server.provider.deviations = {Deviation.KEY_TYPE_ONLY}
        one = signer()
        assert (await one.get_credential(new_call(), "rsa")).sign_algorithms == (PKCS1,)
        one = signer(credentials=[{"id": "rsa", "key_algorithms": ["1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10"]}])
        assert (await one.get_credential(new_call(), "rsa")).sign_algorithms == (PKCS1, PSS)

    async def test_a_certificate_that_changed_under_way_signs_nothing(
        self, server: CSCServer, signer: Signers, pki: Hierarchy
    ) -> None:
        one = signer()
        credential = await one.get_credential(new_call(), "seal")
        server.provider.credentials = held({"seal": pki.signer(key=ec_key())}, pki)
        server.clock.advance(timedelta(seconds=301))
        with pytest.raises(SignerError, match="another certificate"):
            await one.sign_digests(new_call(), credential, ECDSA, [DIGEST])
        assert server.provider.signed == 0


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"url": "http://127.0.0.1/csc/v2"}, SettingsError),
        ({"url": "https://user@127.0.0.1/csc/v2"}, SettingsError),
        ({"token_url": "http://127.0.0.1/token"}, SettingsError),
        ({"ca": "/nowhere.pem"}, SettingsError),
        ({"issuers": ["/nowhere.pem"]}, SettingsError),
        ({"client_id": None}, ValidationError),
        ({"client_id": None, "client_secret": None, "client_certificate": None, "client_key": None}, ValidationError),
        ({"client_secret": None, "client_certificate": None, "client_key": None}, ValidationError),
        ({"client_secret": CLIENT_SECRET}, ValidationError),
        ({"client_id": None, "client_secret": None, "authorization": "token"}, ValidationError),
        ({"credentials": [{"id": "a"}, {"id": "a"}]}, ValidationError),
        ({"credentials": [{"id": "a", "certificate_id": "b"}, {"id": "b"}]}, ValidationError),
    ],
    ids=str,
)
async def test_settings_that_cannot_be_used(
    server: CSCServer, signer: Signers, changes: dict[str, Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind) as caught:
        signer(**changes)
    assert CLIENT_SECRET not in str(caught.value).partition("input_value")[0]
