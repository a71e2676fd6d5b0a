"""What a provider answers, as far as the proxy reads it (CSC API v2.0, clauses 8.4.4 and 11; RFC 6749, 5.1).

Members that are not read are passed over. What is read is read generously where providers are known to differ: numbers as
text, base64 in either alphabet and without its padding. No value ever shows in an error or a representation.
"""

import base64
import binascii
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from proxy.signers.central_answers import LARGEST_VALUE
from proxy.trust.certificates import LARGEST as LARGEST_CERTIFICATE

DEFAULT_LIFETIME = 3600.0
"""Seconds that access tokens and signature activation data last where the provider does not say."""

_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def _decoded(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError("not a string")
    try:
        data = b"".join(text.encode("ascii").split()).translate(_TO_STANDARD).rstrip(b"=")
        return base64.b64decode(data + b"=" * (-len(data) % 4), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ValueError("not base64") from error


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


AnyBase64 = Annotated[bytes, BeforeValidator(_decoded)]
Opaque = Annotated[str, StringConstraints(min_length=1, max_length=16_384)]
"""What is given back as it came: a handle, the mark of a page."""

Bearer = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,16384}$")]
"""An access token or signature activation data: it may have to go into a header."""

Lifetime = Annotated[float, Field(gt=0, strict=False, allow_inf_nan=False)]
CredentialID = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class CSCAnswer(BaseModel):
    """Base of all."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, populate_by_name=True, hide_input_in_errors=True)


class InfoAnswer(CSCAnswer):
    """``info`` (11.1)."""

    oauth2: str | None = None


class TokenAnswer(CSCAnswer):
    """``oauth2/token`` (8.4.4)."""

    access_token: Annotated[Bearer, Field(repr=False)]
    token_type: str = "Bearer"  # noqa: S105 - a type, not a token
    expires_in: Lifetime = DEFAULT_LIFETIME


class KeyInfo(CSCAnswer):
    """``key`` of a credential."""

    status: str = "enabled"
    algo: list[str]


class CertificateInfo(CSCAnswer):
    """``cert`` of a credential; the signing certificate comes first."""

    certificates: list[Annotated[AnyBase64, Field(min_length=1, max_length=LARGEST_CERTIFICATE)]] = Field(
        min_length=1, max_length=16
    )


class AuthenticationInfo(CSCAnswer):
    """``auth`` of a credential."""

    mode: str = "explicit"


class CredentialInfo(CSCAnswer):
    """``credentials/info``, and one of ``credentialInfos`` of ``credentials/list`` (11.4 and 11.5)."""

    credential_id: CredentialID | None = Field(None, alias="credentialID")
    key: KeyInfo
    cert: CertificateInfo
    auth: AuthenticationInfo = AuthenticationInfo()
    multisign: Annotated[int, Field(ge=1, strict=False)] = 1


class CredentialsAnswer(CSCAnswer):
    """``credentials/list`` (11.4). ``nextPageToken`` is of version 1, and goes on living."""

    credential_ids: list[CredentialID] = Field(alias="credentialIDs")
    credential_infos: list[object] = Field(alias="credentialInfos", default=[])
    next_page_token: Opaque | None = Field(None, alias="nextPageToken")

    @property
    def infos(self) -> dict[str, CredentialInfo]:
        """What it says of each credential; of one that is odd or says too little, ``credentials/info`` is to be asked."""
        found = {}
        for item in self.credential_infos:
            try:
                info = CredentialInfo.model_validate(item)
            except ValidationError:
                continue
            if info.credential_id is not None:
                found[info.credential_id] = info
        return found


class AuthorizationAnswer(CSCAnswer):
    """``credentials/authorize`` and ``credentials/authorizeCheck`` (11.6 and 11.7): the SAD, or a handle to ask on with."""

    sad: Annotated[Bearer | None, Field(alias="SAD", repr=False)] = None
    handle: Annotated[Annotated[Opaque, BeforeValidator(_text)] | None, Field(repr=False)] = None


class SignaturesAnswer(CSCAnswer):
    """``signatures/signHash`` and ``signatures/signPolling`` (11.10 and 11.12): the values, or what to ask on with."""

    signatures: list[Annotated[AnyBase64, Field(min_length=1, max_length=LARGEST_VALUE)]] | None = None
    response_id: Annotated[Opaque, BeforeValidator(_text)] | None = Field(None, alias="responseID")


class TimestampAnswer(CSCAnswer):
    """``signatures/timestamp`` (11.13): DER of the RFC 3161 token."""

    timestamp: Annotated[AnyBase64, Field(min_length=1)]


class FailureAnswer(BaseModel):
    """The body of a failure (10.2), and what else is met in its place: an object as ``error``, or RFC 9457."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    error: str | dict[str, object] = ""
    error_description: str = ""
    code: str = ""
    message: str = ""
    detail: str = ""
