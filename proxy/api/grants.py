"""Who the enrolled clients are and what each may do: nothing, unless it is granted (contract, "Who may do what")."""

from collections.abc import Iterable

from cryptography import x509

from proxy.errors import CertificateNotPermitted, ClientCertificateInvalid, OperationNotPermitted, SettingsError
from proxy.settings import ClientSettings, Operation

ANY = "*"


class Grants:
    """What one client may do."""

    def __init__(self, client: ClientSettings) -> None:
        self.client = client
        self._operations = frozenset(client.operations)
        self._certificates = frozenset(client.certificates)

    @property
    def name(self) -> str:
        """The client's name in records."""
        return self.client.name

    def require_operation(self, operation: Operation) -> None:
        """Raise OperationNotPermitted unless the operation is granted."""
        if operation not in self._operations:
            raise OperationNotPermitted(f"you may not call the operation {operation}")

    def permits_certificate(self, certificate_id: str) -> bool:
        """Whether the client may use, and know of, a signing certificate."""
        return ANY in self._certificates or certificate_id in self._certificates

    def require_certificate(self, certificate_id: str) -> None:
        """Raise CertificateNotPermitted unless the certificate is granted, whether or not there is one of that id."""
        if not self.permits_certificate(certificate_id):
            raise CertificateNotPermitted("you may not use this signing certificate")


class Enrolment:
    """Finds the client that a certificate belongs to: by its SHA-256, or by issuer and serial number; never by its subject.

    Raises:
        SettingsError: An issuer is no RFC 4514 name, or two clients have one certificate.
    """

    def __init__(self, clients: Iterable[ClientSettings]) -> None:
        self._by_digest: dict[str, Grants] = {}
        self._by_number: dict[tuple[x509.Name, int], Grants] = {}
        for client in clients:
            if client.certificate_sha256 is not None:
                known = self._by_digest.setdefault(client.certificate_sha256, Grants(client))
            else:
                assert client.issuer is not None, "the settings name a client by this pair"
                assert client.serial_number is not None, "or by its certificate's digest"
                try:
                    issuer = x509.Name.from_rfc4514_string(client.issuer)
                except ValueError as error:
                    raise SettingsError(f"clients: the issuer of {client.name} is no RFC 4514 name: {error}") from error
                known = self._by_number.setdefault((issuer, int(client.serial_number, 16)), Grants(client))
            if known.client is not client:
                raise SettingsError(f"clients: {known.name} and {client.name} have the same certificate")

    def grants_of(self, certificate: x509.Certificate, sha256: str) -> Grants:
        """What the holder of a certificate may do.

        Args:
            certificate: The client's.
            sha256: Hex, of its DER.

        Raises:
            ClientCertificateInvalid: Nobody enrolled it.
        """
        grants = self._by_digest.get(sha256) or self._by_number.get((certificate.issuer, certificate.serial_number))
        if grants is None:
            raise ClientCertificateInvalid("your certificate is not enrolled here")
        return grants
