"""Which value is over which digest, found by verification and not by trusting an order.

Some signers answer in another order than they were asked in, and a batch may hold the digests of several requests.
"""

from collections.abc import Iterable, Sequence

from proxy.errors import SignatureInvalid, SignerError
from proxy.model import Digest, SignAlgorithm
from proxy.signers.verification import verify_value


def match_values(
    certificate: bytes,
    sign_algorithm: SignAlgorithm,
    digests: Sequence[Digest],
    values: Sequence[bytes],
    likely: Iterable[Sequence[int]] = (),
) -> tuple[bytes, ...]:
    """The values in the order of the digests, each verified. This computes; call it by ``asyncio.to_thread``.

    Args:
        certificate: DER of the signing certificate.
        sign_algorithm: What the values should be.
        digests: What was signed.
        values: What came back, in any order.
        likely: Orders to try after the one asked in: the positions of the digests, in the order of their values.

    Raises:
        SignerError: There are more or fewer values than digests.
        SignatureInvalid: A value is over none of the digests that have no other.
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

    for order in (range(len(digests)), *likely):
        for answered, position in enumerate(order):
            if answered in left and position not in found and is_over(left[answered], position):
                found[position] = left.pop(answered)
    for value in left.values():
        position = next((each for each in range(len(digests)) if each not in found and is_over(value, each)), -1)
        if position < 0:
            raise SignatureInvalid("a signature value verifies against none of the digests sent")
        found[position] = value
    return tuple(found[position] for position in range(len(digests)))
