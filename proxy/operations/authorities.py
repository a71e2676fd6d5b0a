"""What is known of the time-stamping authorities before they are asked: how large their tokens are, and whose they are."""

import secrets
from collections.abc import Awaitable, Callable
from functools import partial

from asn1crypto import cms

from proxy.call import Call
from proxy.errors import RevocationUnavailable, TSAError
from proxy.model import Digest, SignerCertificates, TimestampToken, ValidationData
from proxy.operations.journal import Journal
from proxy.operations.steps import Kept, Steps
from proxy.tsa.profiles import TSAProfile

FLOOR = 16_384
"""Bytes reserved at least where a token goes in: tokens grow without notice when an authority renews its chain."""

MARGIN = 1_024
"""Bytes added to the largest token seen: serial numbers, accuracy and names differ by little."""

_KEPT = Kept(TimestampToken)


class Authorities:
    """Asks for tokens and remembers the last one of each profile."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._largest: dict[str, int] = {}
        self._signers: dict[str, SignerCertificates] = {}

    async def timestamp(self, call: Call, profile: TSAProfile, imprint: Digest) -> TimestampToken:
        """A checked token over ``imprint``. Raises TSAError, TSAUnavailable, DeadlineExceeded."""
        call.facts.digests.append(imprint.value.hex())
        await self._journal.begun(call)
        with call.stage("timestamp"):
            token = await profile.timestamp(call, imprint)
        self._largest[profile.name] = max(self._largest.get(profile.name, 0), len(token.token))
        self._signers[profile.name] = signer_of(token)
        return token

    async def timestamp_once(self, call: Call, profile: TSAProfile, imprint: Digest, steps: Steps) -> TimestampToken:
        """As :meth:`timestamp`; where a token over this imprint was kept, that one."""
        make = partial(self.timestamp, call, profile, imprint)
        return await steps.once("token", _KEPT, make, subject=profile.name.encode() + imprint.value, spends=True)

    def token_size(self, profile: TSAProfile) -> int:
        """Bytes to expect of the profile's next token: the largest so far and a margin; the margin alone before the first."""
        return self._largest.get(profile.name, 0) + MARGIN

    def knows(self, profile: TSAProfile) -> bool:
        """Whether :meth:`signer` can tell without a token."""
        return profile.name in self._signers

    async def signer(self, call: Call, profile: TSAProfile) -> SignerCertificates:
        """Who is going to sign the profile's tokens, as its last token says; asks for one over a random value if there is none.

        Raises:
            TSAError, TSAUnavailable, DeadlineExceeded: There is none and none can be had.
        """
        if not self.knows(profile):
            size = profile.hash_algorithm.digest_size
            await self.timestamp(call, profile, Digest(profile.hash_algorithm, secrets.token_bytes(size)))
        return self._signers[profile.name]

    async def proof(
        self, call: Call, profile: TSAProfile, prove: Callable[[SignerCertificates], Awaitable[ValidationData]]
    ) -> ValidationData:
        """What ``prove`` gives for whoever is going to sign the profile's tokens.

        A signer that is remembered and cannot be proven any more is forgotten and looked for once: authorities renew their
        certificates.

        Raises:
            TSAError, TSAUnavailable, RevocationUnavailable, DeadlineExceeded: It cannot be proven, or not be found out.
        """
        remembered = self.knows(profile)
        signer = await self.signer(call, profile)
        try:
            return await prove(signer)
        except (TSAError, RevocationUnavailable):
            if not remembered:
                raise
        if self._signers.get(profile.name) == signer:
            del self._signers[profile.name]
        return await prove(await self.signer(call, profile))


def signer_of(token: TimestampToken) -> SignerCertificates:
    """The certificate a token was verified with, and those that came in it."""
    signed_data = cms.ContentInfo.load(token.token)["content"]
    others = tuple(item.chosen.dump() for item in signed_data["certificates"] or ())
    return SignerCertificates(token.tsa_certificate, others)
