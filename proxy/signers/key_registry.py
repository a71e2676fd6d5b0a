"""Keys of all backends, by ids that say whose they are; and which client may have to do with which key.

The id of a key of a key backend begins with the backend's name: ``kms:1234abcd-…``. It is looked for there and nowhere else;
any other id is the central signer's, as that has it.

A certificate of a key is a way to sign with it, under all its certificates. So a client may have certificates issued and
registered to a key only if it may use, or has itself registered, every certificate that the key has, if no credential of the
settings keeps the key for others, and if no other client made it. Otherwise there is no such key, as far as it is told.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from cryptography import x509

from proxy.call import Call
from proxy.errors import InvalidParameter, KeyNotFound, NotSupported, ProxyError, SignerError
from proxy.model import Credential, HeldKey, KeyAlgorithm, RequestedCertificate
from proxy.ports import CertificateStore, KeySource, SignerBackend
from proxy.signers.certification_requests import public_key_of, read_request
from proxy.signers.keyed import KeyedSigner
from proxy.signers.reservations import Reservations
from proxy.trust.certificates import public_key_info

SEPARATOR = ":"
"""Between a key backend's name and a key's id there."""

Allowed = Callable[[str], bool]
"""Which certificates a client may use, by id: its own grants."""


class KeyRegistry:
    """Finds keys across backends.

    Args:
        keyed: Key backends with their certificates, by name.
        others: Backends with certificates of their own.
        sources: Those of them that have keys made and certified.
        reservations: Whom the settings keep keys for.
        store: Who made which key, and registered certificates; ``None`` where neither is kept.
    """

    def __init__(
        self,
        keyed: Mapping[str, KeyedSigner],
        others: Sequence[SignerBackend],
        sources: Sequence[KeySource],
        reservations: Reservations,
        store: CertificateStore | None,
    ) -> None:
        self._keyed = keyed
        self._others = others
        self._sources = sources
        self._reservations = reservations
        self._store = store

    async def list(self, call: Call, allowed: Allowed) -> tuple[tuple[HeldKey, tuple[str, ...]], ...]:
        """Every key that the client may have to do with, and the ids of its certificates.

        Raises:
            NotSupported: No backend tells its keys.
            SignerError, SignerUnavailable, Maintenance, DeadlineExceeded: A backend failed.
        """
        keys: list[HeldKey] = []
        told = False
        for name, keyed in self._keyed.items():
            keys += [replace(key, key_id=name + SEPARATOR + key.key_id) for key in await keyed.list_keys(call)]
            told = True
        for source in self._sources:
            try:
                # What looks like a key backend's is out of reach here.
                keys += [key for key in await source.list_keys(call) if self._local(key.key_id) is None]
                told = True
            except NotSupported:
                continue
        if not told:
            raise NotSupported("no signer of this deployment tells its keys")
        certificates = await self._certificates(call)
        return tuple(
            [
                (key, tuple(one for one, _ in certificates[key.public_key]))
                for key in keys
                if await self._permitted(call, key.public_key, certificates, allowed)
            ]
        )

    async def create(self, call: Call, algorithm: KeyAlgorithm, label: str | None, backend: str | None) -> HeldKey:
        """Make a key, at the backend of this name or the first that makes any. It is the client's who asked.

        Raises:
            NotSupported: None makes keys.
            InvalidParameter: There is no backend of this name, or the label cannot be used.
            AlgorithmNotAllowed, SignerError, SignerUnavailable, Maintenance, DeadlineExceeded: As the backend says.
        """
        makers: list[KeySource] = [*self._keyed.values(), *self._sources]
        if backend is not None:
            makers = [maker for maker in makers if maker.name == backend]
            if not makers:
                raise InvalidParameter("there is no such backend", fields={"backend": "unknown"})
        for maker in makers:
            try:
                key = await maker.create_key(call, algorithm, label)
            except NotSupported:
                continue
            if self._store is not None:
                await self._store.put_maker(key.public_key, call.client)
            return replace(key, key_id=maker.name + SEPARATOR + key.key_id) if maker.name in self._keyed else key
        raise NotSupported("no signer of this deployment makes keys")

    async def certification_request(self, call: Call, allowed: Allowed, key_id: str, wanted: RequestedCertificate) -> bytes:
        """DER of a verified PKCS #10 request that the key signed.

        Raises:
            KeyNotFound: There is no such key for this client.
            AlgorithmNotAllowed, InvalidParameter, NotSupported: It cannot be made as asked.
            SignatureInvalid, SignerError, SignerUnavailable, Maintenance, DeadlineExceeded: A backend failed.
        """
        local = self._local(key_id)
        if local is not None:
            keyed, own_id = local
            await self._require(call, (await keyed.get_key(call, own_id)).public_key, allowed)
            return await keyed.certification_request(call, own_id, wanted)
        refusal: ProxyError = KeyNotFound("there is no key of this id")
        for source in self._sources:
            try:
                der = await source.certification_request(call, key_id, wanted)
            except (KeyNotFound, NotSupported) as error:
                refusal = error
                continue
            found = read_request(der)
            await self._require(call, public_key_of(found), allowed)
            if found.subject != x509.Name.from_bytes(wanted.subject):
                raise SignerError("the signer made a certification request for another subject")
            return der
        raise refusal

    async def register(
        self, call: Call, allowed: Allowed, key_id: str, certificate: bytes, chain: Sequence[bytes]
    ) -> Credential:
        """Bind an issued certificate (DER) to its key.

        Raises:
            KeyNotFound: There is no such key for this client.
            NotSupported: The backend of the key takes no registrations, or none does.
            CertificateKeyMismatch, InvalidParameter: As the backend says.
            SignerError, SignerUnavailable, Maintenance, DeadlineExceeded: A backend failed.
        """
        local = self._local(key_id)
        if local is not None:
            keyed, own_id = local
            if self._store is None:
                raise NotSupported("this deployment keeps no registered certificates")
            await self._require(call, (await keyed.get_key(call, own_id)).public_key, allowed)
            return await keyed.register_certificate(call, own_id, certificate, chain)
        await self._require(call, public_key_info(certificate), allowed)
        refusal: ProxyError = NotSupported("this deployment takes no registrations")
        if self._keyed and self._store is not None:
            refusal = KeyNotFound("there is no key of this id")
        for backend in self._others:
            try:
                return await backend.register_certificate(call, key_id, certificate, chain)
            except KeyNotFound as error:
                refusal = error
            except NotSupported:
                continue
        raise refusal

    def _local(self, key_id: str) -> tuple[KeyedSigner, str] | None:
        name, separator, own_id = key_id.partition(SEPARATOR)
        return (self._keyed[name], own_id) if separator and name in self._keyed else None

    async def _require(self, call: Call, public_key: bytes, allowed: Allowed) -> None:
        if not await self._permitted(call, public_key, await self._certificates(call), allowed):
            raise KeyNotFound("there is no key of this id")

    async def _permitted(self, call: Call, public_key: bytes, certificates: "_Certificates", allowed: Allowed) -> bool:
        if not self._reservations.permit_key(call.client, public_key):
            return False
        if not all(registrar == call.client or allowed(one) for one, registrar in certificates[public_key]):
            return False
        maker = None if self._store is None else await self._store.maker(public_key)
        return maker is None or maker == call.client

    async def _certificates(self, call: Call) -> "_Certificates":
        found: _Certificates = defaultdict(list)
        for keyed in self._keyed.values():
            for binding in await keyed.bindings():
                found[public_key_info(binding.certificate)].append((binding.certificate_id, binding.registered_by))
        for backend in self._others:
            for credential in await backend.list_credentials(call):
                found[public_key_info(credential.certificate)].append((credential.certificate_id, None))
        return found


_Certificates = defaultdict[bytes, list[tuple[str, str | None]]]
"""Ids of all certificates at all backends, and who registered them here, by public key (DER of the SubjectPublicKeyInfo)."""
