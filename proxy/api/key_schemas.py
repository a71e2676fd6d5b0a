"""What is said of keys and certification requests, there and back (contract, operation 1a)."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field

from proxy.api import representations
from proxy.api.schemas import Identifier, Schema
from proxy.errors import InvalidParameter
from proxy.model import (
    AlternativeName,
    AlternativeNameKind,
    HashAlgorithm,
    KeyAlgorithm,
    KeyUsage,
    RequestedCertificate,
    SignAlgorithm,
)
from proxy.operations.keys import KeyFacts
from proxy.signers.subjects import ATTRIBUTES, LONGEST, subject_of_attributes, subject_of_text, subject_text


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("printable characters alone")
    return text


Label = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)]


class KeyRequest(Schema):
    """A key to make."""

    algorithm: KeyAlgorithm = KeyAlgorithm.RSA_3072
    label: Label | None = Field(None, description="What people know it by, where the signer keeps such a thing.")
    backend: Identifier | None = Field(None, description="Which signer makes it; left out, the first that makes keys.")


Value = Annotated[str, Field(min_length=1, max_length=256)]


class DistinguishedName(Schema):
    """A subject by its attributes (X.520); it has them in this order."""

    country_name: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = Field(None, description="ISO 3166-1, two letters.")
    state_or_province_name: Value | None = None
    locality_name: Value | None = None
    organization_name: Value | None = None
    organization_identifier: Value | None = Field(None, description="As NTRJP-… (EN 319 412-1, 5.1.4).")
    organizational_unit_name: Value | None = None
    surname: Value | None = None
    given_name: Value | None = None
    serial_number: Value | None = None
    common_name: Value | None = None

    def der(self) -> bytes:
        """DER of the Name. Raises InvalidParameter."""
        given = self.model_dump(by_alias=True, exclude_none=True)
        return subject_of_attributes((oid, given[name]) for name, oid in ATTRIBUTES.items() if name in given)


def _ascii(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("printable ASCII without spaces")
    return text


class AlternativeNameParameters(Schema):
    """One further name of the subject."""

    type: AlternativeNameKind
    value: Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_ascii)]


class CertificationRequestParameters(Schema):
    """A certification request to make."""

    subject: Annotated[str, Field(min_length=1, max_length=LONGEST)] | DistinguishedName = Field(
        description="RFC 4514, the most specific part first (CN=Seal,O=Example,C=JP); or its attributes by name."
    )
    subject_alt_name: tuple[AlternativeNameParameters, ...] = Field((), max_length=10)
    key_usage: tuple[KeyUsage, ...] = Field((), max_length=2, description="Left out, the issuer says.")
    sign_algorithm: SignAlgorithm | None = Field(None, description="Signs the request; left out, the key's first choice.")
    hash_algorithm: HashAlgorithm | None = Field(None, description="Left out, the key's first choice.")

    def requested(self) -> RequestedCertificate:
        """What is asked for. Raises InvalidParameter."""
        if len(set(self.key_usage)) != len(self.key_usage):
            raise InvalidParameter("a key usage is named twice", fields={"keyUsage": "named twice"})
        return RequestedCertificate(
            subject=subject_of_text(self.subject) if isinstance(self.subject, str) else self.subject.der(),
            alternative_names=tuple(AlternativeName(one.type, one.value) for one in self.subject_alt_name),
            key_usages=self.key_usage,
            sign_algorithm=self.sign_algorithm,
            hash_algorithm=self.hash_algorithm,
        )


class Key(Schema):
    """A key of a signer, which never leaves it."""

    key_id: str
    algorithm: str = Field(examples=["RSA-3072", "P-256"])
    public_key: representations.Base64 = Field(description="DER of the SubjectPublicKeyInfo.")
    sign_algorithms: tuple[SignAlgorithm, ...] = Field(description="Preferred first.")
    hash_algorithms: tuple[HashAlgorithm, ...] = Field(description="Preferred first.")
    backend: str = Field(description="Name of the signer that holds it.")
    certificate_ids: tuple[str, ...] = Field(description="Of its certificates.")

    @classmethod
    def of(cls, facts: KeyFacts) -> Self:
        """What a caller may know of it."""
        return cls(
            key_id=facts.key_id,
            algorithm=facts.algorithm,
            public_key=facts.public_key,
            sign_algorithms=facts.sign_algorithms,
            hash_algorithms=facts.hash_algorithms,
            backend=facts.backend,
            certificate_ids=facts.certificate_ids,
        )


class KeyPage(Schema):
    """A page of the keys that the caller may have certificates issued to, by id."""

    keys: tuple[Key, ...]
    next_cursor: str | None = None


class CertificationRequest(Schema):
    """A certification request, verified."""

    key_id: str
    subject: str = Field(description="RFC 4514.")
    csr: representations.Base64 = Field(description="DER of the CertificationRequest (PKCS #10, RFC 2986).")

    @classmethod
    def of(cls, key_id: str, csr: bytes, wanted: RequestedCertificate) -> Self:
        """The request just made."""
        return cls(key_id=key_id, subject=subject_text(wanted.subject), csr=csr)
