"""``TimeStampToken`` (RFC 3161, 2.4.2; CMS, RFC 5652) as the answer to a request: checked one condition after the other.

A token is used only when all of it holds: it is over the imprint asked for, answers this request (nonce), was issued under the
policy asked for, now, and is signed by a certificate that may do nothing but time-stamping and chains to an anchor of the
profile. Each failure is a ``TSAError`` with a sentence of its own. This computes; call it by ``asyncio.to_thread``.
"""

import hashlib
import hmac
from datetime import datetime, timedelta

from proxy.errors import TSAError
from proxy.model import HashAlgorithm, TimestampToken
from proxy.ports import TimestampQuery
from proxy.trust import signatures
from proxy.trust.certificates import check_time_stamping_usage, read_certificate
from proxy.trust.cms import MalformedCMS, SignedAttributes
from proxy.trust.failures import PathFailure, UsageRefused
from proxy.trust.identification import is_named, is_referenced
from proxy.trust.paths import PathFinder
from proxy.trust.tokens import TST_INFO, ParsedToken, parse_token

LARGEST_SKEW = timedelta(minutes=5)
"""How far an authority's genTime may be off the proxy's clock."""

_HASHES = {algorithm.hashlib_name for algorithm in HashAlgorithm}


class CertificateMissing(TSAError):
    """The token does not hold its signer's certificate, and it is not known from elsewhere."""


def check_token(
    token: bytes,
    response: bytes,
    query: TimestampQuery,
    finder: PathFinder,
    now: datetime,
    known: tuple[bytes, ...] = (),
) -> TimestampToken:
    """Check a token against the request it answers.

    Args:
        token: DER of the ``ContentInfo``.
        response: DER of the reply it came in, kept with it.
        query: What was asked.
        finder: Holds the anchors the TSA's certificate must chain to.
        now: The moment, by the clock.
        known: DER of the authority's certificates from elsewhere, for a token that holds none.

    Raises:
        CertificateMissing: The signer's certificate is neither in the token nor known.
        TSAError: A check failed; the text says which.
    """
    if token[1:2] == b"\x80":
        raise TSAError("the time-stamp token is not DER")
    try:
        parsed = parse_token(token)
    except MalformedCMS as error:
        raise TSAError(f"the time-stamp token cannot be used: {error}") from error
    message = parsed.message
    if message.signed is None:
        raise TSAError("the time-stamp token has no signed attributes")
    _check_answer(parsed, query, now)
    _check_attributes(parsed, message.signed)
    certificates = (*message.data.certificates, *known)
    signer = _signer(parsed, certificates)
    _check_references(message.signed, signer)
    try:
        signatures.verify(
            signer,
            message.signature_algorithm,
            message.signed.der,
            message.signature,
            digest_algorithm=message.digest_algorithm,
        )
    except ValueError as error:
        raise TSAError(f"the time-stamp token is not authentic: {error}") from error
    try:
        check_time_stamping_usage(read_certificate(signer))
        finder.find(signer, certificates, parsed.gen_time)
    except UsageRefused as error:
        raise TSAError(str(error)) from error
    except PathFailure as error:
        raise TSAError(f"the TSA certificate is not trusted at the token's time: {error}") from error
    return TimestampToken(
        token=token,
        gen_time=parsed.gen_time,
        policy_oid=parsed.policy_oid,
        tsa_certificate=signer,
        tsa_not_after=read_certificate(signer).not_valid_after_utc,
        response=response,
    )


def _check_answer(parsed: ParsedToken, query: TimestampQuery, now: datetime) -> None:
    """RFC 3161, 2.4.2: the TSTInfo answers this request."""
    if parsed.version != "v1":
        raise TSAError("the time-stamp token is not of version 1")
    if parsed.critical_extensions:
        raise TSAError(f"the time-stamp token has critical extensions: {', '.join(parsed.critical_extensions)}")
    if parsed.imprint_algorithm != query.imprint.algorithm.hashlib_name:
        raise TSAError("the time-stamp token's imprint is by another hash algorithm than the one sent")
    if not hmac.compare_digest(parsed.imprint, query.imprint.value):
        raise TSAError("the time-stamp token is over another imprint than the one sent")
    if query.nonce is not None and parsed.nonce != query.nonce:
        raise TSAError("the time-stamp token does not hold the nonce that was sent")
    if query.policy_oid is not None and parsed.policy_oid != query.policy_oid:
        raise TSAError(f"the time-stamp token was issued under policy {parsed.policy_oid}, not {query.policy_oid}")
    if abs(parsed.gen_time - now) > LARGEST_SKEW:
        raise TSAError(f"the time-stamp token's time {parsed.gen_time.isoformat()} is not now: one of the two clocks is wrong")


def _check_attributes(parsed: ParsedToken, signed: SignedAttributes) -> None:
    """RFC 5652, 5.4 and 11: the signed attributes are about this TSTInfo."""
    if signed.content_type != TST_INFO:
        raise TSAError("the time-stamp token's signed content type is not TSTInfo")
    name = parsed.message.digest_algorithm
    if name not in _HASHES:
        raise TSAError("the time-stamp token is signed over a hash algorithm that is not accepted")
    if not hmac.compare_digest(signed.message_digest or b"", hashlib.new(name, parsed.tst_info).digest()):
        raise TSAError("the time-stamp token's message digest does not fit its TSTInfo")


def _signer(parsed: ParsedToken, certificates: tuple[bytes, ...]) -> bytes:
    """The certificate that the signer identifier (RFC 5652, 5.3) names."""
    for der in certificates:
        if is_named(der, parsed.message.identifier):
            return der
    raise CertificateMissing("the time-stamp token does not hold its signer's certificate")


def _check_references(signed: SignedAttributes, signer: bytes) -> None:
    """RFC 3161, 2.4.2 and RFC 5816: the token must name the certificate that signed it, and no other."""
    if not signed.references:
        raise TSAError("the time-stamp token does not say which certificate signed it (ESSCertID)")
    for reference in signed.references:
        if reference.hash_name not in {*_HASHES, "sha1"}:
            raise TSAError("the time-stamp token names its certificate by an unknown hash algorithm")
        if not is_referenced(signer, reference):
            raise TSAError("the time-stamp token names another certificate than the one that signed it")
