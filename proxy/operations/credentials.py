"""The credential of a request: found, checked, and with the algorithms it will sign with."""

from dataclasses import dataclass

from proxy.call import Call
from proxy.errors import AlgorithmNotAllowed
from proxy.model import Credential, HashAlgorithm, SignAlgorithm
from proxy.ports import Clock
from proxy.signers.registry import SignerRegistry
from proxy.signers.verified import VerifiedSigner
from proxy.trust.credential_check import CheckedCredential, CredentialChecker


@dataclass(frozen=True, slots=True)
class ReadyCredential:
    """A credential that may sign now.

    Attributes:
        signer: Signs with its key.
        checked: Chain, validity and revocation, as just found or cached.
    """

    signer: VerifiedSigner
    credential: Credential
    checked: CheckedCredential
    sign_algorithm: SignAlgorithm
    hash_algorithm: HashAlgorithm


class Credentials:
    """Loads credentials; what is costly is cached per certificate by the parts it stands on."""

    def __init__(self, registry: SignerRegistry, checker: CredentialChecker, clock: Clock) -> None:
        self._registry = registry
        self._checker = checker
        self._clock = clock

    async def ready(
        self,
        call: Call,
        certificate_id: str,
        sign_algorithm: SignAlgorithm | None,
        hash_algorithm: HashAlgorithm | None,
    ) -> ReadyCredential:
        """The credential, if it can sign as asked, now.

        Raises:
            CertificateNotFound: No backend knows the id.
            AlgorithmNotAllowed: Its key or backend does not do the combination.
            CertificateExpired, CertificateNotYetValid, CertificateRevoked, RevocationUnavailable: It must not sign.
            SignerError, SignerUnavailable, Maintenance, DeadlineExceeded: The backend failed.
        """
        call.facts.certificate_id = certificate_id
        signer, credential = await self._registry.find(call, certificate_id)
        chosen_sign = sign_algorithm or credential.sign_algorithms[0]
        chosen_hash = hash_algorithm or credential.hash_algorithms[0]
        if chosen_sign not in credential.sign_algorithms or chosen_hash not in credential.hash_algorithms:
            raise AlgorithmNotAllowed(f"the key of this certificate does not sign {chosen_sign} with {chosen_hash}")
        checked = await self._checker.check(call, credential, self._clock.now())
        return ReadyCredential(signer, credential, checked, chosen_sign, chosen_hash)
