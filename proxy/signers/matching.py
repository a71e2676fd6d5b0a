"""Which value is over which digest, found by verification and not by trusting an order.

Some signers answer in another order than they were asked in, and a batch may hold the digests of several requests.
"""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence

from proxy.errors import SignatureInvalid, SignerError
from proxy.model import Digest, SignAlgorithm
from proxy.signers.verification import verify_value

_SORTED_BY: tuple[Callable[[bytes], bytes], ...] = (bytes, b64encode, urlsafe_b64encode)
"""What signers were seen to sort digests by: their bytes, or the text that they came as."""


def match_values(
    certificate: bytes,
    sign_algorithm: SignAlgorithm,
    digests: Sequence[Digest],
    values: Sequence[bytes],
    multisign: int,
) -> tuple[bytes | None, ...]:
    """The values in the order of the digests, each verified. This computes; call it by ``asyncio.to_thread``.

    Values in the order that was asked in, or in one that a signer was seen to sort by, are found without a search.

    Args:
        certificate: DER of the signing certificate.
        sign_algorithm: What the values should be.
        digests: What was signed.
        values: What came back, in any order.
        multisign: How many digests the signer had of them at a time.

    Returns:
        A value a digest; ``None`` for a digest that no value is over.

    Raises:
        SignerError: There are more or fewer values than digests.
    """
    if len(values) != len(digests):
        raise SignerError("the signer gave another number of signatures than it was asked for")
    found: dict[int, bytes] = {}
    left = dict(enumerate(values))

    def is_over(value: bytes, position: int) -> bool:
        try:
            verify_value(certificate, sign_algorithm, digests[position], value)
        except SignatureInvalid:
            return False
        return True

    for order in _likely(digests, multisign):
        for answered, position in enumerate(order):
            if answered in left and position not in found and is_over(left[answered], position):
                found[position] = left.pop(answered)
        if not left:
            break
    for value in left.values():
        over = next((each for each in range(len(digests)) if each not in found and is_over(value, each)), None)
        if over is not None:
            found[over] = value
    return tuple(found.get(position) for position in range(len(digests)))


def _likely(digests: Sequence[Digest], multisign: int) -> Iterator[Sequence[int]]:
    """Positions of the digests, in the order of their values."""
    yield range(len(digests))
    if len(digests) > 1 and multisign > 1:
        for key in _SORTED_BY:
            yield _sorted_in_parts([key(digest.value) for digest in digests], multisign)


def _sorted_in_parts(keys: Sequence[bytes], part: int) -> list[int]:
    starts = range(0, len(keys), part)
    return [at for start in starts for at in sorted(range(start, min(start + part, len(keys))), key=keys.__getitem__)]
