"""Keys on a PKCS #11 token (:class:`proxy.ports.KeyBackend`): what goes to the token for a signature is a digest.

Keys are named by their id, which is a digest of the public key and the same on every copy of it, or by an RFC 7512 URI. Every
private key on the token that the user may sign with can be used.
"""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from proxy.call import Call
from proxy.errors import AlgorithmNotAllowed, InvalidParameter, KeyNotFound, NotSupported, SignerError
from proxy.model import Digest, HeldKey, KeyAlgorithm, SignAlgorithm
from proxy.model.pkcs11_uri import PKCS11URI, is_pkcs11_uri
from proxy.outbound import Links
from proxy.ports import Clock
from proxy.settings import PKCS11Settings
from proxy.signers.algorithms import check_request, key_capabilities
from proxy.signers.pkcs11.link import DESTINATION, TokenLink
from proxy.signers.pkcs11.mechanisms import PublicKey, declared, signature_value, signing_request
from proxy.signers.pkcs11.messages import (
    CreateKey,
    FindKeys,
    KeyCreated,
    KeyPlace,
    KeysFound,
    KeysSeen,
    LookAround,
    TokenKey,
)
from proxy.trust.memory import Memory

_REMEMBERED = 4096
_LONGEST_LABEL = 100

_log = structlog.get_logger("proxy.signers")


@dataclass(frozen=True, slots=True)
class _PlacedKey:
    """A key, and where it is."""

    held: HeldKey
    place: KeyPlace
    public_key: PublicKey


class PKCS11Keys:
    """The keys of one token.

    Args:
        settings: Which token, and how it is reached.
        clock: When a key is looked for again.
        links: Where the token's breaker is; its own alone, if none are given.
    """

    name = DESTINATION
    max_digests = 100

    def __init__(self, settings: PKCS11Settings, clock: Clock, links: Links | None = None) -> None:
        self._link = TokenLink(settings, clock, links or Links())
        self._clock = clock
        self._cache_time = timedelta(seconds=settings.key_cache_seconds)
        self._start_seconds = settings.start_seconds
        self._create_seconds = settings.create_seconds if settings.create_keys else None
        self._creating = asyncio.Lock()
        self._keys: Memory[str, _PlacedKey] = Memory(clock, _REMEMBERED, failures=(KeyNotFound, AlgorithmNotAllowed))
        self._told: set[str] = set()

    @property
    def pids(self) -> frozenset[int]:
        """Process ids of the processes in which the token is open."""
        return self._link.pool.pids

    async def start(self) -> None:
        """See :meth:`proxy.ports.KeyBackend.start`."""
        await self._link.pool.start()

    async def list_keys(self, call: Call) -> tuple[HeldKey, ...]:
        """See :meth:`proxy.ports.KeyBackend.list_keys`. A key that cannot be used is left out, with a line in the log."""
        keys: dict[str, HeldKey] = {}
        for found in await self._find(call, FindKeys()):
            try:
                keys.setdefault((placed := self._placed(found)).held.key_id, placed.held)
            except AlgorithmNotAllowed as error:
                self._tell(f"the key with id {found.place.object_id.hex()} and label {found.place.label!r}: {error.detail}")
        return tuple(keys.values())

    async def get_key(self, call: Call, reference: str) -> HeldKey:
        """See :meth:`proxy.ports.KeyBackend.get_key`. A key's id, or an RFC 7512 URI.

        Raises:
            SignerError: Several keys fit the URI.
        """
        return (await self._known(call, reference)).held

    async def sign(
        self, call: Call, key: HeldKey, sign_algorithm: SignAlgorithm, digests: Sequence[Digest]
    ) -> tuple[bytes, ...]:
        """See :meth:`proxy.ports.KeyBackend.sign`. As many signatures are made at a time as there are processes."""
        check_request(key, sign_algorithm, digests, self.max_digests)
        placed = await self._known(call, key.key_id)
        try:
            values = await self._link.sign(call, signing_request(placed.place, placed.public_key, sign_algorithm, digests))
        except KeyNotFound:
            self._keys.forget(key.key_id)
            raise
        return tuple(signature_value(placed.public_key, value) for value in values)

    async def create_key(self, call: Call, algorithm: KeyAlgorithm, label: str | None) -> HeldKey:
        """See :meth:`proxy.ports.KeyBackend.create_key`. The label becomes ``CKA_LABEL``; without one it is a random one."""
        if self._create_seconds is None:
            raise NotSupported("the settings permit no new keys here")
        object_id = secrets.token_bytes(16)
        asked = CreateKey(algorithm, object_id.hex() if label is None else _checked(label), object_id)
        async with call.deadline.enforce(), self._creating:
            made = await self._link.ask(call, asked, KeyCreated, seconds=self._create_seconds, repeatable=False)
        placed = self._placed(made.key)
        self._keys.forget(placed.held.key_id)
        return placed.held

    async def check(self, call: Call) -> None:
        """See :meth:`proxy.ports.KeyBackend.check`: the token answers, and has a key unless new ones are made."""
        seen = await self._link.ask(call, LookAround(), KeysSeen)
        if not seen.any and self._create_seconds is None:
            raise SignerError("there is no private key on the token that its user can see")

    async def close(self) -> None:
        """End the token processes."""
        await self._link.pool.close()

    async def _known(self, call: Call, reference: str) -> _PlacedKey:
        async def load() -> tuple[_PlacedKey, datetime]:
            return await self._load(call, reference), self._clock.now() + self._cache_time

        return await self._keys.recall(call, reference, load)

    async def _load(self, call: Call, reference: str) -> _PlacedKey:
        if is_pkcs11_uri(reference):
            try:
                uri = PKCS11URI.of_key(reference)
            except ValueError as error:
                raise KeyNotFound(f"the reference is no URI of a key: {error}") from error
            found = await self._find(call, FindKeys(uri.object_label, uri.object_id))
            fitting = found if uri.fits(self._link.pool.opened.token) else ()
        else:
            fitting = tuple(one for one in await self._find(call, FindKeys()) if one.place.key_id == reference)
        if not fitting:
            raise KeyNotFound("there is no key of this id")
        if len({one.place.key_id for one in fitting}) > 1:
            raise SignerError("several keys on the token fit the reference")
        return self._placed(fitting[0])

    async def _find(self, call: Call, asked: FindKeys) -> tuple[TokenKey, ...]:
        found = await self._link.ask(call, asked, KeysFound, seconds=self._start_seconds)
        for reason in found.unusable:
            self._tell(reason)
        return found.keys

    def _placed(self, found: TokenKey) -> _PlacedKey:
        """A key of the token as one of the contract's. Raises AlgorithmNotAllowed where it is none."""
        try:
            public_key = load_der_public_key(found.public_key)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise AlgorithmNotAllowed("the key's public key cannot be read") from error
        able = declared(key_capabilities(public_key), self._link.pool.opened.mechanisms)
        assert isinstance(public_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)  # or it would be able to do nothing
        held = HeldKey(
            key_id=found.place.key_id,
            public_key=public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            sign_algorithms=able.sign_algorithms,
            hash_algorithms=able.hash_algorithms,
            backend=self.name,
        )
        return _PlacedKey(held, found.place, public_key)

    def _tell(self, reason: str) -> None:
        """Once: lists are asked for often."""
        if reason not in self._told:
            self._told.add(reason)
            _log.warning("pkcs11.unusable_key", reason=reason)


def _checked(label: str) -> str:
    if not 0 < len(label) <= _LONGEST_LABEL or not label.isprintable():
        raise InvalidParameter(f"a label has 1 to {_LONGEST_LABEL} printable characters")
    return label
