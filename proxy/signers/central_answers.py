"""What the central signer answers, as far as the proxy reads it (the REST contract, from the caller's side).

Members that are not read are passed over: the central signer may be of a later version.
"""

import base64
import binascii
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

LARGEST_VALUE = 2048
"""Bytes of the largest signature value there can be: RSA-16384."""


def _decoded(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError("not a string")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64") from error


_AlgorithmT = TypeVar("_AlgorithmT", bound=StrEnum)

Base64 = Annotated[bytes, BeforeValidator(_decoded)]
CertificateId = Annotated[str, Field(min_length=1, max_length=256)]


class CentralAnswer(BaseModel):
    """Base of all: camelCase names, unknown members passed over."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore", strict=True)


def known(kind: type[_AlgorithmT], names: list[str]) -> tuple[_AlgorithmT, ...]:
    """The algorithms of this version among those declared, in the signer's order."""
    return tuple(kind(name) for name in names if name in set(kind))


class SignaturesAnswer(CentralAnswer):
    """``POST /v1/signatures/hash``."""

    signatures: list[Annotated[Base64, Field(min_length=1, max_length=LARGEST_VALUE)]]


class CertificateEntry(CentralAnswer):
    """One certificate of a list."""

    certificate_id: CertificateId


class CertificatesAnswer(CentralAnswer):
    """``GET /v1/certificates``."""

    certificates: list[CertificateEntry]
    next_cursor: str | None = None


class ChainAnswer(CentralAnswer):
    """``GET /v1/certificates/{id}/chain``. Algorithms this version does not know are left out later."""

    certificates: list[Base64] = Field(min_length=1, max_length=16)
    sign_algorithms: list[str]
    hash_algorithms: list[str]


class RegistrationAnswer(CentralAnswer):
    """``POST /v1/certificates``."""

    certificate_id: CertificateId


class KeyEntry(CentralAnswer):
    """``POST /v1/keys``, and one key of the list. Algorithms this version does not know are left out later."""

    key_id: Annotated[str, Field(min_length=1, max_length=256)]
    public_key: Base64
    sign_algorithms: list[str]
    hash_algorithms: list[str]


class KeysAnswer(CentralAnswer):
    """``GET /v1/keys``."""

    keys: list[KeyEntry]
    next_cursor: str | None = None


class CertificationRequestAnswer(CentralAnswer):
    """``POST /v1/keys/{id}/csr``."""

    csr: Base64


class MaintenanceAnswer(CentralAnswer):
    """``GET /v1/maintenance``."""

    in_maintenance: bool
    starts: Annotated[AwareDatetime | None, Field(alias="from", strict=False)] = None
    ends: Annotated[AwareDatetime | None, Field(alias="to", strict=False)] = None
    message: Annotated[str, Field(max_length=2000)] | None = None


class RevocationAnswer(CentralAnswer):
    """``POST /v1/revocation``."""

    ocsp_responses: list[Base64] = []
    crls: list[Base64] = []


class ProblemAnswer(CentralAnswer):
    """``application/problem+json`` (RFC 9457)."""

    code: str
