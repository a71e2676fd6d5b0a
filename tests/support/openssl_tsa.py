"""``openssl ts -reply`` as a time-stamping authority: an implementation that nobody here wrote."""

import subprocess
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.support.pki import CA_USAGE, Hierarchy, Holder, issue, purposes, usage
from tests.support.tsa import POLICY

_CONFIGURATION = """
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
default_policy = {policy}
digests = sha256, sha384
accuracy = secs:1
ess_cert_id_alg = {ess}
"""


class OpenSSLTSA:
    """Certificates that are valid today, and the answer to a request."""

    def __init__(self, folder: Path, *, ess: str = "sha256") -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        valid = partial(issue, begins=now - timedelta(days=1), ends=now + timedelta(days=1))
        root = valid("OpenSSL Root", ca=True, extensions=[CA_USAGE])
        issuing = valid("OpenSSL Issuing", root, ca=True, extensions=[CA_USAGE])
        stamping = purposes(ExtendedKeyUsageOID.TIME_STAMPING, critical=True)
        self.tsa: Holder = valid("OpenSSL TSA", issuing, extensions=[usage("digital_signature"), stamping])
        self.pki = Hierarchy(root, issuing)
        self._folder = folder
        self.tsa.write(folder, "tsa")
        (folder / "chain.pem").write_bytes(issuing.pem)
        (folder / "serial").write_text("01\n")
        (folder / "tsa.cnf").write_text(_CONFIGURATION.format(folder=folder, policy=POLICY, ess=ess))

    def reply(self, query: bytes) -> bytes:
        """DER of the ``TimeStampResp``."""
        (self._folder / "query").write_bytes(query)
        command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-signer", "tsa.pem"]
        command += ["-inkey", "tsa-key.pem", "-chain", "chain.pem", "-sha256", "-out", "reply"]
        subprocess.run(command, check=True, capture_output=True, cwd=self._folder)
        return (self._folder / "reply").read_bytes()
