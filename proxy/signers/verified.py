"""A backend whose values are verified, each once, before anybody has them: what operations sign with.

Adapters give values as they came. Here they are matched to the digests by verification, and the digests of calls that come at
once are sent together where the credential says that this pays.

A certificate whose values do not verify again and again is left alone for a while, and it alone: its key may be another one,
and every value that is made for nothing may cost. A renewed certificate begins anew.
"""

import asyncio
from collections.abc import Sequence
from hashlib import sha256

from proxy.call import Call
from proxy.errors import SignatureInvalid, SignerError, SignerUnavailable
from proxy.model import Credential, Digest, SignAlgorithm
from proxy.outbound import Dependency, Links, LinkSuspended, LinkUntrue
from proxy.ports import SignerBackend
from proxy.signers.algorithms import check_request
from proxy.signers.coalescing import Coalescer, Values
from proxy.signers.matching import match_values


class VerifiedSigner:
    """Signs with a backend (:class:`proxy.ports.DigestSigner`).

    Args:
        backend: Asked for the values.
        coalesce_seconds: How long a call may wait for others to go with it; 0 where each goes alone.
        links: Where the certificates' breakers are.
    """

    def __init__(self, backend: SignerBackend, coalesce_seconds: float, links: Links) -> None:
        self.max_digests = backend.max_digests
        self._backend = backend
        self._links = links
        self._coalescer = Coalescer(self._ask, coalesce_seconds) if coalesce_seconds else None

    async def sign_digests(
        self, call: Call, credential: Credential, sign_algorithm: SignAlgorithm, digests: Sequence[Digest]
    ) -> tuple[bytes, ...]:
        """Sign each digest, all or nothing.

        Args:
            call: Deadline and ledger. One with an upstream key goes alone: the key stands for its digests.
            credential: Whose key.
            sign_algorithm: One of ``credential.sign_algorithms``.
            digests: 1 to ``max_digests``, all of one hash algorithm.

        Returns:
            One verified value a digest, in the same order.

        Raises:
            SignatureInvalid: A digest has no value that verifies against it and the certificate.
            SignerUnavailable: The certificate is left alone for a while; or as the backend says.
            AlgorithmNotAllowed, CertificateNotFound, SignerError, Maintenance, DeadlineExceeded: As the backend says.
        """
        ask = self._ask
        if self._coalescer is not None and call.upstream_key is None and len(digests) < credential.multisign:
            # What the backend would refuse must not be refused to those who go with it.
            check_request(credential, sign_algorithm, digests, self.max_digests)
            ask = self._coalescer.ask
        values = await ask(call, credential, sign_algorithm, digests)
        verified = tuple(value for value in values if value is not None)
        if len(verified) != len(digests):
            raise SignatureInvalid("the signature value does not verify against the certificate and the digest sent")
        return verified

    async def _ask(
        self, call: Call, credential: Credential, sign_algorithm: SignAlgorithm, digests: Sequence[Digest]
    ) -> Values:
        matched: Values = ()

        async def attempt() -> None:
            nonlocal matched
            with call.stage("sign"):
                values = await self._backend.sign_digests(call, credential, sign_algorithm, digests)
            with call.stage("verify"):
                matching = (credential.certificate, sign_algorithm, digests, values, credential.multisign)
                try:
                    # A single value is verified in less time than a thread takes to begin.
                    matched = match_values(*matching) if len(digests) == 1 else await asyncio.to_thread(match_values, *matching)
                except SignerError as error:
                    raise LinkUntrue(error) from error
            if None in matched:
                # A certificate may have been renewed under its id since, and its key with it: the next request learns it anew.
                self._backend.forget(credential.certificate_id)
                raise LinkUntrue(SignatureInvalid("a value does not verify"))

        try:
            await self._dependency(credential).ask(call, attempt, repeatable=False, once=True)
        except LinkUntrue as error:
            if not matched:
                raise error.reason from error
        except LinkSuspended as error:
            text = "the values that were made for this certificate did not verify"
            raise SignerUnavailable(text, retry_after=error.retry_after) from error
        return matched

    def _dependency(self, credential: Credential) -> Dependency:
        fingerprint = sha256(credential.certificate).hexdigest()[:8]
        return self._links.passing(f"{self._backend.name}:{credential.certificate_id}:{fingerprint}")
