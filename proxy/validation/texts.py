"""What reasons and constraints say to people, in English and Japanese.

A reader of a document who finds more (:mod:`proxy.pades`, :mod:`proxy.xades`) has texts of his own beside these.
"""

from collections.abc import Mapping
from typing import Literal

from proxy.model import Reason
from proxy.validation.reasons import Check, Code

Language = Literal["en", "ja"]

REASONS: Mapping[str, tuple[str, str]] = {
    Code.MALFORMED_CMS: ("The signature cannot be read: {detail}.", "署名を読み取れません({detail})。"),
    Code.MALFORMED_TIMESTAMP: (
        "The timestamp token cannot be read: {detail}.",
        "タイムスタンプトークンを読み取れません({detail})。",
    ),
    Code.TOO_LARGE: (
        "The signature is larger than any that is read.",
        "署名データが読み取りの上限を超えています。",
    ),
    Code.CONTENT_NOT_DETACHED: (
        "The signature holds content of its own, which its format does not permit.",
        "署名データの中に、この形式では許されない内容が含まれています。",
    ),
    Code.NO_SIGNED_ATTRIBUTES: ("The signature has no signed attributes.", "署名属性がありません。"),
    Code.NO_MESSAGE_DIGEST: (
        "The signed attributes do not name the digest of the content.",
        "署名属性に内容のダイジェストがありません。",
    ),
    Code.CONTENT_TYPE_MISMATCH: (
        "The signed attributes are about another type of content.",
        "署名属性の内容種別が署名対象と一致しません。",
    ),
    Code.SIGNING_CERTIFICATE_MISSING: (
        "The signing certificate is not there.",
        "署名証明書が見つかりません。",
    ),
    Code.SIGNING_CERTIFICATE_MISMATCH: (
        "The signature was made with another certificate than the one it names.",
        "署名が参照する証明書と署名者の証明書が一致しません。",
    ),
    Code.SIGNING_CERTIFICATE_NOT_SIGNED: (
        "Which certificate signed is not part of what was signed.",
        "署名証明書の参照が署名対象に含まれていません。",
    ),
    Code.USAGE_NOT_ALLOWED: (
        "The certificate may not be used for this: {detail}.",
        "証明書の用途がこの署名に適合しません({detail})。",
    ),
    Code.NO_PATH_TO_ANCHOR: (
        "No certification path leads from {subject} to a trust anchor.",
        "{subject} からトラストアンカーまでの認証パスを構築できません。",
    ),
    Code.ANCHOR_NOT_TRUSTED_ANY_MORE: (
        "{subject} is not trusted any more since {until}, and nothing proves that the signature is older.",
        "{subject} は {until} 以降トラストアンカーではなく、署名がそれ以前に存在した証明がありません。",
    ),
    Code.CERTIFICATE_EXPIRED: (
        "The certificate {subject} expired at {until}, and nothing proves that the signature is older.",
        "証明書 {subject} は {until} に有効期限が切れており、署名がそれ以前に存在した証明がありません。",
    ),
    Code.CERTIFICATE_NOT_YET_VALID: (
        "The certificate {subject} is valid from {since} only.",
        "証明書 {subject} の有効期間は {since} からです。",
    ),
    Code.SIGNED_AFTER_EXPIRY: (
        "The signature was made after {time}, when the certificate {subject} had expired at {until}.",
        "署名は {time} より後に作成されましたが、証明書 {subject} は {until} に有効期限が切れていました。",
    ),
    Code.SIGNED_BEFORE_ISSUANCE: (
        "The signature existed at {time}, before the certificate {subject} was valid from {since}.",
        "署名は {time} に存在しましたが、証明書 {subject} の有効期間は {since} からです。",
    ),
    Code.CERTIFICATE_REVOKED: (
        "The certificate {subject} is revoked since {since} ({why}), and nothing proves that the signature is older.",
        "証明書 {subject} は {since} に失効しており(理由: {why})、署名がそれ以前に存在した証明がありません。",
    ),
    Code.ISSUER_REVOKED: (
        "The issuer {subject} is revoked since {since} ({why}), and nothing proves that the signature is older.",
        "発行者 {subject} は {since} に失効しており(理由: {why})、署名がそれ以前に存在した証明がありません。",
    ),
    Code.CERTIFICATE_ON_HOLD: (
        "The certificate {subject} is on hold since {since}.",
        "証明書 {subject} は {since} から一時停止されています。",
    ),
    Code.SIGNED_AFTER_REVOCATION: (
        "The signature was made after {time}, when the certificate {subject} was revoked.",
        "署名は {time} より後に作成されましたが、証明書 {subject} はすでに失効していました。",
    ),
    Code.NO_REVOCATION_DATA: (
        "Nothing says whether {subject} is revoked.",
        "{subject} の失効情報がありません。",
    ),
    Code.REVOCATION_DATA_NOT_FRESH: (
        "The revocation data about {subject} is from {since} and was good until {until}.",
        "{subject} の失効情報は {since} のもので、{until} までの情報です。",
    ),
    Code.RESPONDER_EXPIRED: (
        "The revocation data about {subject} is signed by a responder whose certificate expired at {until}.",
        "{subject} の失効情報に署名したレスポンダの証明書は {until} に有効期限が切れています。",
    ),
    Code.REVOCATION_NOT_NEEDED: (
        "The certificate {subject} says that it is never revoked.",
        "証明書 {subject} は失効確認を要しないものです。",
    ),
    Code.SIGNED_DATA_MISSING: (
        "What was signed cannot be had for comparison ({algorithm}).",
        "照合すべき署名対象データがありません({algorithm})。",
    ),
    Code.DIGEST_MISMATCH: (
        "What was signed has been changed.",
        "署名対象データが変更されています。",
    ),
    Code.SIGNATURE_WRONG: (
        "The signature value was not made by the key of the signing certificate.",
        "署名値が署名証明書の鍵で検証できません。",
    ),
    Code.ALGORITHM_SUBSTITUTED: (
        "The algorithms of the signature are not those that were signed.",
        "署名アルゴリズムが署名時のものと一致しません。",
    ),
    Code.ALGORITHM_UNKNOWN: (
        "The algorithm of the signature is not known.",
        "署名アルゴリズムに対応していません。",
    ),
    Code.ALGORITHM_NOT_ACCEPTED: (
        "The algorithm {algorithm} is not accepted.",
        "アルゴリズム {algorithm} は受け入れられません。",
    ),
    Code.ALGORITHM_OUTDATED: (
        "The algorithm {algorithm} was accepted until {until}, and nothing proves that it was used before.",
        "アルゴリズム {algorithm} は {until} まで有効であり、それ以前に使用された証明がありません。",
    ),
    Code.TIMESTAMP_FROM_THE_FUTURE: (
        "The timestamp's time {since} is after the time of validation.",
        "タイムスタンプの時刻 {since} が検証時刻より後です。",
    ),
    Code.TIMESTAMPS_OUT_OF_ORDER: (
        "The timestamp {timestamp} says that it is older than what it covers.",
        "タイムスタンプ {timestamp} の時刻が、その対象より前になっています。",
    ),
    Code.NO_PROOF_IN_TIME: (
        "Nothing proves that {subject} and its data existed by {until}.",
        "{subject} とその検証情報が {until} までに存在した証明がありません。",
    ),
    Code.TIMESTAMP_NOT_VALID: (
        "The timestamp {timestamp} is not valid and proves nothing.",
        "タイムスタンプ {timestamp} は有効でないため、存在証明になりません。",
    ),
    Code.PASSED_BY_PROOF: (
        "It existed at {since}, and its certificate is proven to have been good until {until}.",
        "{since} に存在し、その証明書は {until} まで有効であったことが証明されています。",
    ),
    Code.SIGNATURE_POLICY_NOT_APPLIED: (
        "The signature names a signature policy, which was not applied.",
        "署名ポリシーが指定されていますが、適用していません。",
    ),
    Code.NOT_JUDGED: (
        "The signature could not be judged within its share of time and memory.",
        "制限された時間とメモリの範囲で検証できませんでした。",
    ),
    Code.JUDGING_FAILED: (
        "The signature could not be judged: the program that does it failed. That is no fault of the signature's.",
        "検証処理の内部エラーのため、判定できませんでした。署名の不備を示すものではありません。",
    ),
}
"""English and Japanese, with the fields of the reason."""

CHECKS: Mapping[str, tuple[str, str]] = {
    Check.FORMAT: ("The signature is well-formed", "署名の形式が正しい"),
    Check.SIGNING_CERTIFICATE_IDENTIFIED: ("The signing certificate is identified", "署名証明書を特定できる"),
    Check.SIGNING_CERTIFICATE_SIGNED: (
        "The signing certificate is named in what was signed",
        "署名証明書の参照が署名されている",
    ),
    Check.USAGE: ("The certificate may be used for this", "証明書の用途が適合する"),
    Check.CHAIN_TO_ANCHOR: ("A path leads to a trust anchor", "トラストアンカーまでの認証パスがある"),
    Check.ANCHOR_TRUSTED: ("The anchor is trusted at the time", "その時点でトラストアンカーが信頼されている"),
    Check.VALIDITY: ("The certificate is valid at the time", "その時点で証明書が有効期間内である"),
    Check.REVOCATION_DATA: ("There is revocation data", "失効情報がある"),
    Check.NOT_REVOKED: ("The certificate is not revoked", "証明書が失効していない"),
    Check.REVOCATION_FRESHNESS: ("The revocation data is fresh", "失効情報が新しい"),
    Check.RESPONDER_VALIDITY: ("The responder's certificate is valid", "レスポンダの証明書が有効である"),
    Check.CERTIFICATE_ALGORITHMS: (
        "Certificates and revocation data are signed by algorithms that are relied on",
        "証明書と失効情報のアルゴリズムが受け入れられる",
    ),
    Check.SIGNED_DATA_FOUND: ("What was signed is there", "署名対象データがある"),
    Check.SIGNED_DATA_INTACT: ("What was signed is intact", "署名対象データが改変されていない"),
    Check.ALGORITHMS_PROTECTED: ("The algorithms are those that were signed", "アルゴリズムが署名時のものと一致する"),
    Check.SIGNATURE_INTACT: ("The signature value is the signing key's", "署名値が検証できる"),
    Check.SIGNATURE_CONSTRAINTS: ("The signature is acceptable in its document", "文書内の署名として受け入れられる"),
    Check.SIGNATURE_ALGORITHMS: ("The signature's algorithms are relied on", "署名アルゴリズムが受け入れられる"),
    Check.SIGNATURE_POLICY: ("The signature policy is applied", "署名ポリシーが適用されている"),
    Check.TIMESTAMP_TIME: ("The timestamp is not from the future", "タイムスタンプが未来の時刻でない"),
    Check.TIMESTAMP_ORDER: ("The timestamps are in order", "タイムスタンプの順序が正しい"),
    Check.BEST_SIGNATURE_TIME: (
        "The proven time of the signature fits its certificate",
        "証明された署名時刻が証明書の有効期間に適合する",
    ),
    Check.PAST_CERTIFICATE_VALIDATION: (
        "The certificate is proven to have been good in the past",
        "過去の時点で証明書が有効であったことが証明されている",
    ),
    Check.PAST_SIGNATURE_VALIDATION: (
        "The signature is proven to have existed while its certificate was good",
        "証明書が有効な間に署名が存在したことが証明されている",
    ),
}
"""What each constraint asks for."""


def reason_text(reason: Reason, language: Language) -> str:
    """What a reason of the validation says; the code itself for a reason that is another's."""
    texts = REASONS.get(reason.code)
    return reason.code if texts is None else texts[language == "ja"].format_map(reason.fields)


def check_text(check: str, language: Language) -> str:
    """What a constraint asks for."""
    texts = CHECKS.get(check)
    return check if texts is None else texts[language == "ja"]
