"""Keys in AWS KMS (:class:`proxy.ports.KeyBackend`): what leaves for a signature is a key's ARN, an algorithm and a digest.

Keys are named in the settings, or found under the alias prefix that keys may be created under. A key's id is the last part of
its ARN; requests name the ARN, so that keys of other accounts work and an alias that moves cannot change a key under way.
"""

import asyncio
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from proxy.call import Call
from proxy.errors import (
    AlgorithmNotAllowed,
    InvalidParameter,
    KeyNotFound,
    NotSupported,
    ProxyError,
    SignerError,
)
from proxy.model import Digest, HeldKey, KeyAlgorithm, SignAlgorithm
from proxy.outbound import Links
from proxy.ports import Clock
from proxy.settings import KMSSettings
from proxy.signers.algorithms import check_request
from proxy.signers.kms_algorithms import KEY_SPECS, checked_public_key, key_capabilities, signing_algorithm
from proxy.signers.kms_answers import AliasesAnswer, KeyAnswer, KeyMetadata, NoAnswer, PublicKeyAnswer, SignAnswer
from proxy.signers.kms_connection import DESTINATION, KMSConnection
from proxy.signers.kms_failures import KeyStateRefused, state_failure
from proxy.trust.memory import Memory

_REMEMBERED = 4096
_MOST_PAGES = 100
_AT_ONCE = 8
"""Digests of one call that are at KMS at a time: it signs one a request."""

_LABEL = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9/_-]{0,99}")
_SMALLEST_DELETION_WINDOW = 7

_UNUSABLE = (KeyNotFound, AlgorithmNotAllowed, KeyStateRefused)
"""What is wrong with one key, not with the service."""

_UNKNOWN = (KeyNotFound, AlgorithmNotAllowed, SignerError)
"""Why nothing is known of a key: the former, and no access or an odd answer."""

_log = structlog.get_logger("proxy.signers")


@dataclass(frozen=True, slots=True)
class _KMSKey:
    """A key, and what it is asked for by: ``reference`` as the settings have it, and its ARN."""

    reference: str
    arn: str
    key: HeldKey


class KMSKeys:
    """The keys of the settings, in one region.

    Args:
        settings: Which ones, where, and whether keys may be created.
        in_flight: How many requests at a time.
        clock: When a key is asked for again.
        links: Where its breaker is; its own alone, if none are given.

    Raises:
        SettingsError: The endpoint or a file cannot be used.
    """

    name = DESTINATION
    max_digests = 100

    def __init__(self, settings: KMSSettings, in_flight: int, clock: Clock, links: Links | None = None) -> None:
        self._connection = KMSConnection(settings, in_flight, links or Links())
        self._references = settings.keys
        self._prefix = settings.create_under
        self._clock = clock
        self._cache_time = timedelta(seconds=settings.key_cache_seconds)
        self._keys: Memory[str, _KMSKey] = Memory(clock, _REMEMBERED, failures=_UNKNOWN)
        self._listed: Memory[str, tuple[str, ...]] = Memory(clock, 1)
        self._created: dict[str, None] = {}
        self._arns: dict[str, str] = {}

    async def start(self) -> None:
        """See :meth:`proxy.ports.KeyBackend.start`. Connections are made when they are needed."""

    async def list_keys(self, call: Call) -> tuple[HeldKey, ...]:
        """See :meth:`proxy.ports.KeyBackend.list_keys`. A key that cannot be used is left out, with a line in the log."""
        found: dict[str, HeldKey] = {}
        failed: SignerError | None = None
        for reference in await self._permitted(call):
            try:
                found.setdefault((held := await self._known(call, reference)).key.key_id, held.key)
            except _UNUSABLE:
                continue
            except SignerError as error:
                failed = error  # no access to this one, perhaps; if to none, that is no empty list
        if failed is not None and not found:
            raise failed
        return tuple(found.values())

    async def get_key(self, call: Call, reference: str) -> HeldKey:
        """See :meth:`proxy.ports.KeyBackend.get_key`. A key id, an ARN, or an alias, if the settings permit the key."""
        return (await self._find(call, reference)).key

    async def sign(
        self, call: Call, key: HeldKey, sign_algorithm: SignAlgorithm, digests: Sequence[Digest]
    ) -> tuple[bytes, ...]:
        """See :meth:`proxy.ports.KeyBackend.sign`. One request a digest, some at a time."""
        hash_algorithm = check_request(key, sign_algorithm, digests, self.max_digests)
        held = await self._find(call, key.key_id)
        algorithm = signing_algorithm(sign_algorithm, hash_algorithm)
        turns = asyncio.Semaphore(_AT_ONCE)
        tasks = [asyncio.ensure_future(self._sign(call, turns, held, algorithm, digest)) for digest in digests]
        try:
            return tuple(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def create_key(self, call: Call, algorithm: KeyAlgorithm, label: str | None) -> HeldKey:
        """See :meth:`proxy.ports.KeyBackend.create_key`. The label becomes its alias, below the prefix of the settings."""
        if self._prefix is None:
            raise NotSupported("the settings permit no new keys here")
        if label is not None:
            await self._check_label(call, label)
        asked = {"KeySpec": KEY_SPECS[algorithm], "KeyUsage": "SIGN_VERIFY", "Description": label or "hash-signing-proxy"}
        arn = (await self._connection.ask(call, "CreateKey", asked, KeyAnswer)).key_metadata.arn
        alias = {"AliasName": self._prefix + (label or _key_id(arn)), "TargetKeyId": arn}
        try:
            await self._connection.ask(call, "CreateAlias", alias, NoAnswer)
        except ProxyError:
            await self._discard(call, arn)
            raise
        self._created[arn] = None
        return (await self._known(call, arn)).key

    async def check(self, call: Call) -> None:
        """See :meth:`proxy.ports.KeyBackend.check`: one of the keys at least can sign."""
        failed: ProxyError | None = None
        for reference in await self._permitted(call):
            try:
                failed = _refusal(await self._describe(call, reference))
            except _UNKNOWN as error:
                failed = error
            if failed is None:
                return
        if failed is not None:
            raise SignerError("none of the keys can be used") from failed

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def _permitted(self, call: Call) -> tuple[str, ...]:
        """What the settings name, what lies below their prefix, and what was created since that was listed."""
        listed: tuple[str, ...] = ()
        if self._prefix is not None:

            async def load(prefix: str = self._prefix) -> tuple[tuple[str, ...], datetime]:
                return await self._aliases(call, prefix), self._clock.now() + self._cache_time

            listed = await self._listed.recall(call, "", load)
        return tuple(dict.fromkeys((*self._references, *listed, *self._created)))

    async def _aliases(self, call: Call, prefix: str) -> tuple[str, ...]:
        found: list[str] = []
        page: dict[str, object] = {"Limit": 100}
        for _ in range(_MOST_PAGES):
            answer = await self._connection.ask(call, "ListAliases", page, AliasesAnswer)
            found += [one.alias_name for one in answer.aliases if one.target_key_id and one.alias_name.startswith(prefix)]
            if not answer.truncated or not answer.next_marker:
                return tuple(found)
            page["Marker"] = answer.next_marker
        raise SignerError("the key service's list of aliases does not end")

    async def _find(self, call: Call, reference: str) -> _KMSKey:
        permitted = await self._permitted(call)
        if reference in permitted or self._lies_below_the_prefix(reference):
            return await self._known(call, reference)
        failed: ProxyError = KeyNotFound("there is no key of this id")
        for other in permitted:
            try:
                held = await self._known(call, other)
            except _UNKNOWN as error:
                if self._means(other, reference):
                    raise
                if not isinstance(error, _UNUSABLE):
                    failed = error  # which key it is could not be found out: it may have been the one
                continue
            if self._means(other, reference):
                return held
        raise failed

    def _lies_below_the_prefix(self, reference: str) -> bool:
        """Another task may have made the key since the aliases were listed."""
        if self._prefix is None or not reference.startswith(self._prefix):
            return False
        return _LABEL.fullmatch(reference.removeprefix(self._prefix)) is not None

    def _means(self, permitted: str, reference: str) -> bool:
        arn = self._arns.get(permitted)
        return arn is not None and reference in {arn, _key_id(arn)}

    async def _known(self, call: Call, reference: str) -> _KMSKey:
        async def load() -> tuple[_KMSKey, datetime]:
            try:
                return await self._load(call, reference), self._clock.now() + self._cache_time
            except _UNKNOWN as error:
                _log.warning("kms.unusable_key", reference=reference, detail=error.detail)
                raise

        return await self._keys.recall(call, reference, load)

    async def _load(self, call: Call, reference: str) -> _KMSKey:
        metadata = await self._describe(call, reference)
        self._arns[reference] = metadata.arn
        if (refusal := _refusal(metadata)) is not None:
            raise refusal
        public = await self._connection.ask(call, "GetPublicKey", {"KeyId": metadata.arn}, PublicKeyAnswer)
        if public.key_id != metadata.arn:
            raise SignerError("the key service answered for another key")
        able = key_capabilities(public.signing_algorithms)
        key = HeldKey(
            key_id=_key_id(metadata.arn),
            public_key=checked_public_key(public.public_key, metadata.key_spec),
            sign_algorithms=able.sign_algorithms,
            hash_algorithms=able.hash_algorithms,
            backend=self.name,
        )
        return _KMSKey(reference, metadata.arn, key)

    async def _describe(self, call: Call, reference: str) -> KeyMetadata:
        return (await self._connection.ask(call, "DescribeKey", {"KeyId": reference}, KeyAnswer)).key_metadata

    async def _sign(self, call: Call, turns: asyncio.Semaphore, held: _KMSKey, algorithm: str, digest: Digest) -> bytes:
        asked = {
            "KeyId": held.arn,
            "Message": b64encode(digest.value).decode("ascii"),
            "MessageType": "DIGEST",
            "SigningAlgorithm": algorithm,
        }
        try:
            async with turns:
                answer = await self._connection.ask(call, "Sign", asked, SignAnswer)
        except KeyStateRefused as error:
            self._keys.forget(held.reference)
            raise state_failure((await self._describe(call, held.arn)).key_state) or error from error
        except (KeyNotFound, AlgorithmNotAllowed):
            self._keys.forget(held.reference)
            raise
        if (answer.key_id, answer.signing_algorithm) != (held.arn, algorithm):
            raise SignerError("the key service signed with another key or algorithm than it was asked to")
        return answer.signature

    async def _check_label(self, call: Call, label: str) -> None:
        if not _LABEL.fullmatch(label):
            raise InvalidParameter("a label has 1 to 100 letters, digits, slashes, hyphens and underscores")
        try:
            await self._describe(call, f"{self._prefix}{label}")
        except KeyNotFound:
            return
        raise InvalidParameter("another key has this label")

    async def _discard(self, call: Call, arn: str) -> None:
        """A key without its alias would be lost from sight: it goes again, as soon as the service lets it."""
        asked = {"KeyId": arn, "PendingWindowInDays": _SMALLEST_DELETION_WINDOW}
        try:
            await self._connection.ask(call, "ScheduleKeyDeletion", asked, NoAnswer)
        except ProxyError as error:
            _log.warning("kms.key_left_behind", keyId=_key_id(arn), detail=error.detail)


def _refusal(metadata: KeyMetadata) -> ProxyError | None:
    """Why a key cannot sign; ``None`` where it can."""
    if metadata.key_usage != "SIGN_VERIFY" or metadata.key_spec not in KEY_SPECS.values():
        return AlgorithmNotAllowed("the key is not one that signs by the contract")
    return state_failure(metadata.key_state)


def _key_id(arn: str) -> str:
    return arn.rpartition("/")[2]
