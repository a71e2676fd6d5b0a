"""Why a certificate or a piece of revocation data was not accepted, inside the proxy.

Who asked knows what it means for the caller: the same expired certificate is ``CERTIFICATE_EXPIRED`` when it is to sign and
``TSA_ERROR`` when it came with a timestamp. So these are not in the error tree; each asker maps them in one place.
"""


class PathFailure(Exception):
    """The certificate cannot be trusted at the moment asked about. The text is one English sentence."""


class PathExpired(PathFailure):
    """The certificate or one of its issuers is past its end."""


class PathNotYetValid(PathFailure):
    """The certificate or one of its issuers is not valid yet."""


class PathUntrusted(PathFailure):
    """No path leads to an anchor, or none that RFC 5280, clause 6, accepts."""


class PathRevoked(PathFailure):
    """A certificate on the path is revoked."""


class UsageRefused(PathFailure):
    """The certificate's key usage or extended key usage does not cover what its key did."""


class EvidenceRejected(Exception):
    """An OCSP response or CRL that cannot be relied on. The text is one English sentence."""


class NothingToSay(EvidenceRejected):
    """A responder that works does not speak of the certificate: it does not know it, or is not asked about it."""
