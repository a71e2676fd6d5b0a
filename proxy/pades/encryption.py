"""Open encrypted documents (engine process): ISO 32000-2, 7.6, by pyHanko's standard security handler.

What other readers take and it does not is added: revision 5 of the handler (Adobe Supplement to ISO 32000, ExtensionLevel 3,
3.5.2), AES data with damaged padding, permission bits without a meaning, AES-128 that does not state its key length. An update
of an encrypted document is encrypted as the document is.
"""

from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from typing import ClassVar

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.crypt import AuthStatus, SecurityHandler, StandardSecurityHandler
from pyhanko.pdf_utils.crypt.api import CryptFilterBuilder, SecurityHandlerVersion
from pyhanko.pdf_utils.crypt.standard import StandardAESCryptFilter, StandardSecuritySettingsRevision
from pyhanko.pdf_utils.reader import PdfFileReader

from proxy.errors import PDFEncrypted
from proxy.pades.objects import entry

_BLOCK = 16
_AES_128 = 16


def security_handler(dictionary: generic.DictionaryObject) -> SecurityHandler:
    """The handler that an encryption dictionary names."""
    if entry(dictionary, "/Filter") in (None, "/Standard"):
        return _StandardHandler.instantiate_from_pdf_object(dictionary)
    return SecurityHandler.build(dictionary)


def authenticate(reader: PdfFileReader, password: str | None) -> None:
    """Make an encrypted document readable; does nothing for others.

    Args:
        reader: The document.
        password: The user's or the owner's; ``None``: the empty one.

    Raises:
        PDFEncrypted: It needs another password or a recipient's key.
    """
    if reader.encrypt_dict is None:
        return
    if not isinstance(reader.security_handler, StandardSecurityHandler):
        raise PDFEncrypted("the PDF is encrypted for recipients' keys")
    if not any(_opens(reader, written) for written in _writings(password or "")):
        which = "empty password" if password is None else "password given"
        raise PDFEncrypted(f"the PDF is encrypted and the {which} does not open it")


def _opens(reader: PdfFileReader, password: str | bytes) -> bool:
    try:
        return reader.decrypt(password).status is not AuthStatus.FAILED
    except ValueError:
        # The handler's revision has its own encoding, and the password has letters that are not in it.
        return False


def _writings(password: str) -> Iterator[str | bytes]:
    """A password as the standard has it encoded, then as software writes it that does not know of that."""
    yield password
    if not password.isascii():
        for encoding in ("utf-8", "latin-1", "cp932"):
            with suppress(UnicodeEncodeError):
                yield password.encode(encoding)


class _AES(StandardAESCryptFilter):
    """AES that leaves data whose padding is damaged as they are, as other readers do."""

    def decrypt(self, key: bytes, ciphertext: bytes, params: object = None) -> bytes:
        try:
            plaintext: bytes = super().decrypt(key, ciphertext, params)
        except ValueError:
            end = len(ciphertext) - len(ciphertext) % _BLOCK
            if end <= _BLOCK:
                return b""
            decryptor = Cipher(algorithms.AES(key), modes.CBC(ciphertext[:_BLOCK])).decryptor()
            plaintext = decryptor.update(ciphertext[_BLOCK:end])
        return plaintext


class _WrittenPermissions:
    """``/P`` bit by bit: the key is derived from those without a meaning too."""

    def __init__(self, flags: int) -> None:
        self._flags = flags & 0xFFFFFFFF

    def as_uint32(self) -> int:
        return self._flags

    def as_bytes(self) -> bytes:
        return self._flags.to_bytes(4, "big")


class _StandardHandler(StandardSecurityHandler):
    _known_crypt_filters: ClassVar[dict[generic.NameObject, CryptFilterBuilder]] = {
        **StandardSecurityHandler._known_crypt_filters,  # noqa: SLF001 - the table that subclasses extend
        generic.NameObject("/AESV2"): lambda _, __: _AES(keylen=16),
        generic.NameObject("/AESV3"): lambda _, __: _AES(keylen=32),
    }

    _written_permissions: _WrittenPermissions
    _extension_level_3: bool

    @classmethod
    def instantiate_from_pdf_object(cls, encrypt_dict: generic.DictionaryObject) -> "_StandardHandler":
        version = SecurityHandlerVersion.from_number(encrypt_dict["/V"])
        filters = cls.process_crypt_filters(encrypt_dict)
        stated = cls.gather_encryption_metadata(encrypt_dict)
        with_aes = filters is not None and any(isinstance(item, _AES) for item in filters.filters())
        if version is SecurityHandlerVersion.RC4_OR_AES128 and (with_aes or "/Length" not in encrypt_dict):
            stated["legacy_keylen"] = _AES_128
        revision = StandardSecuritySettingsRevision.from_number(encrypt_dict["/R"])
        handler = cls(version=version, revision=revision, crypt_filter_config=filters, **stated)
        handler._written_permissions = _WrittenPermissions(encrypt_dict.get("/P", -1))
        handler._extension_level_3 = encrypt_dict["/R"] == _EXTENSION_LEVEL_3
        return handler

    @property
    def pdf_mac_enabled(self) -> bool:
        """Whether there is a message authentication code (ISO/TS 32004, which begins with AES-256)."""
        return self.version >= SecurityHandlerVersion.AES256 and super().pdf_mac_enabled

    def _auth_user_password_legacy(self, id1: bytes, password: bytes) -> tuple[bool, bytes]:
        known, self.perms = self.perms, self._written_permissions  # type: ignore[assignment]  # as far as it is looked at here
        try:
            opened: tuple[bool, bytes] = super()._auth_user_password_legacy(id1, password)
        finally:
            self.perms = known
        return opened

    def _authenticate_r6(self, password: str | bytes) -> tuple[AuthStatus, bytes | None]:
        if not self._extension_level_3:
            return super()._authenticate_r6(password)
        given = (password.encode() if isinstance(password, str) else password)[:127]
        for status, known, sealed, user in (
            (AuthStatus.OWNER, self.odata, self.oeseed, self.udata),
            (AuthStatus.USER, self.udata, self.ueseed, b""),
        ):
            if sha256(given + known[32:40] + user).digest() == known[:32]:
                decryptor = Cipher(
                    algorithms.AES(sha256(given + known[40:48] + user).digest()), modes.CBC(bytes(_BLOCK))
                ).decryptor()
                return status, decryptor.update(sealed)
        return AuthStatus.FAILED, None


_EXTENSION_LEVEL_3 = 5
