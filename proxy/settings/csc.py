"""Credentials at a provider of remote signatures (CSC API v2)."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from proxy.secrets import SecretReference
from proxy.settings.base import FilePath, PositiveSeconds, Section

CredentialID = Annotated[str, StringConstraints(min_length=1, max_length=256)]
ObjectIdentifier = Annotated[str, StringConstraints(pattern=r"^[0-2](\.[0-9]{1,39}){1,63}$")]
AuthData = dict[Annotated[str, StringConstraints(min_length=1, max_length=256)], SecretReference]


class CSCCredentialSettings(Section):
    """One credential, named so that it may be used.

    ``id`` is the provider's ``credentialID``, ``certificate_id`` what callers know it by (the same, unless set). ``auth_data``
    and ``key_algorithms`` stand in place of the section's and of what the provider lists under ``key/algo``.
    """

    id: CredentialID
    certificate_id: CredentialID | None = None
    auth_data: AuthData | None = None
    key_algorithms: tuple[ObjectIdentifier, ...] = ()


class CSCSettings(Section):
    """A provider that speaks the CSC API v2.

    The proxy proves who it is by a client certificate, by an access token (OAuth 2 client credentials), or by both. ``url`` is
    the base, usually ending in ``/csc/v2``; ``token_url`` is found by ``info`` where it is left out and on the same origin.
    ``client_authentication`` is by the names of RFC 7591, 2; an empty ``scope`` asks for none.

    ``auth_data``: secrets by the ids that the provider lists under ``auth/objects``, such as ``PIN``. ``authorization``:
    ``explicit`` asks ``credentials/authorize`` for each batch, ``token`` is for access tokens that authorize by themselves.
    ``sad_in``: where signature activation data goes, the ``body`` or the ``authorization`` header. ``credentials``: those that
    may be used; all that the provider lists, where there are none. ``issuers``: certificates of PEM files that complete
    chains. ``poll_seconds``: between questions about what the provider does later.
    """

    url: str
    ca: FilePath | None = None
    client_certificate: FilePath | None = None
    client_key: FilePath | None = None
    token_url: str | None = None
    client_id: str | None = Field(None, min_length=1)
    client_secret: SecretReference | None = None
    client_authentication: Literal["client_secret_basic", "client_secret_post"] = "client_secret_basic"
    scope: str = "service"
    authorization: Literal["explicit", "token"] = "explicit"
    auth_data: AuthData = Field(default_factory=dict)
    sad_in: Literal["body", "authorization"] = "body"
    hash_encoding: Literal["base64", "base64url"] = "base64"
    asynchronous: bool = False
    user_id: str | None = None
    page_size: int | None = Field(None, ge=1, le=1000)
    issuers: tuple[FilePath, ...] = ()
    credentials: tuple[CSCCredentialSettings, ...] = ()
    timeout_seconds: PositiveSeconds = 20.0
    poll_seconds: PositiveSeconds = 0.5
    credential_cache_seconds: float = Field(300.0, ge=0)

    @field_validator("credentials")
    @classmethod
    def _each_once(cls, credentials: tuple[CSCCredentialSettings, ...]) -> tuple[CSCCredentialSettings, ...]:
        for names in ([one.id for one in credentials], [one.certificate_id or one.id for one in credentials]):
            if len(names) != len(set(names)):
                raise ValueError("ids must be unique")
        return credentials

    @model_validator(mode="after")
    def _proves_who_it_is(self) -> "CSCSettings":
        if self.client_id is None and self.client_certificate is None:
            raise ValueError("set client_id, client_certificate, or both")
        if self.client_id is not None and self.client_secret is None and self.client_certificate is None:
            raise ValueError("client_id needs client_secret or client_certificate")
        if self.client_id is None and (self.client_secret is not None or self.token_url is not None):
            raise ValueError("client_secret and token_url are for a client_id")
        if self.authorization == "token" and self.client_id is None:
            raise ValueError('authorization = "token" needs a client_id')
        return self
