"""The whole life of a key over the contract: made, requested a certificate for, issued to, registered, and signed with."""

import base64
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.calling import Caller
from tests.support.openssl_judge import openssl_request
from tests.support.sandbox import Sandbox

SUBJECT = {"countryName": "JP", "organizationName": "株式会社 見本, O=商事", "commonName": "角印 2027"}


@dataclass(frozen=True, slots=True)
class Life:
    """What came of it."""

    key_id: str
    certificate_id: str
    certificate: x509.Certificate


def issued(sandbox: Sandbox, request: Path) -> list[x509.Certificate]:
    """What the sandbox's command issues on a request: the certificate, then its chain."""
    command = [sys.executable, "-m", "proxy", "sandbox", "issue", str(request), "--dir", str(sandbox.directory)]
    output = subprocess.run([*command, "--profile", "eseal"], capture_output=True, check=True).stdout
    return x509.load_pem_x509_certificates(output)


def live(caller: Caller, sandbox: Sandbox, folder: Path, algorithm: str, **request: str) -> Life:
    """Make a key at a service, up to its registered certificate by the sandbox's authority; openssl judges the request."""
    made = caller.post_json("/v1/keys", {"algorithm": algorithm})
    assert made.status == 201, made.body
    key_id, public_key = made.members["keyId"], base64.b64decode(made.members["publicKey"])
    assert made.members["algorithm"] == algorithm
    wanted = {"subject": SUBJECT, "keyUsage": ["digitalSignature", "nonRepudiation"], **request}
    answer = caller.post_json(f"/v1/keys/{quote(key_id, safe='')}/csr", wanted)
    assert answer.status == 200, answer.body
    csr = base64.b64decode(answer.members["csr"])
    text = openssl_request(csr)
    assert text is not None
    assert r"Subject: CN=角印 2027,O=株式会社 見本\, O=商事,C=JP" in text
    path = folder / "key.csr"
    path.write_bytes(csr)
    certificate, *issuers = issued(sandbox, path)
    assert certificate.public_key() == x509.load_der_x509_csr(csr).public_key()
    assert public_key in csr
    registration = {
        "keyId": key_id,
        "certificate": base64.b64encode(certificate.public_bytes(Encoding.DER)).decode(),
        "chain": [base64.b64encode(issuer.public_bytes(Encoding.DER)).decode() for issuer in issuers],
    }
    registered = caller.post_json("/v1/certificates", registration)
    assert registered.status == 201, registered.body
    certificate_id = registered.members["certificateId"]
    keys = {key["keyId"]: key["certificateIds"] for key in caller.get("/v1/keys", {"limit": "1000"}).members["keys"]}
    assert keys[key_id] == [certificate_id]
    return Life(key_id, certificate_id, certificate)
