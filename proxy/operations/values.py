"""Get signature values from a backend and trust none of them: each is verified before it is used."""

import asyncio
from dataclasses import dataclass
from functools import partial

from proxy.call import Call
from proxy.errors import SignatureInvalid
from proxy.model import Digest
from proxy.operations.credentials import ReadyCredential
from proxy.operations.journal import Journal
from proxy.operations.steps import Kept, Steps
from proxy.signers.verification import verify_value


@dataclass(frozen=True, slots=True)
class _Values:
    """Verified values of one call to a backend."""

    values: tuple[bytes, ...]


_KEPT = Kept(_Values)


async def signature_values(
    call: Call, journal: Journal, ready: ReadyCredential, digests: tuple[Digest, ...], steps: Steps
) -> tuple[bytes, ...]:
    """Sign digests, within what one call to the backend takes, and verify what came back.

    A record of the transaction is durable before a digest leaves.

    Args:
        call: Deadline, ledger, facts.
        journal: Where that record goes.
        ready: The credential and its algorithms.
        digests: One or more, all of ``ready.hash_algorithm``.
        steps: Keeps the values, where the request must not be signed twice.

    Returns:
        One verified value a digest, in the same order.

    Raises:
        SignatureInvalid: A value does not verify against its digest and the certificate, or one is missing.
        SignerError, SignerUnavailable, Maintenance, DeadlineExceeded: The backend failed.
    """
    values: list[bytes] = []
    for start in range(0, len(digests), ready.backend.max_digests):
        batch = digests[start : start + ready.backend.max_digests]
        subject = ready.credential.certificate + ready.sign_algorithm.encode() + b"".join(digest.value for digest in batch)
        make = partial(_ask, call, journal, ready, batch, steps.upstream_key(subject))
        values.extend((await steps.once("values", _KEPT, make, subject=subject, spends=True)).values)
    return tuple(values)


async def _ask(
    call: Call, journal: Journal, ready: ReadyCredential, digests: tuple[Digest, ...], upstream_key: str | None
) -> _Values:
    call.facts.digests.extend(digest.value.hex() for digest in digests)
    await journal.begun(call)
    with call.stage("sign"):
        call.upstream_key = upstream_key
        try:
            values = await ready.backend.sign_digests(call, ready.credential, ready.sign_algorithm, digests)
        finally:
            call.upstream_key = None
    if len(values) != len(digests):
        raise SignatureInvalid("the signer gave another number of values than it was asked for")
    with call.stage("verify"):
        if len(digests) == 1:
            _verify(ready, digests, values)
        else:
            await asyncio.to_thread(_verify, ready, digests, values)
    return _Values(tuple(values))


def _verify(ready: ReadyCredential, digests: tuple[Digest, ...], values: tuple[bytes, ...]) -> None:
    for digest, value in zip(digests, values, strict=True):
        verify_value(ready.credential.certificate, ready.sign_algorithm, digest, value)
