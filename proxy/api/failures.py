"""What calls can end with, by the parts that they have in common; routes and the OpenAPI document are made of these."""

from typing import Final

from proxy import errors
from proxy.errors import ProxyError

EVERY_CALL: Final[tuple[type[ProxyError], ...]] = (
    errors.InvalidParameter,
    errors.ClientCertificateRequired,
    errors.ClientCertificateInvalid,
    errors.RateLimit,
    errors.InternalError,
    errors.NotSupported,
    errors.ShuttingDown,
    errors.DeadlineExceeded,
)
"""What any call can end with."""

GRANTED: Final = (errors.OperationNotPermitted,)
BODY: Final = (
    errors.LengthRequired,
    errors.TooLarge,
    errors.UnsupportedMediaType,
    errors.LengthMismatch,
    errors.DigestMismatch,
    errors.NotAcceptable,
)
SLOT: Final = (errors.ConcurrencyLimit, errors.Maintenance)
CERTIFICATE: Final = (errors.CertificateNotPermitted, errors.CertificateNotFound, errors.CertificateKeyMismatch)
SIGNER: Final = (errors.SignerError, errors.SignerUnavailable)
SIGNING: Final = (
    errors.CertificateExpired,
    errors.CertificateNotYetValid,
    errors.CertificateRevoked,
    errors.AlgorithmNotAllowed,
    errors.SignatureInvalid,
    errors.RevocationUnavailable,
)
TSA: Final = (errors.TSAProfileNotFound, errors.TSAError, errors.TSAUnavailable)
DOCUMENT: Final = (
    errors.InvalidDocument,
    errors.PDFVersionUnsupported,
    errors.PDFEncrypted,
    errors.FieldExists,
    errors.FieldNotFound,
    errors.SeedValueConflict,
    errors.SealImageInvalid,
    errors.AppearanceInvalid,
    errors.MDPLocked,
    errors.FieldLocked,
    errors.SpoolFull,
)
KEYED: Final = (errors.IdempotencyConflict, errors.InProgress)
SIGN_DOCUMENT: Final = (*GRANTED, *BODY, *SLOT, *CERTIFICATE, *SIGNER, *SIGNING, *DOCUMENT)
