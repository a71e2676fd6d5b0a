"""Get signature values, no more at a time than a signer takes, and none before a record of it is durable."""

from dataclasses import dataclass
from functools import partial

from proxy.call import Call
from proxy.model import Digest
from proxy.operations.credentials import ReadyCredential
from proxy.operations.journal import Journal
from proxy.operations.steps import Kept, Steps


@dataclass(frozen=True, slots=True)
class _Values:
    """Verified values of one call to a signer."""

    values: tuple[bytes, ...]


_KEPT = Kept(_Values)


async def signature_values(
    call: Call, journal: Journal, ready: ReadyCredential, digests: tuple[Digest, ...], steps: Steps
) -> tuple[bytes, ...]:
    """Sign digests.

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
        SignatureInvalid: A digest has no value that verifies against it and the certificate.
        SignerError, SignerUnavailable, Maintenance, DeadlineExceeded: The signer failed.
    """
    values: list[bytes] = []
    for start in range(0, len(digests), ready.signer.max_digests):
        batch = digests[start : start + ready.signer.max_digests]
        subject = ready.credential.certificate + ready.sign_algorithm.encode() + b"".join(digest.value for digest in batch)
        make = partial(_ask, call, journal, ready, batch, steps.upstream_key(subject))
        values.extend((await steps.once("values", _KEPT, make, subject=subject, spends=True)).values)
    return tuple(values)


async def _ask(
    call: Call, journal: Journal, ready: ReadyCredential, digests: tuple[Digest, ...], upstream_key: str | None
) -> _Values:
    call.facts.digests.extend(digest.value.hex() for digest in digests)
    await journal.begun(call)
    call.upstream_key = upstream_key
    try:
        return _Values(await ready.signer.sign_digests(call, ready.credential, ready.sign_algorithm, digests))
    finally:
        call.upstream_key = None
