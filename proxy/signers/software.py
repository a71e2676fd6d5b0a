"""Keys in files (:class:`proxy.ports.KeyBackend`): for development, the sandbox's central signer, and tests.

A folder holds unencrypted PKCS #8 keys as ``<keyId>.pem``; single files may be PEM or PKCS #12 (RFC 7292), under a password.
Keys are parsed once; signing runs in threads. Not for keys that matter: they are in this process's memory.
"""

import asyncio
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates

from proxy.call import Call
from proxy.errors import AlgorithmNotAllowed, InvalidParameter, KeyNotFound, NotSupported, SettingsError, SignerError
from proxy.model import Digest, HeldKey, KeyAlgorithm, SignAlgorithm
from proxy.secrets import SecretReference
from proxy.settings import KEY_ID, SoftwareSettings
from proxy.signers.algorithms import check_request, key_capabilities
from proxy.signers.verification import HASHES, rsa_padding

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_NAME = re.compile(KEY_ID)
_RSA_BITS = {KeyAlgorithm.RSA_2048: 2048, KeyAlgorithm.RSA_3072: 3072, KeyAlgorithm.RSA_4096: 4096}
_CURVES: dict[KeyAlgorithm, ec.EllipticCurve] = {
    KeyAlgorithm.P_256: ec.SECP256R1(),
    KeyAlgorithm.P_384: ec.SECP384R1(),
    KeyAlgorithm.P_521: ec.SECP521R1(),
}

_T = TypeVar("_T")

_log = structlog.get_logger("proxy.signers")


@dataclass(frozen=True, slots=True)
class _FileKey:
    """A key, parsed."""

    held: HeldKey
    private: PrivateKey


class SoftwareKeys:
    """The keys of a folder and of single files.

    Args:
        settings: Where they are, and whether new ones may be made.

    Raises:
        SettingsError: A file cannot be read, or holds what cannot be used.
    """

    name = "software"
    max_digests = 100

    def __init__(self, settings: SoftwareSettings) -> None:
        self._directory = settings.directory
        self._create_keys = settings.create_keys
        self._keys: dict[str, _FileKey] = {}
        if self._directory is not None:
            _check_directory(self._directory, create_keys=self._create_keys)
            for path in sorted(self._directory.glob("*.pem")):
                self._keys[path.stem] = _load(path.stem, path, None)
        for one in settings.keys:
            if one.id in self._keys:
                raise SettingsError(f"software: two keys have the id {one.id}")
            self._keys[one.id] = _load(one.id, one.file, one.password)
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, "software-keys")

    async def start(self) -> None:
        """See :meth:`proxy.ports.KeyBackend.start`. They are read already."""

    async def list_keys(self, call: Call) -> tuple[HeldKey, ...]:  # noqa: ARG002 - the port's signature
        """See :meth:`proxy.ports.KeyBackend.list_keys`."""
        return tuple(key.held for key in self._keys.values())

    async def get_key(self, call: Call, reference: str) -> HeldKey:
        """See :meth:`proxy.ports.KeyBackend.get_key`. The reference is the key's id."""
        return (await self._find(call, reference)).held

    async def create_key(self, call: Call, algorithm: KeyAlgorithm, label: str | None) -> HeldKey:
        """See :meth:`proxy.ports.KeyBackend.create_key`. The label becomes its id, and the name of its file."""
        if self._directory is None or not self._create_keys:
            raise NotSupported("the settings permit no new keys here")
        key_id = secrets.token_hex(16) if label is None else label
        if not _NAME.fullmatch(key_id):
            raise InvalidParameter("a label has 1 to 100 letters, digits, dots, hyphens and underscores")
        private = await self._in_thread(call, partial(_generate, algorithm))
        try:
            await self._in_thread(call, partial(_write, self._directory / f"{key_id}.pem", private))
        except FileExistsError as error:
            raise InvalidParameter("another key has this label") from error
        except OSError as error:
            _log.exception("software.key_not_stored", keyId=key_id)
            raise SignerError("the key could not be stored") from error
        self._keys[key_id] = made = _file_key(key_id, private)
        return made.held

    async def sign(
        self, call: Call, key: HeldKey, sign_algorithm: SignAlgorithm, digests: Sequence[Digest]
    ) -> tuple[bytes, ...]:
        """See :meth:`proxy.ports.KeyBackend.sign`."""
        check_request(key, sign_algorithm, digests, self.max_digests)
        own = await self._find(call, key.key_id)
        return await self._in_thread(call, partial(_sign, own.private, sign_algorithm, tuple(digests)))

    async def check(self, call: Call) -> None:
        """See :meth:`proxy.ports.KeyBackend.check`. They are in memory."""

    async def close(self) -> None:
        """Let running signatures end and give back the threads."""
        await asyncio.to_thread(self._threads.shutdown)

    async def _find(self, call: Call, key_id: str) -> _FileKey:
        found = self._keys.get(key_id)
        if found is None and self._directory is not None and _NAME.fullmatch(key_id):
            path = self._directory / f"{key_id}.pem"
            if await self._in_thread(call, path.exists):  # another process made it
                try:
                    found = self._keys[key_id] = await self._in_thread(call, partial(_load, key_id, path, None))
                except SettingsError as error:
                    raise SignerError("the key cannot be read") from error
        if found is None:
            raise KeyNotFound("there is no key of this id")
        return found

    async def _in_thread(self, call: Call, work: Callable[[], _T]) -> _T:
        async with call.deadline.enforce():
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _check_directory(directory: Path, *, create_keys: bool) -> None:
    if (directory / "keys").is_dir():
        raise SettingsError(
            f"software.directory: {directory} holds keys/ and certificates/, as it did for earlier versions. "
            "Name its keys/, and for each certificate a [[credentials]] block"
        )
    if create_keys:
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise SettingsError(f"software.directory: {error}") from error
    elif not directory.is_dir():
        raise SettingsError(f"software.directory: there is no folder {directory}")


def _load(key_id: str, path: Path, password: SecretReference | None) -> _FileKey:
    secret = None if password is None else password.read().encode()
    try:
        content = path.read_bytes()
        is_pem = b"-----BEGIN" in content
        key = load_pem_private_key(content, secret) if is_pem else load_key_and_certificates(content, secret)[0]
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"{path}: no private key can be read from it: {error}") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise SettingsError(f"{path}: neither an RSA nor an EC key")
    try:
        return _file_key(key_id, key)
    except AlgorithmNotAllowed as error:
        raise SettingsError(f"{path}: {error.detail}") from error


def _file_key(key_id: str, private: PrivateKey) -> _FileKey:
    public = private.public_key()
    able = key_capabilities(public)
    held = HeldKey(
        key_id=key_id,
        public_key=public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        sign_algorithms=able.sign_algorithms,
        hash_algorithms=able.hash_algorithms,
        backend=SoftwareKeys.name,
    )
    return _FileKey(held, private)


def _sign(key: PrivateKey, sign_algorithm: SignAlgorithm, digests: tuple[Digest, ...]) -> tuple[bytes, ...]:
    values = []
    for digest in digests:
        prehashed = Prehashed(HASHES[digest.algorithm])
        if isinstance(key, rsa.RSAPrivateKey):
            values.append(key.sign(digest.value, rsa_padding(sign_algorithm, digest.algorithm), prehashed))
        else:
            values.append(key.sign(digest.value, ec.ECDSA(prehashed)))
    return tuple(values)


def _generate(algorithm: KeyAlgorithm) -> PrivateKey:
    if algorithm in _RSA_BITS:
        return rsa.generate_private_key(65_537, _RSA_BITS[algorithm])
    return ec.generate_private_key(_CURVES[algorithm])


def _write(path: Path, key: PrivateKey) -> None:
    """Put the file there whole, durably, for this user alone, and never over another. Raises ``FileExistsError``."""
    descriptor, name = tempfile.mkstemp(prefix=".", suffix=".partial", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(temporary)
    finally:
        temporary.unlink(missing_ok=True)
