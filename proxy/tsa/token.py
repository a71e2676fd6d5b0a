"""``TimeStampToken`` (RFC 3161, 2.4.2; CMS, RFC 5652): read apart first, then checked one condition after the other.

A token is used only when all of it holds: it is over the imprint asked for, answers this request (nonce), was issued under the
policy asked for, now, and is signed by a certificate that may do nothing but time-stamping and chains to an anchor of the
profile. Each failure is a ``TSAError`` with a sentence of its own. This computes; call it by ``asyncio.to_thread``.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509

from proxy.errors import TSAError
from proxy.model import HashAlgorithm, TimestampToken
from proxy.ports import TimestampQuery
from proxy.trust import signatures
from proxy.trust.certificates import check_time_stamping_usage, read_certificate
from proxy.trust.failures import PathFailure, UsageRefused
from proxy.trust.paths import PathFinder
from proxy.tsa.query import UNREADABLE

LARGEST_SKEW = timedelta(minutes=5)
"""How far an authority's genTime may be off the proxy's clock."""

_HASHES = {algorithm.hashlib_name for algorithm in HashAlgorithm}


class CertificateMissing(TSAError):
    """The token does not hold its signer's certificate, and it is not known from elsewhere."""


@dataclass(frozen=True, slots=True)
class CertificateReference:
    """``ESSCertID`` or ``ESSCertIDv2`` (RFC 5035): hash of the signer's certificate; issuer (DER) and serial where given."""

    hash_name: str
    value: bytes
    issuer: bytes | None
    serial_number: int | None


@dataclass(frozen=True, slots=True)
class ParsedToken:
    """A token's parts, unchecked. ``signed_attributes`` is the DER of the SET OF that was signed."""

    tst_info: bytes
    version: str
    policy_oid: str
    imprint_algorithm: str
    imprint: bytes
    gen_time: datetime
    nonce: int | None
    critical_extensions: tuple[str, ...]
    digest_algorithm: str
    content_type: str
    message_digest: bytes
    references: tuple[CertificateReference, ...]
    signed_attributes: bytes
    signature_algorithm: algos.SignedDigestAlgorithm
    signature: bytes
    signer_issuer: bytes | None
    signer_serial_number: int | None
    signer_key_identifier: bytes | None
    certificates: tuple[bytes, ...]


def parse_token(token: bytes) -> ParsedToken:
    """Take a token apart.

    Args:
        token: DER of the ``ContentInfo``.

    Raises:
        TSAError: It is no token of one signer.
    """
    try:
        content_info = cms.ContentInfo.load(token, strict=True)
        if content_info["content_type"].native != "signed_data":
            raise TSAError("the time-stamp token is no CMS SignedData")
        signed_data = content_info["content"]
        encapsulated = signed_data["encap_content_info"]
        if encapsulated["content_type"].native != "tst_info" or len(signed_data["signer_infos"]) != 1:
            raise TSAError("the time-stamp token does not hold one signer's TSTInfo")
        return _parts(signed_data, encapsulated["content"].contents, signed_data["signer_infos"][0])
    except UNREADABLE as error:
        raise TSAError("the time-stamp token cannot be read") from error


def _parts(signed_data: cms.SignedData, content: bytes, signer: cms.SignerInfo) -> ParsedToken:
    info = tsp.TSTInfo.load(content, strict=True)
    # Taken before anything in it is read, because asn1crypto writes anew what it has parsed. As received but for the tag: [0]
    # IMPLICIT in the structure, SET OF in what was signed (RFC 5652, 5.4).
    signed_attributes = b"\x31" + signer["signed_attrs"].dump()[1:]
    attributes = _attributes(signer["signed_attrs"])
    by_issuer = signer["sid"].name == "issuer_and_serial_number"
    extensions = [] if isinstance(info["extensions"], core.Void) else info["extensions"]
    return ParsedToken(
        tst_info=content,
        version=info["version"].native,
        policy_oid=info["policy"].dotted,
        imprint_algorithm=info["message_imprint"]["hash_algorithm"]["algorithm"].native,
        imprint=info["message_imprint"]["hashed_message"].native,
        gen_time=info["gen_time"].native,
        nonce=info["nonce"].native,
        critical_extensions=tuple(entry["extn_id"].dotted for entry in extensions if entry["critical"].native),
        digest_algorithm=signer["digest_algorithm"]["algorithm"].native,
        content_type=_single(attributes, "content_type").native,
        message_digest=_single(attributes, "message_digest").native,
        references=tuple(_references(attributes)),
        signed_attributes=signed_attributes,
        signature_algorithm=signer["signature_algorithm"],
        signature=signer["signature"].native,
        signer_issuer=signer["sid"].chosen["issuer"].dump() if by_issuer else None,
        signer_serial_number=signer["sid"].chosen["serial_number"].native if by_issuer else None,
        signer_key_identifier=None if by_issuer else signer["sid"].chosen.native,
        certificates=tuple(
            choice.chosen.dump() for choice in (signed_data["certificates"] or ()) if choice.name == "certificate"
        ),
    )


def _attributes(signed_attributes: cms.CMSAttributes) -> dict[str, cms.CMSAttribute]:
    found: dict[str, cms.CMSAttribute] = {}
    for attribute in signed_attributes:
        name = attribute["type"].native
        if name in found:
            raise TSAError("the time-stamp token has a signed attribute twice")
        found[name] = attribute
    return found


def _single(attributes: dict[str, cms.CMSAttribute], name: str) -> core.Asn1Value:
    if name not in attributes or len(attributes[name]["values"]) != 1:
        raise TSAError(f"the time-stamp token has no single signed attribute {name.replace('_', ' ')}")
    return attributes[name]["values"][0]


def _references(attributes: dict[str, cms.CMSAttribute]) -> list[CertificateReference]:
    """The first certificate identifier of each signing-certificate attribute: the signer's own (RFC 5035, clause 3 and 4)."""
    found = []
    for name in ("signing_certificate", "signing_certificate_v2"):
        if name in attributes:
            entry = _single(attributes, name)["certs"][0]
            issuer_serial = entry["issuer_serial"]
            issuer, serial_number = None, None
            if not isinstance(issuer_serial, core.Void):
                serial_number = issuer_serial["serial_number"].native
                names = [given.chosen.chosen.dump() for given in issuer_serial["issuer"] if given.name == "directory_name"]
                issuer = names[0]
            hash_name = "sha1" if name == "signing_certificate" else entry["hash_algorithm"]["algorithm"].native
            found.append(CertificateReference(hash_name, entry["cert_hash"].native, issuer, serial_number))
    return found


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
    parsed = parse_token(token)
    _check_answer(parsed, query, now)
    _check_attributes(parsed)
    certificates = (*parsed.certificates, *known)
    signer = _signer(parsed, certificates)
    _check_references(parsed, signer)
    try:
        signatures.verify(
            signer,
            parsed.signature_algorithm,
            parsed.signed_attributes,
            parsed.signature,
            digest_algorithm=parsed.digest_algorithm,
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


def _check_attributes(parsed: ParsedToken) -> None:
    """RFC 5652, 5.4 and 11: the signed attributes are about this TSTInfo."""
    if parsed.content_type != "tst_info":
        raise TSAError("the time-stamp token's signed content type is not TSTInfo")
    if parsed.digest_algorithm not in _HASHES:
        raise TSAError("the time-stamp token is signed over a hash algorithm that is not accepted")
    if not hmac.compare_digest(parsed.message_digest, hashlib.new(parsed.digest_algorithm, parsed.tst_info).digest()):
        raise TSAError("the time-stamp token's message digest does not fit its TSTInfo")


def _signer(parsed: ParsedToken, certificates: tuple[bytes, ...]) -> bytes:
    """The certificate that the signer identifier (RFC 5652, 5.3) names."""
    for der in certificates:
        try:
            candidate = read_certificate(der)
        except ValueError:
            continue  # a broken certificate among others is not the signer's
        if parsed.signer_key_identifier is not None:
            if _key_identifier(candidate) == parsed.signer_key_identifier:
                return der
        elif (
            candidate.serial_number == parsed.signer_serial_number
            and parsed.signer_issuer is not None
            and _is_issuer(der, parsed.signer_issuer)
        ):
            return der
    raise CertificateMissing("the time-stamp token does not hold its signer's certificate")


def _check_references(parsed: ParsedToken, signer: bytes) -> None:
    """RFC 3161, 2.4.2 and RFC 5816: the token must name the certificate that signed it, and no other."""
    if not parsed.references:
        raise TSAError("the time-stamp token does not say which certificate signed it (ESSCertID)")
    for reference in parsed.references:
        if reference.hash_name not in {*_HASHES, "sha1"}:
            raise TSAError("the time-stamp token names its certificate by an unknown hash algorithm")
        digest = hashlib.new(reference.hash_name, signer, usedforsecurity=reference.hash_name != "sha1").digest()
        other_serial = reference.serial_number not in {None, read_certificate(signer).serial_number}
        other_issuer = reference.issuer is not None and not _is_issuer(signer, reference.issuer)
        if not hmac.compare_digest(digest, reference.value) or other_serial or other_issuer:
            raise TSAError("the time-stamp token names another certificate than the one that signed it")


def _is_issuer(certificate: bytes, name: bytes) -> bool:
    """Whether a certificate's issuer is ``name`` (DER), compared as RFC 5280, 7.1 says."""
    try:
        return bool(asn1_x509.Certificate.load(certificate).issuer == asn1_x509.Name.load(name))
    except UNREADABLE as error:
        raise TSAError("the time-stamp token cannot be read") from error


def _key_identifier(certificate: x509.Certificate) -> bytes:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return b""
