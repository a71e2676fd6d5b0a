"""Seals what outlives a request, so that the store that keeps it holds nothing in clear (``proxy.ports.Sealer``).

Messages are those of the AWS Encryption SDK: AES-256-GCM, key commitment, no trailing signature (who seals is who opens). Data
keys are wrapped by a key in AWS KMS, or by a raw AES key that is derived from the secret that the settings name, and serve many
messages (its caching materials manager), so that no signature costs a request to KMS of its own. The SDK caches a data key for
one encryption context: that is the same for all messages, and what a value is bound to stands, authenticated as well, at the
beginning of what is sealed.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import logging
import struct
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from proxy.errors import InternalError, SettingsError
from proxy.secrets import SecretReference
from proxy.settings import SealingKMSSettings

KEY_BYTES = 32

DATA_KEY_SECONDS = 300.0
DATA_KEY_MESSAGES = 10_000
"""How long, and for how many messages, a data key is used; of those that opened messages the former holds."""

_DATA_KEYS = 1_000
_NAMESPACE = "hash-signing-proxy"
_CONTEXT = {"sealed-by": _NAMESPACE}
"""In clear in every message, and in the log of every use of the key in KMS."""

_LENGTH = struct.Struct(">I")


class MessageSealer:
    """Seals with a key of the settings, or with data keys that AWS KMS wraps.

    Args:
        secret: 32 bytes or more in base64: keyed digests are made with it, and without ``kms`` data keys are wrapped.
        kms: The key that wraps data keys instead.

    Raises:
        SettingsError: The secret cannot be read, or is no such key.
    """

    def __init__(self, secret: SecretReference, kms: SealingKMSSettings | None = None) -> None:
        try:
            key = base64.b64decode(secret.read(), validate=True)
        except (binascii.Error, ValueError) as error:
            raise SettingsError(f"stores.sealing_key: {secret} is not base64") from error
        if len(key) < KEY_BYTES:
            raise SettingsError(f"stores.sealing_key: {secret} does not hold {KEY_BYTES} bytes in base64")
        wrapping_key = _derived(key, b"wrapping")
        self._digest_key = _derived(key, b"keyed digests")
        # The library says nothing of threads: one uses it, which is not the event loop's.
        self._thread = ThreadPoolExecutor(1, "sealing")
        self._make = partial(Messages, wrapping_key) if kms is None else partial(Messages, kms)
        self._messages: Messages | None = None

    async def seal(self, data: bytes, context: Mapping[str, str]) -> bytes:
        """See :meth:`proxy.ports.Sealer.seal`."""
        return await self._in_thread(lambda messages: messages.encrypt(_framed(data, context)))

    async def unseal(self, sealed: bytes, context: Mapping[str, str]) -> bytes:
        """See :meth:`proxy.ports.Sealer.unseal`."""
        framed = await self._in_thread(lambda messages: messages.decrypt(sealed))
        expected = _framed(b"", context)
        if not framed.startswith(expected):
            raise InternalError("what was kept is of another request")
        return framed[len(expected) :]

    def keyed_digest(self, purpose: str, data: bytes) -> bytes:
        """See :meth:`proxy.ports.Sealer.keyed_digest`."""
        return hmac.digest(self._digest_key, purpose.encode() + b"\0" + hashlib.sha256(data).digest(), "sha256")

    async def _in_thread(self, work: "Callable[[Messages], bytes]") -> bytes:
        def run() -> bytes:
            if self._messages is None:
                # Imported when the first message needs it: it takes a second and tens of megabytes.
                self._messages = self._make()
            return work(self._messages)

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)

    async def close(self) -> None:
        """Give back the thread."""
        await asyncio.to_thread(self._thread.shutdown)


def _framed(data: bytes, context: Mapping[str, str]) -> bytes:
    """The context, with its length before it, and the data: one beginning for each context."""
    text = json.dumps(context, sort_keys=True).encode()
    return _LENGTH.pack(len(text)) + text + data


class Messages:
    """The SDK, used by one thread.

    Args:
        wrapping: The raw AES key, or the key in KMS, that wraps data keys.

    Raises:
        InternalError: There are no credentials for KMS.
    """

    def __init__(self, wrapping: bytes | SealingKMSSettings) -> None:
        import aws_encryption_sdk
        from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
        from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
        from aws_cryptographic_material_providers.mpl.errors import ServiceError
        from aws_cryptographic_material_providers.mpl.models import CreateDefaultCryptographicMaterialsManagerInput
        from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError
        from aws_encryption_sdk.identifiers import AlgorithmSuite, CommitmentPolicy
        from aws_encryption_sdk.materials_managers.mpl.cmm import CryptoMaterialsManagerFromMPL
        from botocore.exceptions import BotoCoreError

        # It logs a second time, with a traceback, what it raises.
        logging.getLogger("aws_encryption_sdk").setLevel(logging.CRITICAL)
        self._suite = AlgorithmSuite.AES_256_GCM_HKDF_SHA512_COMMIT_KEY
        self._failures: tuple[type[Exception], ...] = (
            AWSEncryptionSDKClientError,
            ServiceError,
            # What never came to KMS: no credentials, no connection, no answer in time.
            BotoCoreError,
            InvalidTag,
            ValueError,
        )
        self._client: Any = aws_encryption_sdk.EncryptionSDKClient(
            commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT, max_encrypted_data_keys=1
        )
        providers: Any = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
        keyring = _aes_keyring(providers, wrapping) if isinstance(wrapping, bytes) else _kms_keyring(providers, wrapping)
        manager = providers.create_default_cryptographic_materials_manager(
            CreateDefaultCryptographicMaterialsManagerInput(keyring=keyring)
        )
        self._manager = aws_encryption_sdk.CachingCryptoMaterialsManager(
            cache=aws_encryption_sdk.LocalCryptoMaterialsCache(_DATA_KEYS),
            max_age=DATA_KEY_SECONDS,
            max_messages_encrypted=DATA_KEY_MESSAGES,
            backing_materials_manager=CryptoMaterialsManagerFromMPL(manager),
        )

    def encrypt(self, data: bytes) -> bytes:
        """One message. Raises InternalError where no data key can be had."""
        try:
            sealed: bytes
            sealed, _ = self._client.encrypt(
                source=data, materials_manager=self._manager, encryption_context=_CONTEXT, algorithm=self._suite
            )
        except self._failures as error:
            raise InternalError("what is to be kept cannot be sealed") from error
        return sealed

    def decrypt(self, sealed: bytes) -> bytes:
        """What is in a message. Raises InternalError where it is none of these, or its data key cannot be had."""
        try:
            opened: bytes
            opened, header = self._client.decrypt(source=sealed, materials_manager=self._manager)
        except self._failures as error:
            raise InternalError("what was kept cannot be opened") from error
        if dict(header.encryption_context) != _CONTEXT:
            raise InternalError("what was kept is another's")
        return opened


def _aes_keyring(providers: Any, wrapping_key: bytes) -> Any:
    from aws_cryptographic_material_providers.mpl.models import AesWrappingAlg, CreateRawAesKeyringInput

    return providers.create_raw_aes_keyring(
        CreateRawAesKeyringInput(
            key_namespace=_NAMESPACE,
            # Another key has another name, so that what it sealed is refused for that reason.
            key_name=hashlib.sha256(wrapping_key).hexdigest()[:16],
            wrapping_key=wrapping_key,
            wrapping_alg=AesWrappingAlg.ALG_AES256_GCM_IV12_TAG16,
        )
    )


def _kms_keyring(providers: Any, settings: SealingKMSSettings) -> Any:
    """Of one key. The SDK brings its own client, which blocks nobody but this thread, and few times."""
    import boto3
    from aws_cryptographic_material_providers.mpl.models import CreateAwsKmsKeyringInput
    from botocore.config import Config

    client = boto3.client(
        "kms",
        region_name=settings.region,
        endpoint_url=settings.endpoint_url,
        verify=None if settings.ca is None else str(settings.ca),
        config=Config(
            connect_timeout=5,
            read_timeout=5,
            retries={"total_max_attempts": 3, "mode": "standard"},
            proxies={},
            max_pool_connections=1,
        ),
    )
    return providers.create_aws_kms_keyring(CreateAwsKmsKeyringInput(kms_key_id=settings.key, kms_client=client))


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"hash-signing-proxy " + purpose).derive(key)
