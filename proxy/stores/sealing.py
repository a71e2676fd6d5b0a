"""Seals what outlives a request, so that the store that keeps it holds nothing in clear (``proxy.ports.Sealer``).

Messages are those of the AWS Encryption SDK: AES-256-GCM with a data key of their own, key commitment, no trailing signature
(who seals is who opens), and the encryption context as authenticated data. The wrapping key is a raw AES key derived from the
secret that the settings name.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from proxy.errors import InternalError, SettingsError
from proxy.secrets import SecretReference

KEY_BYTES = 32
_NAMESPACE = "hash-signing-proxy"

_T = TypeVar("_T")


class AESSealer:
    """Seals with a key of the settings.

    Args:
        secret: 32 bytes in base64.

    Raises:
        SettingsError: The secret cannot be read, or is no such key.
    """

    def __init__(self, secret: SecretReference) -> None:
        try:
            key = base64.b64decode(secret.read(), validate=True)
        except (binascii.Error, ValueError) as error:
            raise SettingsError(f"stores.sealing_key: {secret} is not base64") from error
        if len(key) != KEY_BYTES:
            raise SettingsError(f"stores.sealing_key: {secret} does not hold {KEY_BYTES} bytes in base64")
        self._wrapping_key = _derived(key, b"wrapping")
        self._digest_key = _derived(key, b"keyed digests")
        # The library says nothing of threads: one uses it, which is not the event loop's.
        self._thread = ThreadPoolExecutor(1, "sealing")
        self._sdk: _Messages | None = None

    async def seal(self, data: bytes, context: Mapping[str, str]) -> bytes:
        """See :meth:`proxy.ports.Sealer.seal`."""
        return await self._in_thread(lambda messages: messages.encrypt(data, dict(context)))

    async def unseal(self, sealed: bytes, context: Mapping[str, str]) -> bytes:
        """See :meth:`proxy.ports.Sealer.unseal`."""
        return await self._in_thread(lambda messages: messages.decrypt(sealed, dict(context)))

    def keyed_digest(self, purpose: str, data: bytes) -> bytes:
        """See :meth:`proxy.ports.Sealer.keyed_digest`."""
        return hmac.digest(self._digest_key, purpose.encode() + b"\0" + hashlib.sha256(data).digest(), "sha256")

    async def _in_thread(self, work: "Callable[[_Messages], _T]") -> _T:
        def run() -> _T:
            if self._sdk is None:
                self._sdk = _Messages(self._wrapping_key)
            return work(self._sdk)

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)

    async def close(self) -> None:
        """Give back the thread."""
        await asyncio.to_thread(self._thread.shutdown)


class _Messages:
    """The SDK, imported when the first message needs it: it takes a second and tens of megabytes."""

    def __init__(self, wrapping_key: bytes) -> None:
        import aws_encryption_sdk
        from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
        from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
        from aws_cryptographic_material_providers.mpl.models import AesWrappingAlg, CreateRawAesKeyringInput
        from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError
        from aws_encryption_sdk.identifiers import AlgorithmSuite, CommitmentPolicy

        # It logs a second time, with a traceback, what it raises.
        logging.getLogger("aws_encryption_sdk").setLevel(logging.CRITICAL)
        self._suite = AlgorithmSuite.AES_256_GCM_HKDF_SHA512_COMMIT_KEY
        self._failures: tuple[type[Exception], ...] = (AWSEncryptionSDKClientError, InvalidTag, ValueError)
        self._client: Any = aws_encryption_sdk.EncryptionSDKClient(
            commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT, max_encrypted_data_keys=1
        )
        providers: Any = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
        self._keyring = providers.create_raw_aes_keyring(
            CreateRawAesKeyringInput(
                key_namespace=_NAMESPACE,
                # Another key has another name, so that what it sealed is refused for that reason.
                key_name=hashlib.sha256(wrapping_key).hexdigest()[:16],
                wrapping_key=wrapping_key,
                wrapping_alg=AesWrappingAlg.ALG_AES256_GCM_IV12_TAG16,
            )
        )

    def encrypt(self, data: bytes, context: dict[str, str]) -> bytes:
        sealed: bytes
        sealed, _ = self._client.encrypt(source=data, keyring=self._keyring, encryption_context=context, algorithm=self._suite)
        return sealed

    def decrypt(self, sealed: bytes, context: dict[str, str]) -> bytes:
        try:
            opened: bytes
            opened, header = self._client.decrypt(source=sealed, keyring=self._keyring, encryption_context=context)
        except self._failures as error:
            raise InternalError("what was kept of this request cannot be opened") from error
        if dict(header.encryption_context) != context:
            raise InternalError("what was kept of this request is of another one")
        return opened


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"hash-signing-proxy " + purpose).derive(key)
