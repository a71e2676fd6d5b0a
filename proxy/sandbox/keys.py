"""Private keys of the sandbox: generated once, in parallel, and kept as unencrypted PKCS #8 in PEM."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from proxy.errors import SettingsError
from proxy.sandbox.folder import write_file

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class KeyKind(Enum):
    """Kinds of keys. RSA-3072 and P-256 are what CRYPTREC's list lets a new key be for the years to come."""

    RSA_2048 = "RSA-2048"
    RSA_3072 = "RSA-3072"
    RSA_4096 = "RSA-4096"
    P256 = "P-256"
    P384 = "P-384"
    P521 = "P-521"

    @property
    def effort(self) -> int:
        """What generating one costs, as a rank: bits of an RSA modulus, nothing for a curve."""
        return int(self.value.removeprefix("RSA-")) if self.value.startswith("RSA-") else 0

    def generate(self) -> PrivateKey:
        """A new key; RSA ones take a tenth of a second to a second."""
        if self is KeyKind.P256:
            return ec.generate_private_key(ec.SECP256R1())
        if self is KeyKind.P384:
            return ec.generate_private_key(ec.SECP384R1())
        if self is KeyKind.P521:
            return ec.generate_private_key(ec.SECP521R1())
        return rsa.generate_private_key(public_exponent=65_537, key_size=self.effort)


def ensure_keys(wanted: Mapping[Path, KeyKind]) -> None:
    """Generate each key whose file is not there yet.

    Generation releases the interpreter's lock, so threads use all cores. The large keys go first: the last to end decides.
    """
    missing = sorted((item for item in wanted.items() if not item[0].exists()), key=lambda item: item[1].effort, reverse=True)

    def make(item: tuple[Path, KeyKind]) -> None:
        path, kind = item
        write_file(path, kind.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), private=True)

    with ThreadPoolExecutor(os.cpu_count() or 1, "keygen") as threads:
        for _ in threads.map(make, missing):
            pass


def load_key(path: Path) -> PrivateKey:
    """The key in a PEM file.

    Raises:
        SettingsError: The file is missing, or holds no RSA or EC private key.
    """
    try:
        # Its primes are not tested again: that takes a tenth of a second a key, and the sandbox made them itself.
        key = load_pem_private_key(path.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True)
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(f"{path}: no private key: {error}") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise SettingsError(f"{path}: neither an RSA nor an EC key")
    return key
