"""A signer that others ask at the same time: what it gives is that of questions that went to the backend together."""

import asyncio
from collections.abc import Sequence

from proxy.call import Call
from proxy.model import Credential, Digest, HashAlgorithm, SignAlgorithm
from proxy.ports import DigestSigner
from proxy.signers.verification import verify_value
from tests.support.pki import new_call


class InCompany:
    """Asks a signer for others' digests whenever it is asked (:class:`proxy.ports.DigestSigner`).

    Args:
        signer: Is asked.
        others: How many come with every question.
    """

    def __init__(self, signer: DigestSigner, others: int) -> None:
        self.max_digests = signer.max_digests
        self._signer = signer
        self._others = others

    async def sign_digests(
        self, call: Call, credential: Credential, sign_algorithm: SignAlgorithm, digests: Sequence[Digest]
    ) -> tuple[bytes, ...]:
        """See :meth:`proxy.ports.DigestSigner.sign_digests`."""
        kind = digests[0].algorithm if digests else HashAlgorithm.SHA256
        theirs = [Digest.of(b"of another %d" % number, kind) for number in range(self._others)]
        asking = []
        for digest in theirs:
            # The first one is asked for at once. Whoever comes before its answer waits, as this call does.
            asking.append(asyncio.create_task(self._signer.sign_digests(new_call(), credential, sign_algorithm, [digest])))
            await asyncio.sleep(0)
        try:
            return await self._signer.sign_digests(call, credential, sign_algorithm, digests)
        finally:
            answers = await asyncio.gather(*asking, return_exceptions=True)
            for digest, answer in zip(theirs, answers, strict=True):
                if not isinstance(answer, BaseException):
                    verify_value(credential.certificate, sign_algorithm, digest, answer[0])
