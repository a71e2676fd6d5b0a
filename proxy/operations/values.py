"""Get signature values from a backend and trust none of them: each is verified before it is used."""

import asyncio

from proxy.call import Call
from proxy.errors import SignatureInvalid
from proxy.model import Digest
from proxy.operations.credentials import ReadyCredential
from proxy.operations.journal import Journal
from proxy.signers.verification import verify_value


async def signature_values(
    call: Call, journal: Journal, ready: ReadyCredential, digests: tuple[Digest, ...]
) -> tuple[bytes, ...]:
    """Sign digests, within what one call to the backend takes, and verify what came back.

    The transaction's first record is durable before the first digest leaves.

    Args:
        call: Deadline, ledger, facts.
        journal: Where that record goes.
        ready: The credential and its algorithms.
        digests: One or more, all of ``ready.hash_algorithm``.

    Returns:
        One verified value a digest, in the same order.

    Raises:
        SignatureInvalid: A value does not verify against its digest and the certificate, or one is missing.
        SignerError, SignerUnavailable, Maintenance, DeadlineExceeded: The backend failed.
    """
    call.facts.digests.extend(digest.value.hex() for digest in digests)
    await journal.begun(call)
    values: list[bytes] = []
    with call.stage("sign"):
        for start in range(0, len(digests), ready.backend.max_digests):
            batch = digests[start : start + ready.backend.max_digests]
            values.extend(await ready.backend.sign_digests(call, ready.credential, ready.sign_algorithm, batch))
    if len(values) != len(digests):
        raise SignatureInvalid("the signer gave another number of values than it was asked for")
    with call.stage("verify"):
        if len(digests) == 1:
            _verify(ready, digests, values)
        else:
            await asyncio.to_thread(_verify, ready, digests, values)
    return tuple(values)


def _verify(ready: ReadyCredential, digests: tuple[Digest, ...], values: list[bytes]) -> None:
    for digest, value in zip(digests, values, strict=True):
        verify_value(ready.credential.certificate, ready.sign_algorithm, digest, value)
