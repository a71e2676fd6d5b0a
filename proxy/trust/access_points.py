"""The URLs that a certificate names: whom to ask about it, where its issuer's list is, where its issuer's certificate is.

Whoever issued the certificate chose them. Here they are read and the unusable left out; where they may lead is decided by
:mod:`proxy.trust.reach`, and which certificates' URLs are followed at all by who calls (docs/trust.md has the rules together).
"""

import re
from collections.abc import Iterable

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from proxy.outbound import address_of, origin

MOST_URLS = 3
"""Of one kind in one certificate, in its order."""

_LONGEST_URL = 2048
_WRITTEN_AS_URL = re.compile(r"[A-Za-z0-9!#$%&'()*+,./:;=?@_~\[\]-]+")
"""RFC 3986, appendix A, which is ASCII: white space and control characters would end up in a request, and what a backslash is
programs do not agree on."""


def ocsp_urls(certificate: x509.Certificate) -> list[str]:
    """Responders (RFC 5280, 4.2.2.1)."""
    return _access_locations(certificate, AuthorityInformationAccessOID.OCSP)


def issuer_urls(certificate: x509.Certificate) -> list[str]:
    """Where certificates of the issuer are (``caIssuers``, RFC 5280, 4.2.2.1)."""
    return _access_locations(certificate, AuthorityInformationAccessOID.CA_ISSUERS)


def crl_urls(certificate: x509.Certificate) -> list[str]:
    """Distribution points of the issuer's full lists (RFC 5280, 4.2.1.13)."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return []
    return _usable(
        name for point in points if point.reasons is None and point.crl_issuer is None for name in point.full_name or ()
    )


def _access_locations(certificate: x509.Certificate, method: x509.ObjectIdentifier) -> list[str]:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return []
    return _usable(entry.access_location for entry in access if entry.access_method == method)


def _usable(names: Iterable[x509.GeneralName]) -> list[str]:
    """What else there is, ``ldap:`` above all, is common and passed over."""
    urls = [name.value for name in names if isinstance(name, x509.UniformResourceIdentifier) and is_usable(name.value)]
    return list(dict.fromkeys(urls))[:MOST_URLS]


def is_usable(url: str) -> bool:
    """Whether a URL can be followed, wherever it leads: ``http`` or ``https``, well written, a host, no user in it."""
    if len(url) > _LONGEST_URL or not _WRITTEN_AS_URL.fullmatch(url):
        return False
    try:
        _, host, _ = origin(url)
        address_of(host)
    except ValueError:
        return False
    return True
