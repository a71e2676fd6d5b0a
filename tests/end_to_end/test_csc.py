"""A proxy whose keys are at a provider of remote signatures: processes of their own, mutual TLS, documents judged by pdfsig."""

import hashlib
import json
import ssl
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from proxy.sandbox.addresses import Addresses
from proxy.sandbox.configuration import CSC_CLIENT_ID
from proxy.sandbox.csc_deviations import Deviation, Fault
from tests.conformance.judges import pdfsig, tampered_copy
from tests.end_to_end.services import Service, is_listening, serving
from tests.support.calling import Answer, Caller
from tests.support.sandbox import Sandbox
from tests.support.spawned import running

RSA, P256, PERSON = "csc-legal-person-rsa", "csc-eseal-p256", "csc-natural-person-p256"


@dataclass(frozen=True)
class Provider:
    """The provider's process, and a proxy that signs by it."""

    url: str
    context: ssl.SSLContext
    proxy: Service

    @property
    def app(self) -> Caller:
        return self.proxy.caller()

    def ask(self, method: str, path: str, members: Any = None) -> Any:
        """Its own routes, for tests."""
        body = None if members is None else json.dumps(members).encode()
        request = urllib.request.Request(self.url + path, body, {"Content-Type": "application/json"}, method=method)  # noqa: S310 - its own address
        with urllib.request.urlopen(request, context=self.context) as answer:  # noqa: S310 - the same
            return json.load(answer)

    def behave(self, *deviations: Deviation, **faults: int | None) -> None:
        self.ask("PUT", "/behaviour", {"deviations": deviations, "faults": faults})

    @property
    def signatures(self) -> int:
        return int(self.ask("GET", "/counts")["signatures"])


@pytest.fixture(scope="module")
def running_provider(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder, files = sandbox.folder, sandbox.folder.client("proxy")
    logs = tmp_path_factory.mktemp("csc")
    addresses = Addresses.load(folder)
    context = ssl.create_default_context(cafile=folder.anchor("tls-ca"))
    context.load_cert_chain(files.certificate, files.key)
    anchors = [str(anchor) for anchor in sandbox.anchors]
    settings = {
        "csc": {
            "url": addresses.csc_url,
            "ca": str(folder.anchor("tls-ca")),
            "client_certificate": str(files.certificate),
            "client_key": str(files.key),
            "client_id": CSC_CLIENT_ID,
            "client_secret": f"file:{folder.csc_client_secret}",
            "auth_data": {"PIN": f"file:{folder.csc_pin}"},
            "poll_seconds": 0.05,
        },
        "tsa": [
            {"url": sandbox.info.tsa, "trust_anchors": anchors},
            {"profile": "provider", "kind": "csc", "trust_anchors": anchors},
        ],
    }
    server = ["-m", "proxy.sandbox.csc_server", "--dir", str(folder.root)]
    with (
        running(server, logs / "csc.log", lambda: is_listening(addresses.csc)),
        serving(sandbox, logs / "proxy", settings) as proxy,
    ):
        yield Provider(addresses.csc_url.removesuffix("/csc/v2"), context, proxy)


def operation(provider: Provider, answer: Answer) -> dict[str, Any]:
    """What the transaction log has of a call."""
    return provider.app.get(f"/v1/operations/{answer.transaction_id}").members


@pytest.fixture
def provider(running_provider: Provider) -> Iterator[Provider]:
    running_provider.behave()
    yield running_provider
    running_provider.proxy.assert_nothing_left()


def judged(answer: Answer, folder: Path) -> bool:
    """Whether pdfsig finds one valid signature over the whole document, and none in a copy that was tampered with."""
    assert answer.status == 200, answer.body
    path = folder / "signed.pdf"
    path.write_bytes(answer.body)
    (verdict,) = pdfsig(path)
    (tampered,) = pdfsig(tampered_copy(path, folder / "tampered.pdf"))
    return verdict.valid and verdict.total_document and not tampered.valid


@pytest.mark.parametrize(
    ("certificate", "profile", "deviations"),
    [
        (RSA, "default", ()),
        (P256, "provider", (Deviation.RAW_ECDSA, Deviation.AUTHORIZE_LATER, Deviation.SIGN_LATER, Deviation.NESTED_ERRORS)),
    ],
)
def test_an_es_t_by_a_remote_key_is_found_valid(
    provider: Provider, invoice: bytes, tmp_path: Path, certificate: str, profile: str, deviations: tuple[Deviation, ...]
) -> None:
    provider.behave(*deviations)
    before = provider.ask("GET", "/counts")
    answer = provider.app.sign(invoice, certificate, form="es-t", tsaProfile=profile)
    assert judged(answer, tmp_path)
    assert (answer.headers["Signature-Form"], answer.headers["Signature-Level"]) == ("ES-T", "B-T")
    after = provider.ask("GET", "/counts")
    assert after["signatures"] == before["signatures"] + 1
    assert after["authorizations"] == before["authorizations"] + 1
    assert after["timestamps"] - before["timestamps"] == (1 if profile == "provider" else 0)
    asked = {exchange["destination"] for exchange in operation(provider, answer)["exchanges"]}
    assert "csc" in asked
    assert (len([name for name in asked if name.startswith("tsa:")]) == 0) is (profile == "provider")


def test_a_hundred_digests_are_signed_in_order_whatever_order_they_come_back_in(provider: Provider) -> None:
    provider.behave(Deviation.SORTED_ANSWERS)
    digests = [hashlib.sha256(bytes([number])).digest() for number in range(100)]
    before = provider.signatures
    answer = provider.app.sign_hashes(digests, P256)
    assert (answer.status, len(answer.members["signatures"])) == (200, 100)
    # A person authorizes one at a time.
    assert provider.app.sign_hashes(digests[:3], PERSON).status == 200
    assert provider.signatures == before + 103


@pytest.mark.parametrize(
    ("fault", "code", "signed"),
    [
        (Fault.OTHER_DIGEST, "SIGNATURE_INVALID", 1),
        (Fault.GARBAGE, "SIGNER_ERROR", 1),
        (Fault.LOST_ANSWER, "SIGNER_UNAVAILABLE", 1),
        (Fault.BAD_SAD, "SIGNER_ERROR", 0),
        (Fault.MAINTENANCE, "MAINTENANCE", 0),
    ],
)
def test_what_goes_wrong_at_the_provider_has_its_code(
    provider: Provider, invoice: bytes, fault: Fault, code: str, signed: int
) -> None:
    before = provider.signatures
    # Twice: a SAD that is refused is had anew once.
    provider.behave(**{fault: 2 if fault is Fault.BAD_SAD else 1})
    answer = provider.app.sign(invoice, P256)
    assert answer.code == code
    assert provider.signatures == before + signed


def test_its_certificates_stand_beside_the_others(provider: Provider) -> None:
    answer = provider.app.get("/v1/certificates", {"limit": "100"})
    backends = {entry["certificateId"]: entry["backend"] for entry in answer.members["certificates"]}
    assert (backends[RSA], backends["legal-person-rsa"]) == ("csc", "central")
    assert not provider.app.get("/v1/maintenance").members["inMaintenance"]


def test_no_secret_is_in_what_the_proxy_says_or_keeps(provider: Provider, sandbox: Sandbox) -> None:
    """Run last: the log and the transaction log have all that the others did."""
    secrets = [path.read_text() for path in (sandbox.folder.csc_pin, sandbox.folder.csc_client_secret)]
    log = provider.proxy.log
    kept = [path.read_bytes() for path in log.parent.glob("*.sqlite*")]
    said = log.read_bytes()
    assert b'"csc.refused"' in said
    for secret in secrets:
        assert not [one for one in (said, *kept) if secret.encode() in one]
