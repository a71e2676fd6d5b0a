"""Keys that the settings keep for some clients: a credential's ``clients``, beside the grants that clients have of their own.

Who can sign with a key under one certificate makes values that verify under every certificate of that key. So what is reserved
is the key: a certificate of it that the settings do not name, registered or of another backend, is for those alone whom every
credential of that key permits.
"""

from collections import defaultdict
from collections.abc import Iterable

from proxy.model import Credential
from proxy.signers.bindings import Binding
from proxy.trust.certificates import public_key_info


class Reservations:
    """Whom the credentials of the settings permit.

    Args:
        bindings: Those of the settings, of all backends.
    """

    def __init__(self, bindings: Iterable[Binding]) -> None:
        self._by_certificate = {(binding.certificate_id, binding.certificate): binding.clients for binding in bindings}
        self._by_key: dict[bytes, list[frozenset[str]]] = defaultdict(list)
        for (_, certificate), clients in self._by_certificate.items():
            if clients is not None:
                self._by_key[public_key_info(certificate)].append(clients)

    def permit(self, client: str, credential: Credential) -> bool:
        """Whether a client may use a credential, as far as the settings' credentials say; ``""`` is the proxy itself."""
        named = (credential.certificate_id, credential.certificate)
        if not client:
            return True
        if named in self._by_certificate:
            clients = self._by_certificate[named]
            return clients is None or client in clients
        return self.permit_key(client, public_key_info(credential.certificate))

    def permit_key(self, client: str, public_key: bytes) -> bool:
        """Whether a client may have to do with a key (DER of its SubjectPublicKeyInfo)."""
        return not client or all(client in clients for clients in self._by_key.get(public_key, ()))
