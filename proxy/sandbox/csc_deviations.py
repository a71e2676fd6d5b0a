"""What the provider of remote signatures does otherwise than the CSC API v2.0 says, when it is told to.

Deviations are met at providers, and a client should get along with them; faults must fail a request, by name and in time.
"""

from enum import StrEnum


class Deviation(StrEnum):
    """Another way of doing the same."""

    INFO_BY_GET = "info-by-get"
    """``info`` is a GET."""

    TLS_ALONE = "tls-alone"
    """The client's certificate is enough: there are no access tokens."""

    BASE64URL_HASHES = "base64url-hashes"
    """``hashes`` are in base64url."""

    CREDENTIAL_SCOPE = "credential-scope"
    """Access tokens have the scope ``credential``: a SAD beside them is refused, and there is no ``credentials/authorize``."""

    SAD_IN_HEADER = "sad-in-header"
    """The SAD takes the place of the access token in the header, and is refused in the body."""

    SORTED_ANSWERS = "sorted-answers"
    """Hashes are sorted, and the signatures come in that order."""

    KEY_TYPE_ONLY = "key-type-only"
    """``key/algo`` lists ``rsaEncryption`` or ``id-ecPublicKey`` alone, and RSA keys make PKCS#1 alone."""

    NO_CHAIN = "no-chain"
    """Of certificates the signing one alone is given, whatever is asked."""

    LIST_WITHOUT_CHAIN = "list-without-chain"
    """The same, by ``credentials/list`` alone."""

    LIST_WITHOUT_INFO = "list-without-info"
    """``credentials/list`` gives ids alone, whatever is asked."""

    PAGED = "paged"
    """``credentials/list`` gives two at a time and takes ``maxResults`` and ``pageToken``, as version 1 does."""

    RAW_ECDSA = "raw-ecdsa"
    """ECDSA values are r‖s."""

    AUTHORIZE_LATER = "authorize-later"
    """``credentials/authorize`` gives a handle, and the SAD comes by ``credentials/authorizeCheck``."""

    SIGN_LATER = "sign-later"
    """``signatures/signHash`` gives an id although it was not asked to, and the values come by ``signatures/signPolling``."""

    NESTED_ERRORS = "nested-errors"
    """A failure is ``{"error": {"code", "message"}}``."""

    PROBLEM_ERRORS = "problem-errors"
    """A failure is RFC 9457 with the code as ``code``."""

    UNAUTHORIZED_IS_400 = "unauthorized-is-400"
    """An access token that has ended is answered with 400 and a sentence."""

    BAD_SAD_IS_401 = "bad-sad-is-401"
    """A SAD that has ended is answered as an access token is."""


class Fault(StrEnum):
    """What goes wrong at ``signatures/signHash``; ``maintenance`` concerns every method."""

    MAINTENANCE = "maintenance"
    """503 with the word."""

    UNAVAILABLE = "unavailable"
    """503."""

    FAILING = "failing"
    """500, before anything was done."""

    THROTTLED = "throttled"
    """429."""

    BAD_SAD = "bad-sad"
    """The SAD is refused, although it is good."""

    LOST_ANSWER = "lost-answer"
    """It signs, and breaks the connection."""

    SILENT = "silent"
    """It signs, and does not answer."""

    ENDLESS = "endless"
    """It gives an id, and is never done."""

    OTHER_DIGEST = "other-digest"
    """The last signature is over another digest."""

    TOO_FEW = "too-few"
    """The last signature is missing."""

    TOO_MANY = "too-many"
    """There is one more."""

    GARBAGE = "garbage"
    """It signs, and answers with something that is no JSON."""
