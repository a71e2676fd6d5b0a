"""The service's answers as values. Whatever is missing or of another type than the contract says is :class:`AnswerInvalid`."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from proxy.client.problems import AnswerInvalid
from proxy.model import (
    BaselineLevel,
    HashAlgorithm,
    MaintenanceState,
    SignAlgorithm,
    SignatureForm,
    TimestampPurpose,
)

T = TypeVar("T")

_UPSTREAM = re.compile(r"sent=(\d{1,15});\s*received=(\d{1,15})")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultDocument:
    """What the service said of a document it added to, checked against what it sent.

    Attributes:
        transaction_id: Under which the service keeps its record.
        valid_until: Until when it can be verified without further measures.
        result_sha256: Hex, of the whole result; ``None`` for a dry run.
        size: Bytes of the whole result; of the document as sent for a dry run.
        sent: Bytes of the document sent to the service.
        received: Bytes of the result, or of the increment, received from it.
        upstream_sent: Body bytes the service sent to its central signer for this call.
        upstream_received: Body bytes it received from there.
    """

    transaction_id: str
    valid_until: datetime | None
    result_sha256: str | None
    size: int
    sent: int
    received: int
    upstream_sent: int
    upstream_received: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedDocument(ResultDocument):
    """A signed document.

    Attributes:
        form: The form that was asked for.
        level: Level reached; never less than asked for.
    """

    form: SignatureForm
    level: BaselineLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampedDocument(ResultDocument):
    """A time-stamped document.

    Attributes:
        form: The purpose that was asked for.
        level: B-LTA for an extension; ``None`` for a timestamp that stands for itself, and for a document that was skipped.
        skipped: It held a document timestamp already, the caller wanted it left alone then, and the result is the document.
    """

    form: TimestampPurpose
    level: BaselineLevel | None
    skipped: bool


@dataclass(frozen=True, slots=True)
class Certificate:
    """A signing certificate this client may use. Names are RFC 4514, serial number and hash are hex.

    Attributes:
        warnings: What deserves a look before it keeps anything from being signed, in English.
    """

    certificate_id: str
    subject: str
    issuer: str
    serial_number: str
    not_before: datetime
    not_after: datetime
    key_algorithm: str
    sign_algorithms: tuple[SignAlgorithm, ...]
    hash_algorithms: tuple[HashAlgorithm, ...]
    certificate_sha256: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the service's signers.

    Attributes:
        public_key: DER of the SubjectPublicKeyInfo.
        certificate_ids: Of its certificates.
    """

    key_id: str
    algorithm: str
    public_key: bytes
    sign_algorithms: tuple[SignAlgorithm, ...]
    hash_algorithms: tuple[HashAlgorithm, ...]
    backend: str
    certificate_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CertificateChain:
    """DER certificates, the signing certificate first; and what its key does, preferred first."""

    certificates: tuple[bytes, ...]
    sign_algorithms: tuple[SignAlgorithm, ...]
    hash_algorithms: tuple[HashAlgorithm, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """The service's record of one of this client's calls.

    Attributes:
        state: ``IN_PROGRESS``, ``SUCCEEDED`` or ``FAILED``.
        result_code: Why it failed.
        members: Everything the service told, as it told it.
    """

    transaction_id: str
    operation: str
    state: str
    started: datetime
    ended: datetime | None
    result_code: str | None
    certificate_id: str | None
    form: str | None
    level: str | None
    members: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OperationPage:
    """Newest first; ``next_cursor`` asks for the page after this one."""

    operations: tuple[Operation, ...]
    next_cursor: str | None


class Members:
    """A JSON object read strictly."""

    def __init__(self, values: object) -> None:
        if not isinstance(values, dict):
            raise AnswerInvalid("the service's answer is not a JSON object")
        self.values: Mapping[str, Any] = values

    @classmethod
    def parse(cls, body: bytes) -> "Members":
        """Read an answer's body. Raises AnswerInvalid."""
        try:
            return cls(json.loads(body))
        except ValueError as error:
            raise AnswerInvalid("the service's answer is not JSON") from error

    def text(self, name: str) -> str:
        """A string that must be there."""
        value = self.values.get(name)
        if not isinstance(value, str):
            raise AnswerInvalid(f"the service's answer has no {name}")
        return value

    def optional_text(self, name: str) -> str | None:
        """A string, or ``None`` where it is absent or null."""
        return None if self.values.get(name) is None else self.text(name)

    def converted(self, name: str, convert: Callable[[str], T]) -> T:
        """A string of a type."""
        return converted(name, self.text(name), convert)

    def optional(self, name: str, convert: Callable[[str], T]) -> T | None:
        """A string of a type, or ``None``."""
        text = self.optional_text(name)
        return None if text is None else converted(name, text, convert)

    def many(self, name: str, convert: Callable[[str], T]) -> tuple[T, ...]:
        """An array of strings of a type."""
        value = self.values.get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise AnswerInvalid(f"the service's answer has no {name}")
        return tuple(converted(name, item, convert) for item in value)

    def objects(self, name: str) -> tuple["Members", ...]:
        """An array of objects."""
        value = self.values.get(name)
        if not isinstance(value, list):
            raise AnswerInvalid(f"the service's answer has no {name}")
        return tuple(Members(item) for item in value)


def converted(name: str, text: str, convert: Callable[[str], T]) -> T:
    """``text`` as what it should be. Raises AnswerInvalid, naming ``name``."""
    try:
        return convert(text)
    except (ValueError, binascii.Error) as error:
        raise AnswerInvalid(f"the service's answer has a {name} that is none: {text[:80]!r}") from error


def moment(text: str) -> datetime:
    """A time with offset (RFC 3339). Raises ``ValueError``."""
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError("a time without offset")
    return value


def octets(text: str) -> bytes:
    """Base64. Raises ``ValueError``."""
    return base64.b64decode(text, validate=True)


def certificate_from(members: Members) -> Certificate:
    """One certificate of the contract's operation 1a. Raises AnswerInvalid."""
    return Certificate(
        certificate_id=members.text("certificateId"),
        subject=members.text("subject"),
        issuer=members.text("issuer"),
        serial_number=members.text("serialNumber"),
        not_before=members.converted("notBefore", moment),
        not_after=members.converted("notAfter", moment),
        key_algorithm=members.text("keyAlgorithm"),
        sign_algorithms=members.many("signAlgorithms", SignAlgorithm),
        hash_algorithms=members.many("hashAlgorithms", HashAlgorithm),
        certificate_sha256=members.text("certificateSha256"),
        warnings=tuple(one.text("detail") for one in members.objects("warnings")) if "warnings" in members.values else (),
    )


def key_from(members: Members) -> Key:
    """One key of the contract's operation 1a. Raises AnswerInvalid."""
    return Key(
        key_id=members.text("keyId"),
        algorithm=members.text("algorithm"),
        public_key=members.converted("publicKey", octets),
        sign_algorithms=members.many("signAlgorithms", SignAlgorithm),
        hash_algorithms=members.many("hashAlgorithms", HashAlgorithm),
        backend=members.text("backend"),
        certificate_ids=members.many("certificateIds", str),
    )


def chain_from(members: Members) -> CertificateChain:
    """The contract's operation 2. Raises AnswerInvalid."""
    certificates = members.many("certificates", octets)
    if not certificates:
        raise AnswerInvalid("the service's answer has an empty chain")
    return CertificateChain(
        certificates, members.many("signAlgorithms", SignAlgorithm), members.many("hashAlgorithms", HashAlgorithm)
    )


def maintenance_from(members: Members) -> MaintenanceState:
    """The contract's operation 10. Raises AnswerInvalid."""
    in_maintenance = members.values.get("inMaintenance")
    if not isinstance(in_maintenance, bool):
        raise AnswerInvalid("the service's answer has no inMaintenance")
    return MaintenanceState(
        in_maintenance, members.optional("from", moment), members.optional("to", moment), members.optional_text("message")
    )


def operation_from(members: Members) -> Operation:
    """One transaction record. Raises AnswerInvalid."""
    return Operation(
        transaction_id=members.text("transactionId"),
        operation=members.text("operation"),
        state=members.text("state"),
        started=members.converted("startedAt", moment),
        ended=members.optional("endedAt", moment),
        result_code=members.optional_text("resultCode"),
        certificate_id=members.optional_text("certificateId"),
        form=members.optional_text("form"),
        level=members.optional_text("level"),
        members=members.values,
    )


def upstream_bytes(header: str | None) -> tuple[int, int]:
    """``Upstream-Bytes`` as bytes sent and received; zeros where the service exchanged nothing and says nothing.

    Raises:
        AnswerInvalid: The header is there and malformed.
    """
    if header is None:
        return 0, 0
    match = _UPSTREAM.fullmatch(header.strip())
    if match is None:
        raise AnswerInvalid("the service's Upstream-Bytes header is malformed")
    return int(match[1]), int(match[2])
