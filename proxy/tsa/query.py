"""``TimeStampReq`` (RFC 3161, 2.4.1): the proxy's own ones, and callers' ones reduced to what may go on."""

import secrets
from dataclasses import dataclass

from asn1crypto import algos, core, tsp

from proxy.errors import InvalidParameter
from proxy.model import Digest, HashAlgorithm

LARGEST_QUERY = 4096
"""Bytes of the largest request that is read."""

_NONCE_BITS = 64
_LARGEST_NONCE_BITS = 256
_HASHES = {algorithm.hashlib_name: algorithm for algorithm in HashAlgorithm}

UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)
"""What asn1crypto raises for malformed input; it parses lazily, so reading any field can."""


@dataclass(frozen=True, slots=True)
class TimeStampReq:
    """A request in the parts that travel (:class:`proxy.ports.TimestampQuery`); there are no extensions.

    Attributes:
        imprint: The message imprint.
        nonce: Makes the answer this request's own.
        policy_oid: The TSA policy asked for.
        cert_req: Whether the token shall hold the TSA's certificates.
    """

    imprint: Digest
    nonce: int | None
    policy_oid: str | None
    cert_req: bool

    @classmethod
    def fresh(cls, imprint: Digest, policy_oid: str | None) -> "TimeStampReq":
        """A request of the proxy's own: a new 64-bit nonce, certificates wanted."""
        return cls(imprint, secrets.randbits(_NONCE_BITS), policy_oid, cert_req=True)

    def dump(self) -> bytes:
        """DER of the request."""
        request = tsp.TimeStampReq(
            {
                "version": "v1",
                "message_imprint": {
                    "hash_algorithm": algos.DigestAlgorithm(
                        {"algorithm": self.imprint.algorithm.hashlib_name, "parameters": core.Null()}
                    ),
                    "hashed_message": self.imprint.value,
                },
                "req_policy": self.policy_oid,
                "nonce": self.nonce,
                "cert_req": self.cert_req,
            }
        )
        der: bytes = request.dump()
        return der


def parse_query(der: bytes) -> TimeStampReq:
    """Read a caller's request.

    Args:
        der: The body as it came.

    Raises:
        InvalidParameter: It is too large, not DER, of another version or by another hash algorithm than the contract's, its
            imprint has a wrong length, or it carries extensions, which would be lost.
    """
    if len(der) > LARGEST_QUERY:
        raise InvalidParameter("the time-stamping request is too large")
    try:
        request = tsp.TimeStampReq.load(der, strict=True)
        version = request["version"].native
        hash_name, parameters = _imprint_algorithm(request)
        imprint = request["message_imprint"]["hashed_message"].native
        nonce = request["nonce"].native
        policy_oid = None if request["req_policy"].native is None else request["req_policy"].dotted
        cert_req = request["cert_req"].native
        extended = not isinstance(request["extensions"], core.Void)
        canonical = request.dump(force=True) == der
    except UNREADABLE as error:
        raise InvalidParameter("the body is no time-stamping request (RFC 3161)") from error
    if not canonical:
        raise InvalidParameter("the time-stamping request is not DER")
    if version != "v1":
        raise InvalidParameter("the time-stamping request is not of version 1")
    if hash_name not in _HASHES or parameters is not None:
        raise InvalidParameter("the message imprint is by none of SHA-256, SHA-384 and SHA-512")
    if extended:
        raise InvalidParameter("time-stamping requests with extensions are not handed on")
    if nonce is not None and nonce.bit_length() > _LARGEST_NONCE_BITS:
        raise InvalidParameter(f"the nonce has more than {_LARGEST_NONCE_BITS} bits")
    try:
        digest = Digest(_HASHES[hash_name], imprint)
    except ValueError as error:
        raise InvalidParameter("the message imprint's length does not fit its algorithm") from error
    return TimeStampReq(digest, nonce, policy_oid, cert_req)


def _imprint_algorithm(request: tsp.TimeStampReq) -> tuple[str, object]:
    algorithm = request["message_imprint"]["hash_algorithm"]
    return algorithm["algorithm"].native, algorithm["parameters"].native
