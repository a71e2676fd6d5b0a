"""Every failure the proxy names, as one tree.

::

    ProxyError                      code, retryable
    ├── CallerError                 the request or its document is at fault
    │   ├── InvalidParameter        ├── InvalidDocument       ├── PDFVersionUnsupported
    │   ├── LengthMismatch          ├── DigestMismatch        ├── LengthRequired
    │   ├── TooLarge                ├── UnsupportedMediaType  ├── NotAcceptable
    │   ├── MethodNotAllowed        ├── NotFound              ├── CertificateNotFound
    │   ├── KeyNotFound             ├── TSAProfileNotFound    ├── TransactionNotFound
    │   ├── PDFEncrypted            ├── FieldExists           ├── FieldNotFound
    │   ├── SealImageInvalid        ├── AppearanceInvalid     └── CertificateKeyMismatch
    ├── PolicyError                 understood, and refused by a rule
    │   ├── ClientCertificateRequired    ├── ClientCertificateInvalid
    │   ├── CertificateNotPermitted      ├── OperationNotPermitted
    │   ├── MDPNotFirst                  ├── MDPLocked                ├── FieldLocked
    │   ├── AlreadyTimestamped           ├── NotExtendable            ├── SeedValueConflict
    │   ├── CertificateExpired           ├── CertificateNotYetValid   ├── CertificateRevoked
    │   ├── AlgorithmNotAllowed          ├── NotSupported
    │   ├── IdempotencyConflict          ├── InProgress
    │   ├── ConcurrencyLimit             ├── RateLimit
    │   └── Maintenance                  └── ShuttingDown
    ├── DependencyError             something the proxy stands on failed
    │   ├── SignerError                  ├── SignerUnavailable        ├── SignatureInvalid
    │   ├── TSAError                     ├── TSAUnavailable           ├── RevocationUnavailable
    │   ├── SpoolFull                    └── DeadlineExceeded
    ├── SettingsError               the operator's configuration; never raised by a request
    └── InternalError               a fault of the proxy itself

The codes are those of the REST contract. There is no HTTP here: ``proxy.api.problems`` maps a code to its status and its
Japanese text. ``detail`` is read by callers: it never holds a path, a key, a document's content or an internal name.
"""

from collections.abc import Mapping
from typing import ClassVar


class ProxyError(Exception):
    """Root of the tree.

    Args:
        detail: One English sentence for the caller.
        fields: Request fields at fault, by contract name, each with what is wrong.
        retry_after: Seconds after which repeating makes sense.

    Attributes:
        transaction_id: The failed call's id, where the error was told by a service; set by the client library alone.
    """

    code: ClassVar[str] = ""
    retryable: ClassVar[bool] = False
    transaction_id: str | None = None

    def __init__(self, detail: str, *, fields: Mapping[str, str] | None = None, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields: Mapping[str, str] = dict(fields or {})
        self.retry_after = retry_after


class CallerError(ProxyError):
    """The request or its document is at fault; the same request fails again."""


class PolicyError(ProxyError):
    """The request was understood and is refused by a rule."""


class DependencyError(ProxyError):
    """A signer, time-stamping authority, revocation source or the spool failed."""

    retryable = True


class SettingsError(ProxyError):
    """The configuration cannot be used. Raised at start and by the command line, never by a request."""

    code = "SETTINGS"


class InternalError(ProxyError):
    """A fault of the proxy itself. Its cause is in the log, not in the answer."""

    code = "INTERNAL"
    retryable = True


# -- CallerError ---------------------------------------------------------------------------------------------------


class InvalidParameter(CallerError):
    """A parameter is missing, unknown, malformed or contradicts another."""

    code = "INVALID_PARAMETER"


class InvalidDocument(CallerError):
    """The document cannot be read as what it claims to be, or reading it passes a resource limit."""

    code = "INVALID_DOCUMENT"


class PDFVersionUnsupported(CallerError):
    """The PDF's major version is above 2, or it is before 1.3."""

    code = "PDF_VERSION_UNSUPPORTED"


class LengthMismatch(CallerError):
    """The document has another length than ``Document-Length`` says, or the body broke off."""

    code = "LENGTH_MISMATCH"


class DigestMismatch(CallerError):
    """The document has another digest than ``Content-Digest`` says (RFC 9530)."""

    code = "DIGEST_MISMATCH"


class LengthRequired(CallerError):
    """A document route was called without a body."""

    code = "LENGTH_REQUIRED"


class TooLarge(CallerError):
    """The body or the document is over a limit."""

    code = "TOO_LARGE"


class UnsupportedMediaType(CallerError):
    """Neither the Content-Type nor the first bytes name a document the route takes."""

    code = "UNSUPPORTED_MEDIA_TYPE"


class NotAcceptable(CallerError):
    """No representation the route has fits ``Accept``."""

    code = "NOT_ACCEPTABLE"


class MethodNotAllowed(CallerError):
    """The path exists, not with this method."""

    code = "METHOD_NOT_ALLOWED"


class NotFound(CallerError):
    """There is no such path."""

    code = "NOT_FOUND"


class CertificateNotFound(CallerError):
    """No signing certificate has this id."""

    code = "CERTIFICATE_NOT_FOUND"


class KeyNotFound(CallerError):
    """No key has this id."""

    code = "KEY_NOT_FOUND"


class TSAProfileNotFound(CallerError):
    """No time-stamping profile has this name."""

    code = "TSA_PROFILE_NOT_FOUND"


class TransactionNotFound(CallerError):
    """The caller has no transaction with this id."""

    code = "TRANSACTION_NOT_FOUND"


class PDFEncrypted(CallerError):
    """The PDF needs a password that was not given."""

    code = "PDF_ENCRYPTED"


class FieldExists(CallerError):
    """A field of this name is signed already, or is not a signature field."""

    code = "FIELD_EXISTS"


class FieldNotFound(CallerError):
    """There is no signature field of this name, or no empty one."""

    code = "FIELD_NOT_FOUND"


class SealImageInvalid(CallerError):
    """The seal image is in no supported format, damaged, or over a limit."""

    code = "SEAL_IMAGE_INVALID"


class AppearanceInvalid(CallerError):
    """The visible signature cannot be drawn as asked: no such page, outside the page, or too much text for its box."""

    code = "APPEARANCE_INVALID"


class CertificateKeyMismatch(CallerError):
    """The certificate to register does not hold the named key's public key."""

    code = "CERTIFICATE_KEY_MISMATCH"


# -- PolicyError ---------------------------------------------------------------------------------------------------


class ClientCertificateRequired(PolicyError):
    """The call came without a client certificate."""

    code = "CLIENT_CERTIFICATE_REQUIRED"


class ClientCertificateInvalid(PolicyError):
    """The client certificate is revoked or not enrolled, or the load balancer's header is bad."""

    code = "CLIENT_CERTIFICATE_INVALID"


class CertificateNotPermitted(PolicyError):
    """The client may not use this signing certificate."""

    code = "CERTIFICATE_NOT_PERMITTED"


class OperationNotPermitted(PolicyError):
    """The client may not call this operation."""

    code = "OPERATION_NOT_PERMITTED"


class MDPNotFirst(PolicyError):
    """A certification was asked for on a document that is signed already."""

    code = "MDP_NOT_FIRST"


class MDPLocked(PolicyError):
    """A certification or lock already in the document forbids what was asked."""

    code = "MDP_LOCKED"


class AlreadyTimestamped(PolicyError):
    """The document holds a document timestamp, and the caller wants none added to it."""

    code = "ALREADY_TIMESTAMPED"


class NotExtendable(PolicyError):
    """What is in the document cannot be proven for the long term: nothing signed, not trusted, or nobody to ask."""

    code = "NOT_EXTENDABLE"


class FieldLocked(PolicyError):
    """A field lock (FieldMDP) already in the document forbids what was asked."""

    code = "FIELD_LOCKED"


class SeedValueConflict(PolicyError):
    """The field's seed value dictionary mandates something else than what was asked."""

    code = "SEED_VALUE_CONFLICT"


class CertificateExpired(PolicyError):
    """The signing certificate or one of its issuers is past its end."""

    code = "CERTIFICATE_EXPIRED"


class CertificateNotYetValid(PolicyError):
    """The signing certificate or one of its issuers is not valid yet."""

    code = "CERTIFICATE_NOT_YET_VALID"


class CertificateRevoked(PolicyError):
    """The signing certificate or one of its issuers is revoked."""

    code = "CERTIFICATE_REVOKED"


class AlgorithmNotAllowed(PolicyError):
    """The key or backend does not do this combination of algorithms, or policy forbids it."""

    code = "ALGORITHM_NOT_ALLOWED"


class NotSupported(PolicyError):
    """The contract has it, this deployment or version does not."""

    code = "NOT_SUPPORTED"


class IdempotencyConflict(PolicyError):
    """The client used this Idempotency-Key for another request."""

    code = "IDEMPOTENCY_CONFLICT"


class InProgress(PolicyError):
    """The request with this Idempotency-Key is being worked on."""

    code = "IN_PROGRESS"
    retryable = True


class ConcurrencyLimit(PolicyError):
    """Too many requests are in progress or waiting."""

    code = "CONCURRENCY_LIMIT"
    retryable = True


class RateLimit(PolicyError):
    """The client sent more requests a second than it may."""

    code = "RATE_LIMIT"
    retryable = True


class Maintenance(PolicyError):
    """The service, or the central signer behind it, is in maintenance."""

    code = "MAINTENANCE"
    retryable = True


class ShuttingDown(PolicyError):
    """This task is stopping; another one serves the repeat."""

    code = "SHUTTING_DOWN"
    retryable = True


# -- DependencyError -----------------------------------------------------------------------------------------------


class SignerError(DependencyError):
    """The signer answered with an error, or with something that is no answer."""

    code = "SIGNER_ERROR"


class SignerUnavailable(DependencyError):
    """The signer cannot be reached."""

    code = "SIGNER_UNAVAILABLE"


class SignatureInvalid(DependencyError):
    """The value that came back does not verify against the certificate and the digest sent."""

    code = "SIGNATURE_INVALID"


class TSAError(DependencyError):
    """The time-stamping authority refused, or its token failed a check."""

    code = "TSA_ERROR"


class TSAUnavailable(DependencyError):
    """No time-stamping authority of the profile can be reached."""

    code = "TSA_UNAVAILABLE"


class RevocationUnavailable(DependencyError):
    """Revocation data that is needed cannot be had."""

    code = "REVOCATION_UNAVAILABLE"


class SpoolFull(DependencyError):
    """There is no room to spool the document."""

    code = "SPOOL_FULL"


class DeadlineExceeded(DependencyError):
    """The request's time is over; whether it was signed is told by ``/v1/operations``."""

    code = "TIMEOUT"
