"""Keys on a PKCS #11 token: AWS CloudHSM, or any other HSM with a module for it."""

from pydantic import Field, field_validator

from proxy.model.pkcs11_uri import PKCS11URI, is_pkcs11_uri
from proxy.secrets import SecretReference
from proxy.settings.base import FilePath, PositiveSeconds, Section


class PKCS11Settings(Section):
    """One token, by the module (a shared library) of its vendor.

    ``token`` is its label, or an RFC 7512 URI (``pkcs11:serial=…``, ``pkcs11:slot-id=…``); left out, the only token there is.
    ``pin`` is the user's; for CloudHSM ``user:password``. Each of the ``processes`` logs in once and signs one digest at a
    time. ``timeout_seconds`` bounds one signature, ``start_seconds`` loading the module and logging in, and looking through the
    token, ``create_seconds`` the making of a key pair, for which ``create_keys`` is needed. ``environment`` names the variables
    that the module reads.
    """

    module: FilePath
    token: str | None = Field(None, min_length=1)
    pin: SecretReference
    processes: int = Field(4, ge=1, le=64)
    timeout_seconds: PositiveSeconds = 5.0
    start_seconds: PositiveSeconds = 30.0
    create_keys: bool = False
    create_seconds: PositiveSeconds = 60.0
    key_cache_seconds: float = Field(300.0, ge=0)
    environment: tuple[str, ...] = ()

    @field_validator("token")
    @classmethod
    def _names_a_token(cls, token: str | None) -> str | None:
        if token is not None and is_pkcs11_uri(token):
            PKCS11URI.of_token(token)
        return token

    @property
    def chosen_token(self) -> PKCS11URI:
        """What the settings say of the token."""
        if self.token is None:
            return PKCS11URI()
        return PKCS11URI.of_token(self.token) if is_pkcs11_uri(self.token) else PKCS11URI(token=self.token)
