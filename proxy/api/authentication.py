"""Who calls: the client certificate, from the TLS connection or from the load balancer in front of it.

In both ways the certificate must be of an enrolled client, inside its validity at this moment (a connection may outlive it) and
not revoked. A chain that the load balancer passes through unverified is verified here up to an anchor (RFC 5280, 6).
"""

import hashlib
import ipaddress
import ssl
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from urllib.parse import unquote

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from proxy.api.client_revocation import ClientRevocation
from proxy.api.grants import Enrolment, Grants
from proxy.api.pem import read_certificates
from proxy.errors import ClientCertificateInvalid, ClientCertificateRequired, SettingsError
from proxy.following import FollowedFiles
from proxy.ports import Clock
from proxy.settings import Settings

HEADERS = {"leaf": "X-Amzn-Mtls-Clientcert-Leaf", "chain": "X-Amzn-Mtls-Clientcert"}
"""By the load balancer's mutual TLS mode: verify, or pass-through."""

REMEMBERED = 1024
"""Certificates whose parsing is kept."""

_Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """One client certificate, read once."""

    grants: Grants
    issuer: x509.Name
    serial_number: int
    not_before: datetime
    not_after: datetime
    chain: tuple[x509.Certificate, ...]


class Authentication:
    """Finds the enrolled client behind a request.

    Args:
        settings: Who is enrolled, and how callers prove who they are.
        clock: What certificates' validity is held against.
        files: Where authorities and CRL are followed.

    Raises:
        SettingsError: Authorities, CRL, addresses or enrolments cannot be used.
    """

    def __init__(self, settings: Settings, clock: Clock, files: FollowedFiles) -> None:
        listener, client_ca = settings.listener, settings.listener.client_ca
        assert client_ca is not None, "the settings demand it in every mode"
        self._clock = clock
        self._enrolment = Enrolment(settings.clients)
        self._authorities = files.follow("listener.client_ca", (client_ca,), partial(read_certificates, client_ca))
        self._revocation = None if listener.client_crl is None else ClientRevocation(listener.client_crl, client_ca, files)
        self._header = HEADERS[listener.certificate_header] if listener.mode == "load-balancer" else None
        self._verified_elsewhere = listener.mode == "mutual-tls" or listener.certificate_header == "leaf"
        self._trusted = _networks(listener.trusted_addresses)
        self._remembered: OrderedDict[bytes, Identity] = OrderedDict()

    async def authenticate(self, request: web.Request) -> Grants:
        """The client's grants.

        Raises:
            ClientCertificateRequired: The call came without a certificate.
            ClientCertificateInvalid: With one that is not enrolled, out of its validity, revoked or not verifiable, or with a
                load balancer's header that is none.
        """
        presented = _of_connection(request) if self._header is None else self._of_header(request, self._header)
        if presented is None:
            raise ClientCertificateRequired("present your client certificate")
        identity = self._identity(presented)
        now = self._clock.now()
        if not identity.not_before <= now <= identity.not_after:
            raise ClientCertificateInvalid("your certificate is not valid at this time")
        if not self._verified_elsewhere:
            self._verify(identity.chain, now)
        if self._revocation is not None:
            await self._revocation.refresh()
            self._revocation.check(identity.issuer, identity.serial_number, now)
        return identity.grants

    def _of_header(self, request: web.Request, header: str) -> bytes | None:
        values = request.headers.getall(header, [])
        if not values:
            return None
        if len(values) > 1 or not self._is_trusted(request.remote):
            raise ClientCertificateInvalid("the client certificate in the headers does not come from the load balancer")
        # ``+`` stays: it is of the base64 alphabet here, not a space.
        return unquote(values[0]).encode(errors="replace")

    def _is_trusted(self, address: str | None) -> bool:
        if address is None:
            return False
        host = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped is not None:
            host = host.ipv4_mapped
        return any(host in network for network in self._trusted)

    def _identity(self, presented: bytes) -> Identity:
        """Read what was presented, DER or PEM, unless that was done before."""
        key = hashlib.sha256(presented).digest()
        identity = self._remembered.get(key)
        if identity is None:
            identity = self._remembered[key] = self._read(presented)
            if len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)
        else:
            self._remembered.move_to_end(key)
        return identity

    def _read(self, presented: bytes) -> Identity:
        try:
            if self._header is None:
                chain = [x509.load_der_x509_certificate(presented)]
            else:
                chain = x509.load_pem_x509_certificates(presented)
            leaf = chain[0]
            grants = self._enrolment.grants_of(leaf, leaf.fingerprint(hashes.SHA256()).hex())
            issuer, serial_number = leaf.issuer, leaf.serial_number
            return Identity(grants, issuer, serial_number, leaf.not_valid_before_utc, leaf.not_valid_after_utc, tuple(chain))
        except ValueError as error:
            raise ClientCertificateInvalid("the client certificate cannot be read") from error

    def _verify(self, chain: tuple[x509.Certificate, ...], now: datetime) -> None:
        verifier = (
            verification.PolicyBuilder()
            .store(verification.Store(list(self._authorities.value)))
            .time(now)
            .extension_policies(ca_policy=_AUTHORITY, ee_policy=_CLIENT)
            .build_client_verifier()
        )
        try:
            verifier.verify(chain[0], list(chain[1:]))
        except verification.VerificationError as error:
            raise ClientCertificateInvalid("your certificate does not chain to an authority trusted here") from error


def _of_connection(request: web.Request) -> bytes | None:
    transport = request.transport
    connection: ssl.SSLObject | None = None if transport is None else transport.get_extra_info("ssl_object")
    return None if connection is None else connection.getpeercert(binary_form=True)


def _networks(addresses: tuple[str, ...]) -> _Networks:
    try:
        return tuple(ipaddress.ip_network(address) for address in addresses)
    except ValueError as error:
        raise SettingsError(f"listener.trusted_addresses: {error}") from error


def _for_client_authentication(
    _policy: verification.Policy, _certificate: x509.Certificate, usage: x509.ExtendedKeyUsage | None
) -> None:
    if usage is not None and not {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(usage):
        raise ValueError("the certificate is not for client authentication")


# Private authorities leave out what the web's must have (names, key identifiers); what makes a path a path is kept.
_AUTHORITY = verification.ExtensionPolicy.permit_all().require_present(
    x509.BasicConstraints, verification.Criticality.AGNOSTIC, None
)
_CLIENT = verification.ExtensionPolicy.permit_all().may_be_present(
    x509.ExtendedKeyUsage, verification.Criticality.AGNOSTIC, _for_client_authentication
)
