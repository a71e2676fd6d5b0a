"""Private keys on the token, and the public key that belongs to each (token process).

A token need not say which public key a private key has. An RSA private key mostly has it on itself (``CKA_MODULUS``,
``CKA_PUBLIC_EXPONENT``); otherwise it is that of the public key or certificate object with the same ``CKA_ID`` (PKCS #11
v2.40, 4.8), or, where the private key has no id, the same label. Two that fit and differ say nothing.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pkcs11
from asn1crypto.core import OctetString
from asn1crypto.keys import ECDomainParameters, PublicKeyInfo, RSAPublicKey
from asn1crypto.x509 import Certificate
from pkcs11 import Attribute, CertificateType, KeyType, ObjectClass
from pkcs11.attributes import AttributeMapper

from proxy.signers.pkcs11.messages import KeyPlace, TokenKey

_KINDS = (KeyType.RSA, KeyType.EC)
_OF_A_PRIVATE_KEY = (Attribute.ID, Attribute.LABEL, Attribute.SIGN, Attribute.ALWAYS_AUTHENTICATE)
_OF_A_PUBLIC_KEY: dict[KeyType, tuple[Attribute, ...]] = {
    KeyType.RSA: (Attribute.MODULUS, Attribute.PUBLIC_EXPONENT),
    KeyType.EC: (Attribute.EC_PARAMS, Attribute.EC_POINT),
}

_UNSAID = (pkcs11.AttributeTypeInvalid, pkcs11.AttributeSensitive, pkcs11.FunctionFailed)
"""How tokens say that an object does not have an attribute."""


class Unusable(Exception):
    """A private key that may sign cannot be used here; the text says why."""


def mapper() -> AttributeMapper:
    """Attributes as they are used here: labels need not be UTF-8."""
    made = AttributeMapper()
    made.register_handler(Attribute.LABEL, lambda text: text.encode("utf-8"), lambda octets: octets.decode("utf-8", "replace"))
    return made


def key_id(public_key: bytes) -> str:
    """A key's id: the first half of the SHA-256 of its SubjectPublicKeyInfo, in hex; the same on every copy of the key."""
    return hashlib.sha256(public_key).hexdigest()[:32]


def signing_keys(
    session: pkcs11.Session, label: str | None, object_id: bytes | None
) -> Iterator[tuple[TokenKey | str, pkcs11.Object]]:
    """The private keys of a label and an id (``None``: any) that may sign; instead of one that cannot be used, why."""
    template: dict[Attribute, Any] = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
    if label is not None:
        template[Attribute.LABEL] = label
    if object_id is not None:
        template[Attribute.ID] = object_id
    for kind in _KINDS:
        # The list first: a token has one search at a time, and looking for a public key is another.
        for found in list(session.get_objects({**template, Attribute.KEY_TYPE: kind})):
            own = _attributes(found, _OF_A_PRIVATE_KEY)
            if not own.get(Attribute.SIGN):
                continue
            named, identified = own.get(Attribute.LABEL, ""), own.get(Attribute.ID, b"")
            try:
                if own.get(Attribute.ALWAYS_AUTHENTICATE):
                    raise Unusable("it wants the PIN for every signature")
                public_key = _public_key(session, found, kind, named, identified)
            except Unusable as error:
                yield f"the key with id {identified.hex() or 'none'} and label {named!r}: {error}", found
            else:
                yield TokenKey(KeyPlace(identified, named, key_id(public_key)), public_key), found


def _attributes(found: pkcs11.Object, names: tuple[Attribute, ...]) -> dict[Attribute, Any]:
    """Those that the object has."""
    try:
        return dict(found.get_attributes(list(names)))
    except _UNSAID:
        # Some tokens answer for all of them, or for none.
        said: dict[Attribute, Any] = {}
        for name in names:
            try:
                said[name] = found[name]
            except _UNSAID:
                continue
        return said


def _public_key(session: pkcs11.Session, found: pkcs11.Object, kind: KeyType, label: str, object_id: bytes) -> bytes:
    """DER of the SubjectPublicKeyInfo.

    Raises:
        Unusable: There is none, or several that could be meant.
    """
    own = _attributes(found, _OF_A_PUBLIC_KEY[kind])
    if len(own) == len(_OF_A_PUBLIC_KEY[kind]):
        return _from_attributes(kind, own)
    same = {Attribute.ID: object_id} if object_id else {Attribute.LABEL: label} if label else None
    if same is None:
        raise Unusable("it has neither an id nor a label to find its public key by")
    public = {Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.KEY_TYPE: kind, **same}
    certificate = {Attribute.CLASS: ObjectClass.CERTIFICATE, Attribute.CERTIFICATE_TYPE: CertificateType.X_509, **same}
    searches: tuple[tuple[dict[Attribute, Any], Callable[[pkcs11.Object], bytes | None]], ...] = (
        (public, lambda one: _from_attributes(kind, _attributes(one, _OF_A_PUBLIC_KEY[kind]))),
        (certificate, lambda one: _from_certificate(kind, one)),
    )
    for template, read in searches:
        candidates = {key for one in list(session.get_objects(template)) if (key := read(one)) is not None}
        if Attribute.MODULUS in own:
            candidates = {key for key in candidates if _modulus(key) == _integer(own[Attribute.MODULUS])}
        if len(candidates) > 1:
            raise Unusable("several public keys could be its")
        if candidates:
            return candidates.pop()
    raise Unusable("neither a public key nor a certificate on the token is its")


def _from_attributes(kind: KeyType, said: dict[Attribute, Any]) -> bytes:
    try:
        if kind is KeyType.RSA:
            numbers = {
                "modulus": _integer(said[Attribute.MODULUS]),
                "public_exponent": _integer(said[Attribute.PUBLIC_EXPONENT]),
            }
            return _info("rsa", None, RSAPublicKey(numbers))
        parameters = ECDomainParameters.load(said[Attribute.EC_PARAMS])
        return _info("ec", parameters, _point(said[Attribute.EC_POINT]))
    except (KeyError, ValueError, TypeError) as error:
        raise Unusable("its public key cannot be read") from error


def _from_certificate(kind: KeyType, found: pkcs11.Object) -> bytes | None:
    """The key of a certificate; ``None`` where it is of another kind."""
    try:
        certificate = Certificate.load(_attributes(found, (Attribute.VALUE,))[Attribute.VALUE])
        info = certificate["tbs_certificate"]["subject_public_key_info"]
        algorithm, parameters = info["algorithm"]["algorithm"].native, info["algorithm"]["parameters"]
        if kind is KeyType.RSA and algorithm in {"rsa", "rsassa_pss"}:
            return _info("rsa", None, info["public_key"].parsed)
        if kind is KeyType.EC and algorithm == "ec":
            return _info("ec", parameters, bytes(info["public_key"]))
    except (KeyError, ValueError, TypeError) as error:
        raise Unusable("its certificate cannot be read") from error
    return None


def _info(algorithm: str, parameters: Any, public_key: Any) -> bytes:
    value = {"algorithm": algorithm} if parameters is None else {"algorithm": algorithm, "parameters": parameters}
    return bytes(PublicKeyInfo({"algorithm": value, "public_key": public_key}).dump())


def _point(value: bytes) -> bytes:
    """An EC point: ``CKA_EC_POINT`` is the DER of an OCTET STRING, which some tokens leave out."""
    try:
        return bytes(OctetString.load(value, strict=True))
    except ValueError:
        return value


def _integer(value: bytes) -> int:
    return int.from_bytes(value, "big")


def _modulus(public_key: bytes) -> int:
    return int(PublicKeyInfo.load(public_key)["public_key"].parsed["modulus"].native)
