"""``TimeStampToken`` (RFC 3161, 2.4.2): its CMS and its TSTInfo taken apart, unchecked."""

from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import core, tsp

from proxy.trust.cms import UNREADABLE, MalformedCMS, SignedMessage, read_signed_data

TST_INFO = "1.2.840.113549.1.9.16.1.4"
"""The content type of what a token signs."""


@dataclass(frozen=True, slots=True)
class ParsedToken:
    """A token's parts. Its certificates and attributes are the message's; ``tst_info`` is what the authority signed."""

    message: SignedMessage
    tst_info: bytes
    version: str
    policy_oid: str
    imprint_algorithm: str
    imprint: bytes
    gen_time: datetime
    nonce: int | None
    critical_extensions: tuple[str, ...]


def parse_token(token: bytes) -> ParsedToken:
    """Take a token apart.

    Args:
        token: DER of the ``ContentInfo``.

    Raises:
        MalformedCMS: It is no token of one signer.
    """
    message = read_signed_data(token)
    if message.content_type != TST_INFO or message.content is None:
        raise MalformedCMS("the SignedData holds no TSTInfo")
    try:
        return _parsed(message, message.content)
    except UNREADABLE as error:
        raise MalformedCMS("the TSTInfo cannot be read") from error


def _parsed(message: SignedMessage, content: bytes) -> ParsedToken:
    info = tsp.TSTInfo.load(content, strict=True)
    extensions = [] if isinstance(info["extensions"], core.Void) else info["extensions"]
    return ParsedToken(
        message=message,
        tst_info=content,
        version=info["version"].native,
        policy_oid=info["policy"].dotted,
        imprint_algorithm=info["message_imprint"]["hash_algorithm"]["algorithm"].native,
        imprint=info["message_imprint"]["hashed_message"].native,
        gen_time=info["gen_time"].native.astimezone(UTC),
        nonce=info["nonce"].native,
        critical_extensions=tuple(entry["extn_id"].dotted for entry in extensions if entry["critical"].native),
    )
