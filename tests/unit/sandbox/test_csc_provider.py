"""The sandbox's provider of remote signatures holds others to the CSC API: asked with bare HTTP, none of the proxy's client."""

import asyncio
import base64
import hashlib
import json
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from proxy.sandbox.csc_deviations import Deviation, Fault
from tests.support.csc_server import CLIENT_ID, CLIENT_SECRET, PIN, CSCServer, csc_server, held
from tests.support.keys import ec_key, rsa_key
from tests.support.pki import Hierarchy
from tests.support.tls_files import make_tls_files

SHA256 = "2.16.840.1.101.3.4.2.1"
ECDSA_SHA256 = "1.2.840.10045.4.3.2"
ONE, TWO = (base64.b64encode(hashlib.sha256(text).digest()).decode() for text in (b"one", b"two"))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[CSCServer]:
    pki = Hierarchy.make()
    holders = {"ec": pki.signer(key=ec_key()), "rsa": pki.signer(key=rsa_key())}
    async with csc_server(tmp_path, make_tls_files(tmp_path), pki, held(holders, pki, multisign=2)) as running:
        yield running


class Client:
    """Bare HTTP over mutual TLS."""

    def __init__(self, server: CSCServer, session: aiohttp.ClientSession) -> None:
        self.server, self.session = server, session
        self.context = ssl.create_default_context(cafile=server.tls.ca)
        self.context.load_cert_chain(server.tls.client, server.tls.client_key)
        self.token = ""

    async def send(self, http_method: str, path: str, **how: Any) -> tuple[int, Any]:
        async with self.session.request(http_method, self.server.url + path, ssl=self.context, **how) as answer:
            body = await answer.read()
            return answer.status, json.loads(body) if answer.content_type.endswith("json") else body

    async def log_in(self) -> None:
        form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        status, members = await self.send("POST", "/oauth2/token", data=form)
        assert (status, members["token_type"]) == (200, "Bearer")
        self.token = members["access_token"]

    async def ask(self, method: str, **members: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}"}
        return await self.send("POST", f"/csc/v2/{method}", json=members, headers=headers)

    async def authorize(self, *hashed: str, credential_id: str = "ec", **members: Any) -> str:
        asked = {"hashes": hashed, "hashAlgorithmOID": SHA256, "authData": [{"id": "PIN", "value": PIN}], **members}
        status, answer = await self.ask("credentials/authorize", credentialID=credential_id, numSignatures=len(hashed), **asked)
        assert status == 200, answer
        return str(answer["SAD"])

    async def sign(self, sad: str, *hashed: str, **members: Any) -> tuple[int, Any]:
        asked = {"credentialID": "ec", "SAD": sad, "hashes": hashed, "signAlgo": ECDSA_SHA256, **members}
        return await self.ask("signatures/signHash", **asked)


@pytest.fixture
async def client(server: CSCServer) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        made = Client(server, session)
        await made.log_in()
        yield made


async def test_a_signature_from_info_to_value(client: Client, server: CSCServer) -> None:
    status, info = await client.send("POST", "/csc/v2/info", json={})
    assert (status, info["specs"], info["oauth2"]) == (200, "2.0.0.2", server.url + "/")
    _, listed = await client.ask("credentials/list", credentialInfo=True, certificates="chain", authInfo=True)
    assert listed["credentialIDs"] == ["ec", "rsa"]
    entry = listed["credentialInfos"][0]
    assert (entry["multisign"], entry["SCAL"], len(entry["cert"]["certificates"])) == (2, "2", 3)
    sad = await client.authorize(ONE, TWO)
    status, signed = await client.sign(sad, TWO, ONE)
    assert status == 200
    for value, text in zip(signed["signatures"], (b"two", b"one"), strict=True):
        digest = hashlib.sha256(text).digest()
        ec_key().public_key().verify(base64.b64decode(value), digest, ec.ECDSA(Prehashed(hashes.SHA256())))
    _, counts = await client.send("GET", "/counts")
    assert counts == {"signatures": 2, "timestamps": 0, "authorizations": 1, "accessTokens": 1}


async def test_an_authorization_is_held_to_its_credential_hashes_number_and_time(client: Client, server: CSCServer) -> None:
    sad = await client.authorize(ONE)
    for others in ((TWO,), (ONE, TWO), (ONE, ONE)):
        assert (await client.sign(sad, *others))[0] == 400
    assert (await client.sign(sad, ONE, credentialID="rsa", signAlgo="1.2.840.113549.1.1.11"))[0] == 400
    assert (await client.sign(sad, ONE))[0] == 200
    status, refusal = await client.sign(sad, ONE)
    assert (status, refusal["error_description"]) == (400, "Invalid parameter SAD")
    late = await client.authorize(ONE)
    server.clock.advance(timedelta(seconds=300))
    status, refusal = await client.sign(late, ONE)
    assert (status, refusal["error_description"]) == (400, "SAD expired")
    assert server.provider.signed == 1


async def test_what_is_wrong_with_a_request_is_said(client: Client, server: CSCServer) -> None:
    sad = await client.authorize(ONE)
    for changes, said in (
        ({"credentialID": "nobody"}, "Invalid parameter credentialID"),
        ({"hashes": []}, "Empty hash array"),
        ({"hashes": ["*"]}, "Invalid Base64 hash string parameter"),
        ({"hashes": ["AAAA"]}, "Invalid digest value length"),
        ({"signAlgo": "1.2.840.113549.1.1.11"}, "Invalid parameter signAlgo"),
        ({"SAD": None}, "Missing (or invalid type) string parameter SAD"),
        ({"operationMode": "X"}, "Invalid parameter operationMode"),
        ({"maxResults": 3}, "Unknown parameter maxResults"),
    ):
        asked = {"credentialID": "ec", "SAD": sad, "hashes": [ONE], "signAlgo": ECDSA_SHA256, **changes}
        assert await client.ask("signatures/signHash", **asked) == (
            400,
            {"error": "invalid_request", "error_description": said},
        )
    for parameters in (None, "AAAA", base64.b64encode(bytes.fromhex("3000")).decode()):
        asked = {"credentialID": "rsa", "SAD": sad, "hashes": [ONE], "hashAlgorithmOID": SHA256, "signAlgoParams": parameters}
        status, _ = await client.ask("signatures/signHash", **asked, signAlgo="1.2.840.113549.1.1.10")
        assert status == 400
    assert (await client.ask("credentials/nothing"))[0] == 501
    assert server.provider.signed == 0


async def test_three_wrong_pins_lock_a_credential(client: Client) -> None:
    asked = {"credentialID": "ec", "numSignatures": 1, "hashes": [ONE], "hashAlgorithmOID": SHA256}
    for pin, error, said in (
        *([("no", "invalid_authentication_data", "The authentication data is invalid")] * 3),
        (PIN, "invalid_request", "Credential locked"),
    ):
        answer = await client.ask("credentials/authorize", **asked, authData=[{"id": "PIN", "value": pin}])
        assert answer == (400, {"error": error, "error_description": said})
    status, refusal = await client.ask("credentials/authorize", **asked | {"numSignatures": 3}, authData=[])
    assert (status, refusal["error_description"]) == (400, "Numbers of signatures is too high")


async def test_nobody_gets_in_without_a_token_and_a_certificate(client: Client, server: CSCServer) -> None:
    client.token = "other"
    assert await client.ask("credentials/list") == (
        401,
        {"error": "invalid_token", "error_description": "The access token is not valid"},
    )
    for form in ({"client_secret": "no"}, {"client_id": "other", "client_secret": CLIENT_SECRET}, {"scope": "credential"}):
        status, _ = await client.send(
            "POST", "/oauth2/token", data={"grant_type": "client_credentials", "client_id": CLIENT_ID, **form}
        )
        assert status in {400, 401}
    client.context = ssl.create_default_context(cafile=server.tls.ca)
    with pytest.raises(aiohttp.ClientError):
        await client.ask("credentials/list")


async def test_behaviour_is_chosen_while_it_runs(client: Client, server: CSCServer) -> None:
    wanted = {"deviations": ["raw-ecdsa", "sign-later"], "faults": {"throttled": 1, "endless": None}}
    assert await client.send("PUT", "/behaviour", json=wanted) == (200, wanted)
    assert server.provider.deviations == {Deviation.RAW_ECDSA, Deviation.SIGN_LATER}
    sad = await client.authorize(ONE)
    assert (await client.sign(sad, ONE))[0] == 429
    assert (await client.send("GET", "/behaviour"))[1]["faults"] == {"endless": None}
    refused: tuple[object, ...] = ({"deviations": ["x"]}, {"faults": {"x": 1}}, [], {"faults": {"silent": "often"}})
    for wrong in refused:
        assert (await client.send("PUT", "/behaviour", json=wrong))[0] == 400
    assert await client.send("PUT", "/behaviour", json={}) == (200, {"deviations": [], "faults": {}})
    assert (await client.sign(sad, ONE))[0] == 200


async def test_one_that_does_not_answer_lets_go_when_the_client_does(client: Client, server: CSCServer) -> None:
    server.provider.faults[Fault.SILENT] = 1
    sad = await client.authorize(ONE)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await client.sign(sad, ONE)
    assert server.provider.signed == 1
