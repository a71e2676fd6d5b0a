"""Certificates and keys: what a client may sign with, and how it comes by more (contract, operations 1, 1a and 2)."""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote

from aiohttp.payload import JsonPayload

from proxy.client.answers import (
    Certificate,
    CertificateChain,
    Key,
    Members,
    certificate_from,
    chain_from,
    key_from,
    octets,
)
from proxy.client.problems import AnswerInvalid
from proxy.client.wire import Wire
from proxy.model import AlternativeName, HashAlgorithm, KeyAlgorithm, KeyUsage, SignAlgorithm

T = TypeVar("T")


class CertificateCalls:
    """What :class:`~proxy.client.SigningClient` does about certificates and keys; every method raises as that says."""

    _wire: Wire

    async def certificates(self) -> tuple[Certificate, ...]:
        """Every certificate this client may use (contract, operation 1a)."""
        return await self._all("/v1/certificates", "certificates", certificate_from)

    async def certificate(self, certificate_id: str) -> Certificate:
        """One of them."""
        return certificate_from(await self._wire.json("GET", f"/v1/certificates/{segment(certificate_id)}"))

    async def chain(self, certificate_id: str) -> CertificateChain:
        """Its chain and algorithms (contract, operation 2)."""
        return chain_from(await self._wire.json("GET", f"/v1/certificates/{segment(certificate_id)}/chain"))

    async def register_certificate(self, key_id: str, certificate: bytes, chain: Iterable[bytes] = ()) -> Certificate:
        """Bind an issued certificate to its key (contract, operation 1). Doing it again changes nothing.

        Args:
            key_id: The key.
            certificate: DER.
            chain: DER of the issuers, its own first.
        """
        members = {"keyId": key_id, "certificate": _base64(certificate), "chain": [_base64(der) for der in chain]}
        return certificate_from(await self._wire.json("POST", "/v1/certificates", body=JsonPayload(members)))

    async def keys(self) -> tuple[Key, ...]:
        """Every key this client may have certificates issued to (contract, operation 1a)."""
        return await self._all("/v1/keys", "keys", key_from)

    async def create_key(
        self, algorithm: KeyAlgorithm | None = None, *, label: str | None = None, backend: str | None = None
    ) -> Key:
        """Have the service make a key, which never leaves it.

        After a lost answer it may be there: :meth:`keys` tells, and a label that was used is refused.

        Args:
            algorithm: ``None`` for the service's choice.
            label: What people know it by.
            backend: Which signer makes it; ``None`` for the first that makes keys.
        """
        asked: dict[str, object] = {"algorithm": algorithm, "label": label, "backend": backend}
        members = {name: value for name, value in asked.items() if value is not None}
        return key_from(await self._wire.json("POST", "/v1/keys", body=JsonPayload(members)))

    async def certification_request(
        self,
        key_id: str,
        subject: str | Mapping[str, str],
        *,
        alternative_names: Sequence[AlternativeName] = (),
        key_usages: Sequence[KeyUsage] = (),
        sign_algorithm: SignAlgorithm | None = None,
        hash_algorithm: HashAlgorithm | None = None,
    ) -> bytes:
        """Have a key sign a request for a certificate of its own (PKCS #10, RFC 2986).

        Args:
            key_id: The key.
            subject: RFC 4514 text, the most specific part first (``CN=Seal,O=Example,C=JP``); or attributes by their names
                (``{"commonName": "Seal", "countryName": "JP"}``).
            alternative_names: For subjectAltName.
            key_usages: For keyUsage; none leaves it to the issuer.
            sign_algorithm: Signs the request; ``None`` for the key's first choice.
            hash_algorithm: The same.

        Returns:
            DER of the request.
        """
        members: dict[str, object] = {"subject": subject if isinstance(subject, str) else dict(subject)}
        if alternative_names:
            members["subjectAltName"] = [{"type": one.kind, "value": one.value} for one in alternative_names]
        if key_usages:
            members["keyUsage"] = list(key_usages)
        if sign_algorithm is not None:
            members["signAlgorithm"] = sign_algorithm
        if hash_algorithm is not None:
            members["hashAlgorithm"] = hash_algorithm
        answer = await self._wire.json("POST", f"/v1/keys/{segment(key_id)}/csr", body=JsonPayload(members))
        return answer.converted("csr", octets)

    async def _all(self, path: str, name: str, read: Callable[[Members], T]) -> tuple[T, ...]:
        """A list of all its pages."""
        found: list[T] = []
        cursor: str | None = None
        while True:
            page = await self._wire.json("GET", path, query={} if cursor is None else {"cursor": cursor})
            found.extend(read(item) for item in page.objects(name))
            cursor, former = page.optional_text("nextCursor"), cursor
            if cursor is None:
                return tuple(found)
            if cursor == former:
                raise AnswerInvalid(f"the service's list of {name} does not end")


def segment(value: str) -> str:
    """An id as one segment of a path."""
    return quote(value, safe="")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
