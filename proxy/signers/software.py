"""Keys in files: for development, for the sandbox's central signer, and for tests. Not for keys that matter.

``keys/<keyId>.pem`` holds a private key (PKCS #8, unencrypted), ``certificates/<certificateId>.pem`` a certificate and then its
chain. A certificate belongs to the key whose SubjectPublicKeyInfo it holds. Keys are parsed once; signing runs in threads.
"""

import asyncio
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from proxy.call import Call
from proxy.errors import (
    AlgorithmNotAllowed,
    CertificateKeyMismatch,
    CertificateNotFound,
    InvalidParameter,
    KeyNotFound,
    SettingsError,
    SignerError,
)
from proxy.model import Credential, Digest, MaintenanceState, SignAlgorithm
from proxy.settings import SoftwareSettings
from proxy.signers.algorithms import capabilities, check_request
from proxy.signers.verification import HASHES, rsa_padding
from proxy.trust.certificates import issued_by, public_key_info, read_certificate

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_T = TypeVar("_T")

_log = structlog.get_logger("proxy.signers")


class SoftwareSigner:
    """The keys and certificates of one folder (:class:`proxy.ports.SignerBackend`).

    Args:
        settings: Where they are.

    Raises:
        SettingsError: A file cannot be read or holds what cannot be used.
    """

    name = "software"
    max_digests = 100

    def __init__(self, settings: SoftwareSettings) -> None:
        self._certificates = settings.directory / "certificates"
        self._keys = _load_keys(settings.directory / "keys")
        self._by_public_key = {_public_key_info(key): key for key in self._keys.values()}
        self._credentials: dict[str, Credential] = {}
        for path in sorted(self._certificates.glob("*.pem")):
            self._load_certificate(path)
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, "software-signer")
        self._registering = asyncio.Lock()

    def _load_certificate(self, path: Path) -> None:
        try:
            certificates = [entry.public_bytes(Encoding.DER) for entry in x509.load_pem_x509_certificates(path.read_bytes())]
            credential = _credential(path.stem, certificates[0], certificates[1:])
        except (OSError, ValueError, AlgorithmNotAllowed) as error:
            raise SettingsError(f"{path}: {error}") from error
        if public_key_info(credential.certificate) in self._by_public_key:
            self._credentials[path.stem] = credential
        else:
            _log.warning("software.certificate_without_key", certificateId=path.stem)

    async def sign_digests(
        self, call: Call, credential: Credential, sign_algorithm: SignAlgorithm, digests: Sequence[Digest]
    ) -> tuple[bytes, ...]:
        """See :meth:`proxy.ports.DigestSigner.sign_digests`."""
        own = self._own(credential.certificate_id)
        check_request(own, sign_algorithm, digests, self.max_digests)
        key = self._by_public_key[public_key_info(own.certificate)]
        return await self._in_thread(call, partial(_sign, key, sign_algorithm, tuple(digests)))

    async def list_credentials(self, call: Call) -> tuple[Credential, ...]:  # noqa: ARG002 - the port's signature
        """See :meth:`proxy.ports.CertificateSource.list_credentials`."""
        return tuple(self._credentials.values())

    async def get_credential(self, call: Call, certificate_id: str) -> Credential:  # noqa: ARG002 - the port's signature
        """See :meth:`proxy.ports.CertificateSource.get_credential`."""
        return self._own(certificate_id)

    async def register_certificate(self, call: Call, key_id: str, certificate: bytes, chain: Sequence[bytes]) -> Credential:
        """See :meth:`proxy.ports.CertificateSource.register_certificate`.

        The id is the first half of the certificate's SHA-256, so registering it again changes nothing.
        """
        if key_id not in self._keys:
            raise KeyNotFound("there is no key of this id")
        try:
            credential = _credential(sha256(certificate).hexdigest()[:32], certificate, chain)
            links = [read_certificate(der) for der in (certificate, *chain)]
            same_key = public_key_info(certificate) == _public_key_info(self._keys[key_id])
        except ValueError as error:
            raise InvalidParameter("certificate and chain must be DER certificates") from error
        if not same_key:
            raise CertificateKeyMismatch("the certificate does not hold the public key of this key id")
        if not all(issued_by(one, issuer) for one, issuer in pairwise(links)):
            raise InvalidParameter("each certificate of the chain must have issued the one before", fields={"chain": "order"})
        path = self._certificates / f"{credential.certificate_id}.pem"
        async with self._registering:
            try:
                await self._in_thread(call, partial(_write, path, [entry.public_bytes(Encoding.PEM) for entry in links]))
            except OSError as error:
                _log.exception("software.not_stored", certificateId=credential.certificate_id)
                raise SignerError("the certificate could not be stored") from error
            self._credentials[credential.certificate_id] = credential
        return credential

    async def maintenance(self, call: Call) -> MaintenanceState:  # noqa: ARG002 - the port's signature
        """Never in maintenance."""
        return MaintenanceState(in_maintenance=False)

    async def close(self) -> None:
        """Let running signatures end and give back the threads."""
        await asyncio.to_thread(self._threads.shutdown)

    def _own(self, certificate_id: str) -> Credential:
        try:
            return self._credentials[certificate_id]
        except KeyError as error:
            raise CertificateNotFound("there is no certificate of this id") from error

    async def _in_thread(self, call: Call, work: Callable[[], _T]) -> _T:
        async with call.deadline.enforce():
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _load_keys(folder: Path) -> dict[str, PrivateKey]:
    keys: dict[str, PrivateKey] = {}
    for path in sorted(folder.glob("*.pem")):
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise SettingsError(f"{path}: no unencrypted private key: {error}") from error
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise SettingsError(f"{path}: neither an RSA nor an EC key")
        keys[path.stem] = key
    return keys


def _public_key_info(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _credential(certificate_id: str, certificate: bytes, chain: Sequence[bytes]) -> Credential:
    able = capabilities(read_certificate(certificate))
    return Credential(
        certificate_id=certificate_id,
        certificate=certificate,
        chain=tuple(chain),
        sign_algorithms=able.sign_algorithms,
        hash_algorithms=able.hash_algorithms,
        backend=SoftwareSigner.name,
    )


def _sign(key: PrivateKey, sign_algorithm: SignAlgorithm, digests: tuple[Digest, ...]) -> tuple[bytes, ...]:
    values = []
    for digest in digests:
        prehashed = Prehashed(HASHES[digest.algorithm])
        if isinstance(key, rsa.RSAPrivateKey):
            values.append(key.sign(digest.value, rsa_padding(sign_algorithm, digest.algorithm), prehashed))
        else:
            values.append(key.sign(digest.value, ec.ECDSA(prehashed)))
    return tuple(values)


def _write(path: Path, certificates: list[bytes]) -> None:
    """Put the file there in one step and durably: a task that dies leaves the old state or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".", suffix=".partial", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(certificates)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
