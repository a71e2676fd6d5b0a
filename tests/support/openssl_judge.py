"""openssl's opinion of a signature value."""

import subprocess
from pathlib import Path

from proxy.model import Digest, SignAlgorithm


class Judge:
    """``openssl pkeyutl -verify``.

    Args:
        folder: For the files it reads.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def accepts(self, public_key: bytes, sign_algorithm: SignAlgorithm, digest: Digest, value: bytes) -> bool:
        """Whether the value fits; ``public_key`` is DER of the SubjectPublicKeyInfo."""
        for name, content in (("public.der", public_key), ("digest", digest.value), ("value", value)):
            (self._folder / name).write_bytes(content)
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "public.der"]
        command += ["-in", "digest", "-sigfile", "value", "-pkeyopt", f"digest:{digest.algorithm.hashlib_name}"]
        if sign_algorithm is SignAlgorithm.RSASSA_PSS:
            command += ["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", f"rsa_pss_saltlen:{digest.algorithm.digest_size}"]
            command += ["-pkeyopt", f"rsa_mgf1_md:{digest.algorithm.hashlib_name}"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self._folder, check=False)
        assert (done.returncode == 0) == ("Signature Verified Successfully" in done.stdout)
        return done.returncode == 0


def openssl_request(der: bytes) -> str | None:
    """What ``openssl req`` reads in a certification request (DER); ``None`` where its signature is not its key's.

    It tells by its text: older versions exit with 0 whatever they find.
    """
    command = ["openssl", "req", "-verify", "-inform", "DER", "-noout", "-text", "-nameopt", "RFC2253,utf8,-esc_msb"]
    done = subprocess.run(command, input=der, capture_output=True, check=False)
    return done.stdout.decode() if b"self-signature verify OK" in done.stderr else None
