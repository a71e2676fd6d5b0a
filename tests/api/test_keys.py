"""Keys and certification requests over HTTP: who may ask, what may be said, and how it comes to the operation."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from proxy.model import AlternativeName, AlternativeNameKind, HashAlgorithm, KeyAlgorithm, KeyUsage, SignAlgorithm
from tests.api.service import Service, code_of

ORDERED = [
    (NameOID.COUNTRY_NAME, "JP"),
    (NameOID.ORGANIZATION_NAME, "株式会社例, CN=Other"),
    (NameOID.ORGANIZATION_IDENTIFIER, "NTRJP-1"),
    (NameOID.COMMON_NAME, 'Seal "2026" + #1'),
]
AS_TEXT = r"CN=Seal \"2026\" \+ #1,organizationIdentifier=NTRJP-1,O=株式会社例\, CN=Other,C=JP"
AS_MEMBERS = {
    "commonName": 'Seal "2026" + #1',
    "organizationIdentifier": "NTRJP-1",
    "organizationName": "株式会社例, CN=Other",
    "countryName": "JP",
}


async def test_without_the_grants_nothing_is_told_of_keys(service: Service) -> None:
    session = service.session(service.people.bob)
    for method, path in (
        ("GET", "/v1/keys"),
        ("POST", "/v1/keys"),
        ("POST", "/v1/keys/kms:1/csr"),
        ("POST", "/v1/keys/no/csr"),
    ):
        async with session.request(method, path, json={}) as response:
            assert (response.status, await code_of(response)) == (403, "OPERATION_NOT_PERMITTED")
    assert service.work.calls == []


async def test_keys_come_in_pages(service: Service) -> None:
    async with service.alice.get("/v1/keys", params={"limit": "1"}) as response:
        first = await response.json()
    assert first["keys"] == [
        {
            "keyId": "kms:1",
            "algorithm": "P-256",
            "publicKey": "cHVibGlj",
            "signAlgorithms": ["ECDSA"],
            "hashAlgorithms": ["SHA-256"],
            "backend": "kms",
            "certificateIds": ["seal-1"],
        }
    ]
    async with service.alice.get("/v1/keys", params={"cursor": first["nextCursor"]}) as response:
        second = await response.json()
    assert ([key["keyId"] for key in second["keys"]], second.get("nextCursor")) == (["kms:2"], None)


async def test_a_key_is_made_as_asked(service: Service) -> None:
    for body, asked in (
        ({}, (KeyAlgorithm.RSA_3072, None, None)),
        ({"algorithm": "P-521", "label": "seal", "backend": "kms"}, (KeyAlgorithm.P_521, "seal", "kms")),
    ):
        async with service.alice.post("/v1/keys", json=body) as response:
            assert (response.status, (await response.json())["keyId"]) == (201, "kms:new")
        assert service.work.keys[-1] == asked
    for wrong in ({"algorithm": "RSA-1024"}, {"label": ""}, {"label": "a\nb"}, {"exportable": True}):
        async with service.alice.post("/v1/keys", json=wrong) as response:
            assert (response.status, await code_of(response)) == (400, "INVALID_PARAMETER")
    assert len(service.work.keys) == 2


@pytest.mark.parametrize("subject", [AS_TEXT, AS_MEMBERS])
async def test_a_subject_is_the_same_as_text_and_by_its_members(service: Service, subject: Any) -> None:
    async with service.alice.post("/v1/keys/software:a%2Fb/csr", json={"subject": subject}) as response:
        answer = await response.json()
    ((key_id, wanted),) = service.work.wanted
    assert [(one.oid, one.value) for one in x509.Name.from_bytes(wanted.subject)] == ORDERED
    assert answer == {
        "keyId": "software:a/b",
        "subject": AS_TEXT.replace("organizationIdentifier", "2.5.4.97"),
        "csr": "cmVxdWVzdCBvZiBzb2Z0d2FyZTphL2I=",
    }
    assert key_id == "software:a/b"


async def test_all_that_can_be_asked_for(service: Service) -> None:
    names = [{"type": "email", "value": "seal@example.jp"}, {"type": "uri", "value": "https://example.jp/seal"}]
    asked = {
        "subject": "CN=Seal",
        "subjectAltName": names,
        "keyUsage": ["nonRepudiation"],
        "signAlgorithm": "RSASSA-PSS",
        "hashAlgorithm": "SHA-512",
    }
    async with service.alice.post("/v1/keys/kms:1/csr", json=asked) as response:
        assert response.status == 200
    ((_, wanted),) = service.work.wanted
    assert wanted.alternative_names == (
        AlternativeName(AlternativeNameKind.EMAIL, "seal@example.jp"),
        AlternativeName(AlternativeNameKind.URI, "https://example.jp/seal"),
    )
    assert wanted.key_usages == (KeyUsage.NON_REPUDIATION,)
    assert (wanted.sign_algorithm, wanted.hash_algorithm) == (SignAlgorithm.RSASSA_PSS, HashAlgorithm.SHA512)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"subject": ""},
        {"subject": {}},
        {"subject": "Seal"},
        {"subject": "CN=a,,O=b"},
        {"subject": "CN=" + "x" * 65},
        {"subject": "CN=a\nO=b"},
        {"subject": r"CN=a\00b"},
        {"subject": "CN=\u202etxt.exe"},
        {"subject": "C=Japan"},
        {"subject": {"countryName": "jp"}},
        {"subject": {"commonName": "a\x00b"}},
        {"subject": {"serialNumber": "番号"}},
        {"subject": {"commonName": "a", "2.5.4.3": "b"}},
        {"subject": [{"commonName": "a"}]},
        {"subject": "+".join(f"OU={number}" for number in range(21))},
        {"subject": "O=" + "x" * 2000},
        {"subject": "CN=a", "keyUsage": ["keyCertSign"]},
        {"subject": "CN=a", "keyUsage": ["nonRepudiation", "nonRepudiation"]},
        {"subject": "CN=a", "subjectAltName": [{"type": "ip", "value": "10.0.0.1"}]},
        {"subject": "CN=a", "subjectAltName": [{"type": "email", "value": "é@example.jp"}]},
        {"subject": "CN=a", "subjectAltName": [{"type": "email", "value": "a@example.jp\r\nb"}]},
        {"subject": "CN=a", "hashAlgorithm": "SHA-1"},
        {"subject": "CN=a", "extensions": []},
    ],
    ids=str,
)
async def test_what_cannot_be_asked_for(service: Service, wrong: dict[str, Any]) -> None:
    async with service.alice.post("/v1/keys/kms:1/csr", json=wrong) as response:
        assert (response.status, await code_of(response)) == (400, "INVALID_PARAMETER")
    assert service.work.wanted == []
