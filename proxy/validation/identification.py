"""Identification of the signing certificate (EN 319 102-1, 5.2.3), by what was signed where it says so."""

from collections.abc import Iterable

from proxy.model import SubIndication
from proxy.trust.identification import is_named, is_referenced
from proxy.validation.context import Context
from proxy.validation.reasons import Check, Code, reason
from proxy.validation.steps import Failure, Steps
from proxy.validation.subject import Subject

BLOCK = "5.2.3"


def identify(context: Context, subject: Subject, steps: Steps) -> bytes | Failure:
    """DER of the signing certificate.

    It is the one that the signed attributes name by hash, and that the SignerInfo names too; without such an attribute the one
    that the SignerInfo names. Nothing but that is believed to be the signer's.
    """
    named = list(_named(context, subject))
    if not named:
        return _missing(steps, Code.SIGNING_CERTIFICATE_MISSING)
    if not subject.references:
        steps.passed(BLOCK, Check.SIGNING_CERTIFICATE_IDENTIFIED)
        unsigned = reason(Code.SIGNING_CERTIFICATE_NOT_SIGNED)
        if subject.kind.is_timestamp:
            # RFC 3161, 2.4.2: a token must name the certificate of its authority.
            failure = Failure(SubIndication.SIG_CONSTRAINTS_FAILURE, unsigned)
            return steps.failed(BLOCK, Check.SIGNING_CERTIFICATE_SIGNED, failure)
        steps.warned(BLOCK, Check.SIGNING_CERTIFICATE_SIGNED, unsigned)
        return named[0]
    for certificate in named:
        if _is_referenced(certificate, subject):
            steps.passed(BLOCK, Check.SIGNING_CERTIFICATE_IDENTIFIED)
            steps.passed(BLOCK, Check.SIGNING_CERTIFICATE_SIGNED)
            return certificate
    return _missing(steps, Code.SIGNING_CERTIFICATE_MISMATCH)


def _named(context: Context, subject: Subject) -> Iterable[bytes]:
    if subject.identifier_of_signer is None:
        # ISO 32000-2, 12.8.3.2: the first certificate is the signer's.
        return subject.certificates[:1]
    candidates = dict.fromkeys((*subject.certificates, *context.book.certificates))
    identifier = subject.identifier_of_signer
    return (certificate for certificate in candidates if is_named(certificate, identifier))


def _is_referenced(certificate: bytes, subject: Subject) -> bool:
    try:
        return all(is_referenced(certificate, reference) for reference in subject.references)
    except ValueError:
        return False  # by a hash algorithm that nothing here knows


def _missing(steps: Steps, code: Code) -> Failure:
    failure = Failure(SubIndication.NO_SIGNING_CERTIFICATE_FOUND, reason(code))
    return steps.failed(BLOCK, Check.SIGNING_CERTIFICATE_IDENTIFIED, failure)
