"""The central signer's keys (contract, operation 1a): told, made and certified there (:class:`proxy.ports.KeySource`)."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from proxy.call import Call
from proxy.errors import AlgorithmNotAllowed, KeyNotFound, NotSupported, SignerError
from proxy.model import HashAlgorithm, HeldKey, KeyAlgorithm, RequestedCertificate, SignAlgorithm
from proxy.signers.algorithms import Capabilities, key_capabilities
from proxy.signers.central_answers import CertificationRequestAnswer, KeyEntry, KeysAnswer, known
from proxy.signers.central_connection import DESTINATION, CentralConnection, NotOffered, segment
from proxy.signers.subjects import subject_text

_PAGE = 1000
_MOST_PAGES = 20


class CentralKeys:
    """Passes on what is asked about keys.

    Args:
        connection: To the central signer; closed by the signer it belongs to.
    """

    name = DESTINATION

    def __init__(self, connection: CentralConnection) -> None:
        self._connection = connection

    async def list_keys(self, call: Call) -> tuple[HeldKey, ...]:
        """See :meth:`proxy.ports.KeySource.list_keys`. Keys of kinds that this version does not know are left out."""
        found: dict[str, HeldKey] = {}
        cursor = ""
        for _ in range(_MOST_PAGES):
            try:
                page = await self._connection.get(call, f"/v1/keys?limit={_PAGE}{cursor}", KeysAnswer)
            except NotOffered as error:
                raise NotSupported("the central signer does not tell its keys") from error
            for entry in page.keys:
                try:
                    found[entry.key_id] = _held(entry)
                except AlgorithmNotAllowed:
                    continue
            if not page.next_cursor or not (following := segment(page.next_cursor)):
                return tuple(found.values())
            cursor = f"&cursor={following}"
        raise SignerError("the central signer's list of keys does not end")

    async def create_key(self, call: Call, algorithm: KeyAlgorithm, label: str | None) -> HeldKey:
        """See :meth:`proxy.ports.KeySource.create_key`."""
        body: dict[str, object] = {"algorithm": algorithm}
        if label is not None:
            body["label"] = label
        try:
            return _held(await self._connection.post(call, "/v1/keys", body, KeyEntry))
        except NotOffered as error:
            raise NotSupported("the central signer makes no keys for this proxy") from error

    async def certification_request(self, call: Call, key_id: str, wanted: RequestedCertificate) -> bytes:
        """See :meth:`proxy.ports.KeySource.certification_request`."""
        name = segment(key_id)
        if name is None:
            raise KeyNotFound("there is no key of this id")
        body: dict[str, object] = {"subject": subject_text(wanted.subject)}
        if wanted.alternative_names:
            body["subjectAltName"] = [{"type": one.kind, "value": one.value} for one in wanted.alternative_names]
        if wanted.key_usages:
            body["keyUsage"] = list(wanted.key_usages)
        if wanted.sign_algorithm is not None:
            body["signAlgorithm"] = wanted.sign_algorithm
        if wanted.hash_algorithm is not None:
            body["hashAlgorithm"] = wanted.hash_algorithm
        try:
            answer = await self._connection.post(call, f"/v1/keys/{name}/csr", body, CertificationRequestAnswer)
        except NotOffered as error:
            raise NotSupported("the central signer makes no certification requests for this proxy") from error
        return answer.csr


def _held(entry: KeyEntry) -> HeldKey:
    try:
        key = load_der_public_key(entry.public_key)
        public_key = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except UnsupportedAlgorithm as error:
        raise AlgorithmNotAllowed("the key's kind is not known") from error
    except ValueError as error:
        raise SignerError("the central signer's public key cannot be read") from error
    declared = Capabilities(known(SignAlgorithm, entry.sign_algorithms), known(HashAlgorithm, entry.hash_algorithms))
    able = key_capabilities(key).restricted(declared)
    return HeldKey(entry.key_id, public_key, able.sign_algorithms, able.hash_algorithms, CentralKeys.name)
