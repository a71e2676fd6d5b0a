"""What an existing signature field demands of its signature (engine process): ISO 32000-2, 12.7.5.5, tables 237 to 239.

A mandatory demand that the request meets, or that leaves one choice where the request left it open, is obeyed; any other is a
conflict. What is not marked as mandatory is advice and does not bind. No URL of the dictionary is ever contacted.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntFlag

from asn1crypto import x509
from pyhanko.pdf_utils import generic
from pyhanko.sign.fields import SigCertConstraintFlags, SigCertConstraints
from pyhanko.sign.general import UnacceptableSignerError

from proxy.errors import SeedValueConflict
from proxy.pades.objects import entry
from proxy.pades.values import PrepareSignature

_OUR_FILTERS = frozenset({"/Adobe.PPKLite"})
_OUR_SUB_FILTERS = frozenset({"/ETSI.CAdES.detached"})
_PARSER_VERSION = 3
_NO_REASON = "."


class Mandatory(IntFlag):
    """Bits of ``/Ff`` (table 237)."""

    FILTER = 1 << 0
    SUB_FILTER = 1 << 1
    VERSION = 1 << 2
    REASONS = 1 << 3
    LEGAL_ATTESTATION = 1 << 4
    ADD_REVOCATION_INFO = 1 << 5
    DIGEST_METHOD = 1 << 6
    LOCK_DOCUMENT = 1 << 7
    APPEARANCE_FILTER = 1 << 8


@dataclass(frozen=True, slots=True)
class _Demands:
    """One seed value dictionary against one request."""

    seed: generic.DictionaryObject
    request: PrepareSignature

    def filter(self) -> PrepareSignature:
        return self._require(entry(self.seed, "/Filter") in _OUR_FILTERS, "the signature handler")

    def sub_filter(self) -> PrepareSignature:
        offered = {str(item.get_object()) for item in entry(self.seed, "/SubFilter") or ()}
        return self._require(bool(offered & _OUR_SUB_FILTERS), "another encoding than ETSI.CAdES.detached")

    def version(self) -> PrepareSignature:
        return self._require((entry(self.seed, "/V") or 0) <= _PARSER_VERSION, "a later version of seed values")

    def reasons(self) -> PrepareSignature:
        """One of the reasons; a lone full stop, or none, forbids to give one."""
        allowed = [str(item.get_object()) for item in entry(self.seed, "/Reasons") or ()]
        given = self.request.reason
        if not allowed or allowed == [_NO_REASON]:
            return self._require(given is None, "that no reason is given")
        if given is None and len(allowed) == 1:
            return replace(self.request, reason=allowed[0])
        return self._require(given in allowed, "another reason")

    def legal_attestation(self) -> PrepareSignature:
        return self._require(self.request.certify is None, "a legal attestation")

    def add_revocation_info(self) -> PrepareSignature:
        """Adobe's attribute inside the CMS, which a PAdES signature does not have (EN 319 142-1, 6.3)."""
        return self._require(not entry(self.seed, "/AddRevInfo"), "revocation information inside the signature")

    def digest_method(self) -> PrepareSignature:
        allowed = {str(item.get_object()).replace("-", "").lower() for item in entry(self.seed, "/DigestMethod") or ()}
        return self._require(self.request.hash_algorithm in allowed, "another hash algorithm")

    def lock_document(self) -> PrepareSignature:
        wanted = entry(self.seed, "/LockDocument")
        locks = self.request.certify == 1
        return self._require(wanted == "/auto" or (wanted == "/true") == locks, "another lock of the document")

    def appearance_filter(self) -> PrepareSignature:
        return self._require(entry(self.seed, "/AppearanceFilter") is None, "a named appearance")

    def _require(self, met: bool, demand: str) -> PrepareSignature:
        if not met:
            raise SeedValueConflict(f"the field's seed values demand {demand}")
        return self.request


_BY_FLAG: dict[Mandatory, Callable[[_Demands], PrepareSignature]] = {
    Mandatory.FILTER: _Demands.filter,
    Mandatory.SUB_FILTER: _Demands.sub_filter,
    Mandatory.VERSION: _Demands.version,
    Mandatory.REASONS: _Demands.reasons,
    Mandatory.LEGAL_ATTESTATION: _Demands.legal_attestation,
    Mandatory.ADD_REVOCATION_INFO: _Demands.add_revocation_info,
    Mandatory.DIGEST_METHOD: _Demands.digest_method,
    Mandatory.LOCK_DOCUMENT: _Demands.lock_document,
    Mandatory.APPEARANCE_FILTER: _Demands.appearance_filter,
}


def obey_seed_values(field: generic.DictionaryObject, request: PrepareSignature) -> PrepareSignature:
    """The request as the field's seed values leave it.

    Args:
        field: An existing, empty signature field.
        request: What the caller asks.

    Returns:
        The same, or with what the caller left open and the field decides.

    Raises:
        SeedValueConflict: A mandatory demand is not met or not known.
    """
    seed = entry(field, "/SV")
    if not isinstance(seed, generic.DictionaryObject):
        return request
    flags = entry(seed, "/Ff") or 0
    if not isinstance(flags, int) or flags & ~sum(Mandatory):
        raise SeedValueConflict("the field's seed values demand something unknown")
    for flag, meet in _BY_FLAG.items():
        if flags & flag:
            request = meet(_Demands(seed, request))
    _meet_signature_type(seed, request)
    if entry(entry(seed, "/TimeStamp"), "/Ff") and not request.timestamped:
        raise SeedValueConflict("the field's seed values demand a timestamp")
    _meet_certificate_constraints(seed, request)
    return request


def _meet_signature_type(seed: generic.DictionaryObject, request: PrepareSignature) -> None:
    """``/MDP`` binds without a flag: 0 for an approval signature, else the permission level of a certification."""
    level = entry(entry(seed, "/MDP"), "/P")
    if level is not None and level != (request.certify or 0):
        kind = "an approval signature" if level == 0 else f"a certification with docMdp {level}"
        raise SeedValueConflict(f"the field's seed values demand {kind}")


def _meet_certificate_constraints(seed: generic.DictionaryObject, request: PrepareSignature) -> None:
    constraints = entry(seed, "/Cert")
    flags = entry(constraints, "/Ff")
    if not flags:
        return
    try:
        demanded = SigCertConstraints.from_pdf_object(constraints)
        flags = SigCertConstraintFlags(int(flags))
        others = replace(demanded, flags=flags & ~SigCertConstraintFlags.ISSUER)
        others.satisfied_by(x509.Certificate.load(request.signer.signer), None)
    except (UnacceptableSignerError, NotImplementedError) as error:
        raise SeedValueConflict("the field's seed values demand another signing certificate") from error
    if flags & SigCertConstraintFlags.ISSUER and demanded.issuers is not None:
        accepted = {issuer.dump() for issuer in demanded.issuers}
        if accepted.isdisjoint(request.signer.others):
            raise SeedValueConflict("the field's seed values demand a certificate of another issuer")
