"""One token, one session, one login: what a token process does with them (token process).

The module is used from one thread alone, so that ``C_Initialize(NULL)``, as python-pkcs11 calls it, is right.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pkcs11
from pkcs11 import MGF, Attribute, KeyType, MechanismFlag, TokenFlag
from pkcs11.util.ec import encode_named_curve_parameters

from proxy.model.algorithms import HashAlgorithm, KeyAlgorithm
from proxy.model.pkcs11_uri import PKCS11URI
from proxy.signers.pkcs11.messages import (
    CreateKey,
    FindKeys,
    KeyCreated,
    KeyPlace,
    KeysFound,
    KeysSeen,
    Mechanism,
    OpenToken,
    Sign,
    TokenKey,
    TokenOpened,
)
from proxy.signers.pkcs11.objects import mapper, signing_keys

_MECHANISMS = {
    Mechanism.RSA_PKCS: pkcs11.Mechanism.RSA_PKCS,
    Mechanism.RSA_PKCS_PSS: pkcs11.Mechanism.RSA_PKCS_PSS,
    Mechanism.ECDSA: pkcs11.Mechanism.ECDSA,
}
_PSS = {
    HashAlgorithm.SHA256: (pkcs11.Mechanism.SHA256, MGF.SHA256, 32),
    HashAlgorithm.SHA384: (pkcs11.Mechanism.SHA384, MGF.SHA384, 48),
    HashAlgorithm.SHA512: (pkcs11.Mechanism.SHA512, MGF.SHA512, 64),
}
"""``CK_RSA_PKCS_PSS_PARAMS``: hash, mask generation function, salt length in bytes."""

_CURVES = {KeyAlgorithm.P_256: "secp256r1", KeyAlgorithm.P_384: "secp384r1", KeyAlgorithm.P_521: "secp521r1"}
_MODULUS_BITS = {KeyAlgorithm.RSA_2048: 2048, KeyAlgorithm.RSA_3072: 3072, KeyAlgorithm.RSA_4096: 4096}

_STALE = (pkcs11.KeyHandleInvalid, pkcs11.ObjectHandleInvalid)


class ModuleNotLoaded(Exception):
    """The file is no PKCS #11 module that can be loaded."""


class TokenNotFound(Exception):
    """No token is the one that is asked for."""


class TokenAmbiguous(Exception):
    """Several tokens are."""


class TokenGone(Exception):
    """The token that was opened is not in its slot any more; its objects would only seem to be gone."""


class KeyGone(Exception):
    """There is no such key, or none that the session can see."""


class LabelTaken(Exception):
    """Another key has this label."""


class Token:
    """An open token.

    Args:
        asked: Which one, and the PIN.

    Raises:
        ModuleNotLoaded, TokenNotFound, TokenAmbiguous: As named.
        pkcs11.PKCS11Error: The module or the token refuses.
    """

    def __init__(self, asked: OpenToken) -> None:
        found = _find(_load(asked.module), asked.token)
        self._slot, self._facts = found.slot, _facts(found)
        self._mechanisms = found.slot.get_mechanisms()
        # Read and write: CloudHSM knows no other sessions.
        self._session = found.open(rw=True, user_pin=asked.pin, attribute_mapper=mapper())
        self._handles: dict[KeyPlace, Any] = {}

    def opened(self) -> TokenOpened:
        """What there is to know of it."""
        return TokenOpened(self._facts, tuple(ours for ours, theirs in _MECHANISMS.items() if theirs in self._mechanisms))

    def find(self, asked: FindKeys) -> KeysFound:
        """See :class:`FindKeys`.

        Raises:
            TokenGone: As named.
        """
        self._check_presence()
        keys: list[TokenKey] = []
        unusable: list[str] = []
        for key, handle in signing_keys(self._session, asked.label, asked.object_id):
            if isinstance(key, str):
                unusable.append(key)
            else:
                self._handles[key.place] = handle
                keys.append(key)
        return KeysFound(tuple(keys), tuple(unusable))

    def sign(self, asked: Sign) -> Iterator[bytes]:
        """See :class:`Sign`: one value after the other.

        Raises:
            KeyGone: There is no such key any more.
        """
        place = KeyPlace(asked.object_id, asked.label, asked.key_id)
        mechanism = _MECHANISMS[Mechanism(asked.mechanism)]
        parameters = None if asked.hash_algorithm is None else _PSS[HashAlgorithm(asked.hash_algorithm)]
        handle = self._handle(place)
        for data in asked.data:
            try:
                value = handle.sign(data, mechanism=mechanism, mechanism_param=parameters)
            except _STALE:
                self._handles.pop(place, None)
                handle = self._handle(place)
                value = handle.sign(data, mechanism=mechanism, mechanism_param=parameters)
            yield value

    def create(self, asked: CreateKey) -> KeyCreated:
        """See :class:`CreateKey`. The private key is sensitive, not extractable, and does nothing but sign.

        Raises:
            LabelTaken: Nothing was made.
        """
        labelled = {Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY, Attribute.LABEL: asked.label}
        if list(self._session.get_objects(labelled)):
            raise LabelTaken
        common: dict[str, Any] = {
            "id": asked.object_id,
            "label": asked.label,
            "store": True,
            "capabilities": MechanismFlag.SIGN | MechanismFlag.VERIFY,
            "private_template": {Attribute.PRIVATE: True, Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
        }
        if asked.algorithm in _CURVES:
            curve = {Attribute.EC_PARAMS: encode_named_curve_parameters(_CURVES[asked.algorithm])}
            self._session.create_domain_parameters(KeyType.EC, curve, local=True).generate_keypair(**common)
        else:
            self._session.generate_keypair(KeyType.RSA, _MODULUS_BITS[asked.algorithm], **common)
        for key in self.find(FindKeys(asked.label, asked.object_id)).keys:
            return KeyCreated(key)
        raise KeyGone

    def look_around(self) -> KeysSeen:
        """See :class:`LookAround`.

        Raises:
            TokenGone: As named.
        """
        self._check_presence()
        seen: Any = self._session.get_objects({Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY})
        with closing(seen):
            return KeysSeen(next(seen, None) is not None)

    def _check_presence(self) -> None:
        try:
            facts = _facts(self._slot.get_token())
        except pkcs11.PKCS11Error as error:
            raise TokenGone from error
        if facts != self._facts:
            raise TokenGone

    def _handle(self, place: KeyPlace) -> Any:
        if place not in self._handles:
            self.find(FindKeys(object_id=place.object_id or None))
        try:
            return self._handles[place]
        except KeyError as error:
            raise KeyGone from error


def _load(path: str) -> Any:
    try:
        return pkcs11.lib(path)
    except pkcs11.PKCS11Error as error:
        if type(error) is pkcs11.PKCS11Error:  # no CKR_… value: the system's loader failed
            raise ModuleNotLoaded(str(error)) from error
        raise


def _find(module: Any, asked: PKCS11URI) -> pkcs11.Token:
    found: list[pkcs11.Token] = []
    for slot in module.get_slots(token_present=True):
        try:
            token = slot.get_token()
        except (pkcs11.TokenNotPresent, pkcs11.TokenNotRecognised):
            continue
        if token.flags & TokenFlag.TOKEN_INITIALIZED and asked.fits(_facts(token)):
            found.append(token)
    if not found:
        raise TokenNotFound
    if len(found) > 1:
        raise TokenAmbiguous
    return found[0]


def _facts(token: pkcs11.Token) -> PKCS11URI:
    return PKCS11URI(
        token=token.label,
        manufacturer=token.manufacturer_id,
        serial=token.serial.decode("utf-8", "replace"),
        model=token.model,
        slot_id=token.slot.slot_id,
    )
