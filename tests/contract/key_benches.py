"""Key backends under test: each with a key of every kind, made where it keeps its keys, by other means than the port."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from proxy.model import HashAlgorithm, KeyAlgorithm, SignAlgorithm
from proxy.ports import KeyBackend
from proxy.settings import KMSSettings, PKCS11Settings, SoftwareSettings
from proxy.signers.kms import KMSKeys
from proxy.signers.kms_algorithms import KEY_SPECS
from proxy.signers.pkcs11.keys import PKCS11Keys
from proxy.signers.software import SoftwareKeys
from tests.support.emulators import CREDENTIALS, REGION
from tests.support.keys import PrivateKey, ec_key, rsa_key
from tests.support.localstack import LocalStack
from tests.support.pki import FixedClock
from tests.support.softhsm import SoftHSM

RSA = (SignAlgorithm.RSASSA_PKCS1_V1_5, SignAlgorithm.RSASSA_PSS)

KINDS: dict[str, KeyAlgorithm] = {
    "rsa-2048": KeyAlgorithm.RSA_2048,
    "rsa-3072": KeyAlgorithm.RSA_3072,
    "rsa-4096": KeyAlgorithm.RSA_4096,
    "p256": KeyAlgorithm.P_256,
    "p384": KeyAlgorithm.P_384,
    "p521": KeyAlgorithm.P_521,
}
"""Certificate ids of a bench, and what their keys are."""

MAKE: dict[str, Callable[[], PrivateKey]] = {
    "rsa-2048": lambda: rsa_key(2048),
    "rsa-3072": lambda: rsa_key(3072),
    "rsa-4096": lambda: rsa_key(4096),
    "p256": lambda: ec_key("secp256r1"),
    "p384": lambda: ec_key("secp384r1"),
    "p521": lambda: ec_key("secp521r1"),
}

OWN_HASH = {"p256": HashAlgorithm.SHA256, "p384": HashAlgorithm.SHA384, "p521": HashAlgorithm.SHA512}

KEY_BACKENDS = ("software", "kms", "pkcs11")
"""Every backend that holds keys. A new one adds its name here and a bench below, and both suites must be green."""

_NAMES = {kind: name for name, kind in KINDS.items()}


def private_key(algorithm: KeyAlgorithm) -> PrivateKey:
    return MAKE[_NAMES[algorithm]]()


class KeyBench(ABC):
    """Where the keys of one backend are.

    Attributes:
        name: The backend's.
        one_hash_a_curve: Whether a curve signs the hash of its own strength alone.
        environment: What a process needs to reach it.
    """

    name: str
    one_hash_a_curve = False
    environment: Mapping[str, str] = {}

    def __init__(self) -> None:
        self._made: dict[KeyAlgorithm, str] = {}

    def reference(self, algorithm: KeyAlgorithm) -> str:
        """What the backend knows its key of this kind by; made when first asked for."""
        if algorithm not in self._made:
            self._made[algorithm] = self._make(algorithm)
        return self._made[algorithm]

    def hashes(self, algorithm: KeyAlgorithm) -> set[HashAlgorithm]:
        """What its key of this kind signs."""
        own = OWN_HASH.get(_NAMES[algorithm])
        return {own} if self.one_hash_a_curve and own is not None else set(HashAlgorithm)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[KeyBackend]:
        """The backend with the keys that were asked for, allowed to make others. Opened again, it is as after a restart."""
        keys = self._open()
        await keys.start()
        try:
            yield keys
        finally:
            await keys.close()

    @abstractmethod
    def _make(self, algorithm: KeyAlgorithm) -> str: ...

    @abstractmethod
    def _open(self) -> KeyBackend: ...


class SoftwareBench(KeyBench):
    """Keys in files."""

    name = "software"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def _make(self, algorithm: KeyAlgorithm) -> str:
        pem = private_key(algorithm).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self._folder / f"{algorithm}.pem").write_bytes(pem)
        return str(algorithm)

    def _open(self) -> KeyBackend:
        return SoftwareKeys(SoftwareSettings(directory=self._folder, create_keys=True))


class PKCS11Bench(KeyBench):
    """Keys on a token of SoftHSM's, named by RFC 7512 URIs."""

    name = "pkcs11"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._hsm = SoftHSM.make(folder)
        self._hsm.add_token("contract")
        self.environment = self._hsm.environment

    def _make(self, algorithm: KeyAlgorithm) -> str:
        self._hsm.add_key("contract", private_key(algorithm), algorithm, algorithm.encode())
        return f"pkcs11:token=contract;object={algorithm};type=private"

    def _open(self) -> KeyBackend:
        settings = self._hsm.settings(token="contract", processes=1, create_keys=True)
        return PKCS11Keys(PKCS11Settings.model_validate(settings), FixedClock())


class KMSBench(KeyBench):
    """Keys that Amazon's own SDK made in LocalStack, named by ARNs."""

    name = "kms"
    one_hash_a_curve = True
    environment = CREDENTIALS

    def __init__(self, localstack: LocalStack) -> None:
        super().__init__()
        self._localstack = localstack
        self._client = localstack.client()

    def _make(self, algorithm: KeyAlgorithm) -> str:
        made = self._client.create_key(KeySpec=KEY_SPECS[algorithm], KeyUsage="SIGN_VERIFY")
        return str(made["KeyMetadata"]["Arn"])

    def _open(self) -> KeyBackend:
        settings = {
            "region": REGION,
            "endpoint_url": self._localstack.url,
            "keys": tuple(self._made.values()),
            "create_under": "alias/contract/",
            "timeout_seconds": 20.0,
        }
        return KMSKeys(KMSSettings.model_validate(settings), 4, FixedClock())
