"""The development PKI: everything that ``profiles`` names, made once in the sandbox's folder and kept.

Each file is made only if it is missing, keys before certificates, issuers before subscribers: an interrupted first start is
completed by the next one, and a later start changes nothing but the client CA's CRL file, which is renewed.
"""

from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.ports import Clock
from proxy.sandbox import profiles
from proxy.sandbox.authority import CertificationAuthority, Validity, ensure_pair, load_chain, pem, self_signed
from proxy.sandbox.folder import StateFolder, write_file
from proxy.sandbox.keys import KeyKind, ensure_keys, load_key
from proxy.sandbox.profiles import AUTHORITIES, CLIENTS, SIGNING, TLS_SERVERS, YEAR, AuthorityProfile, distinguished_name

CLIENT_CRL_VALID = timedelta(days=365)
"""Renewed at every start; a listener refuses everybody once it is out of date."""
UNREGISTERED_KEY = "unregistered"
"""Id of a key of the central signer that waits for its certificate."""


def ensure_pki(folder: StateFolder, services: str, clock: Clock) -> None:
    """Make what is missing of the PKI. Takes a few seconds the first time (six RSA-3072 keys and two more), then none.

    Args:
        folder: Where.
        services: Base URL of OCSP, CRLs and issuers' certificates, written into certificates: it must stay the same.
        clock: From when certificates are valid.

    Raises:
        SettingsError: A file that is there cannot be read.
    """
    now = clock.now().replace(microsecond=0)
    ensure_keys(_keys(folder))
    for profile in AUTHORITIES:
        _ensure_authority(folder, profile, services, now)
    authorities = {profile.name: CertificationAuthority.open(folder, profile.name) for profile in AUTHORITIES}
    for authority in authorities.values():
        ensure_pair(
            authority,
            folder.responder(authority.name),
            distinguished_name(
                country_name="JP",
                organization_name="Signing Proxy Sandbox",
                common_name=f"OCSP responder of {authority.name}",
            ),
            Validity(now - profiles.BACKDATED, now + 3 * YEAR),
            profiles.responder_extensions(),
        )
    _ensure_signing(folder, authorities, services, now)
    _ensure_tsa(folder, authorities[profiles.TSA_ISSUER], services, now)
    _ensure_tls(folder, authorities["tls-ca"], authorities["client-ca"], now)
    _ensure_registration(folder)


def client_crl(folder: StateFolder) -> Path:
    """The client CA's CRL (PEM), as a listener's ``client_crl``."""
    return folder.root / "clients" / "client-ca.crl"


def _keys(folder: StateFolder) -> dict[Path, KeyKind]:
    wanted = {folder.authority(profile.name) / "key.pem": profile.kind for profile in AUTHORITIES}
    wanted |= {folder.signing(profile.name).key: profile.kind for profile in SIGNING}
    wanted |= {folder.responder(profile.name).key: KeyKind.P256 for profile in AUTHORITIES}
    wanted |= {folder.tls(name).key: KeyKind.P256 for name in TLS_SERVERS}
    wanted |= {folder.client(name).key: KeyKind.P256 for name in CLIENTS}
    wanted[folder.tsa().key] = KeyKind.RSA_3072
    wanted[folder.signing(UNREGISTERED_KEY).key] = KeyKind.P256
    return wanted


def _ensure_authority(folder: StateFolder, profile: AuthorityProfile, services: str, now: datetime) -> None:
    path = folder.anchor(profile.name)
    if not path.exists():
        key = load_key(folder.authority(profile.name) / "key.pem")
        extensions = profiles.authority_extensions(profile)
        chain: tuple[x509.Certificate, ...]
        if profile.issuer is None:
            chain = (self_signed(profile.subject, key, profile.validity(now), extensions),)
        else:
            issuer = CertificationAuthority.open(folder, profile.issuer)
            extensions += issuer.revocation_extensions(services)
            chain = (issuer.issue(profile.subject, key.public_key(), profile.validity(now), extensions), *issuer.chain)
        write_file(path, pem(chain))
    if profile.revoked and profile.issuer is not None:
        issuer = CertificationAuthority.open(folder, profile.issuer)
        issuer.revoke(load_chain(path)[0].serial_number, now - timedelta(hours=1), x509.ReasonFlags.ca_compromise)


def _ensure_signing(folder: StateFolder, authorities: dict[str, CertificationAuthority], services: str, now: datetime) -> None:
    for profile in SIGNING:
        authority = authorities[profile.issuer]
        extensions = profiles.signing_extensions()
        if profile.revocable:
            extensions += authority.revocation_extensions(services)
        certificate = ensure_pair(authority, folder.signing(profile.name), profile.subject, profile.validity(now), extensions)
        if profile.revoked:
            authority.revoke(certificate.serial_number, now - timedelta(hours=1), x509.ReasonFlags.key_compromise)


def _ensure_tsa(folder: StateFolder, authority: CertificationAuthority, services: str, now: datetime) -> None:
    ensure_pair(
        authority,
        folder.tsa(),
        profiles.TSA_SUBJECT,
        Validity(now - profiles.BACKDATED, now + 11 * YEAR),
        profiles.tsa_extensions() + authority.revocation_extensions(services),
    )


def _ensure_tls(folder: StateFolder, servers: CertificationAuthority, clients: CertificationAuthority, now: datetime) -> None:
    validity = Validity(now - profiles.BACKDATED, now + 3 * YEAR)
    for name in TLS_SERVERS:
        subject = distinguished_name(organization_name="Signing Proxy Sandbox", common_name=f"Sandbox {name}")
        ensure_pair(servers, folder.tls(name), subject, validity, profiles.tls_server_extensions(), with_root=False)
    for name in CLIENTS:
        subject = distinguished_name(organization_name="Signing Proxy Sandbox", common_name=f"Sandbox client {name}")
        certificate = ensure_pair(
            clients, folder.client(name), subject, validity, profiles.client_extensions(), with_root=False
        )
        if name == "revoked":
            clients.revoke(certificate.serial_number, now - timedelta(hours=1), x509.ReasonFlags.key_compromise)
    crl = x509.load_der_x509_crl(clients.certificate_revocation_list(now, CLIENT_CRL_VALID))
    write_file(client_crl(folder), crl.public_bytes(Encoding.PEM))


def _ensure_registration(folder: StateFolder) -> None:
    if not folder.registration_csr.exists():
        request = (
            x509.CertificateSigningRequestBuilder()
            .subject_name(profiles.LEGAL_PERSON)
            .sign(load_key(folder.signing(UNREGISTERED_KEY).key), SHA256())
        )
        write_file(folder.registration_csr, request.public_bytes(Encoding.PEM))
