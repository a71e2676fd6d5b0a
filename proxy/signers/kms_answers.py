"""What AWS KMS answers, as far as the proxy reads it: the JSON of its API (AWS KMS API Reference, actions and common errors).

Members that are not read are passed over: the service is of a later version than this.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_pascal

from proxy.signers.central_answers import LARGEST_VALUE, Base64

ARN = Annotated[str, StringConstraints(min_length=1, max_length=2048)]


class KMSAnswer(BaseModel):
    """Base of all: PascalCase names, unknown members passed over."""

    model_config = ConfigDict(alias_generator=to_pascal, populate_by_name=True, frozen=True, extra="ignore", strict=True)


class KeyMetadata(KMSAnswer):
    """What ``DescribeKey`` and ``CreateKey`` say of a key."""

    arn: ARN
    key_usage: str
    key_state: str
    key_spec: str


class KeyAnswer(KMSAnswer):
    """``DescribeKey``, ``CreateKey``."""

    key_metadata: KeyMetadata


class PublicKeyAnswer(KMSAnswer):
    """``GetPublicKey``. ``public_key`` is DER of the SubjectPublicKeyInfo."""

    key_id: ARN
    public_key: Annotated[Base64, Field(min_length=1, max_length=8192)]
    signing_algorithms: list[str]


class SignAnswer(KMSAnswer):
    """``Sign``. ``signature`` is the PKCS#1 octets, or DER for ECDSA."""

    key_id: ARN
    signature: Annotated[Base64, Field(min_length=1, max_length=LARGEST_VALUE)]
    signing_algorithm: str


class AliasEntry(KMSAnswer):
    """One alias of a list; AWS's own point to no key before they are used."""

    alias_name: str
    target_key_id: str | None = None


class AliasesAnswer(KMSAnswer):
    """``ListAliases``."""

    aliases: list[AliasEntry]
    truncated: bool = False
    next_marker: str | None = None


class NoAnswer(KMSAnswer):
    """Actions that answer with nothing, or with nothing that is read."""
