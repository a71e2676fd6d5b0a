"""Errors as HTTP says them: the only place that maps a code to a status, a title and its Japanese text.

An answer is ``application/problem+json`` (RFC 9457) with the contract's members ``code``, ``retryable``, ``transactionId`` and
``errors``. The language follows ``Accept-Language`` (RFC 9110, 12.5.4).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from aiohttp import web

from proxy import errors
from proxy.api.answers import json_bytes
from proxy.api.negotiation import weighted
from proxy.errors import ProxyError

MEDIA_TYPE = "application/problem+json"

RETRY_AFTER = 5.0
"""Seconds in ``Retry-After`` of a 429 or 503 whose cause names none."""

LONGEST_FIELD = 64
"""Characters of a field name that are repeated to the caller, who may have made it up."""

MOST_FIELDS = 20
"""Fields at fault that are told: an answer must not be many times its question."""

Language = Literal["en", "ja"]


@dataclass(frozen=True, slots=True)
class Problem:
    """What one code looks like over HTTP.

    Attributes:
        status: The one status it has.
        title: English, the same at every occurrence.
        title_ja: The same in Japanese.
        text_ja: What it means and what to do, in Japanese; stands where English has the occurrence's own detail.
    """

    status: int
    title: str
    title_ja: str
    text_ja: str


PROBLEMS: Mapping[type[ProxyError], Problem] = {
    errors.InvalidParameter: Problem(
        400,
        "Invalid parameter",
        "パラメーターが正しくありません",
        "パラメーターが不足しているか、未知であるか、値が正しくありません。errors の項目を確認してください。",
    ),
    errors.InvalidDocument: Problem(
        400,
        "Invalid document",
        "文書が正しくありません",
        "文書を読み取れません。壊れているか、形式が異なるか、処理できる上限を超えています。",
    ),
    errors.PDFVersionUnsupported: Problem(
        400, "PDF version not supported", "対応していないPDFバージョンです", "PDF 1.3以上、2.x以下の文書を指定してください。"
    ),
    errors.SealImageInvalid: Problem(
        400,
        "Seal image invalid",
        "印影画像が正しくありません",
        "印影画像を読み取れません。PNG、JPEG、GIF、BMP、TIFFのいずれかで、サイズと画素数が上限以内の画像を指定してください。",
    ),
    errors.LengthMismatch: Problem(
        400,
        "Length mismatch",
        "文書の長さが一致しません",
        "受信した文書の長さが宣言と異なるか、送信が途中で切れました。送り直してください。",
    ),
    errors.DigestMismatch: Problem(
        400,
        "Digest mismatch",
        "ダイジェストが一致しません",
        "受信した内容のダイジェストがContent-Digestと異なります。送り直してください。",
    ),
    errors.ClientCertificateRequired: Problem(
        401,
        "Client certificate required",
        "接続用証明書が必要です",
        "接続用証明書（クライアント証明書）を提示して接続してください。",
    ),
    errors.ClientCertificateInvalid: Problem(
        401,
        "Client certificate invalid",
        "接続用証明書が無効です",
        "接続用証明書が失効しているか、登録されていないか、有効期間外です。管理者に確認してください。",
    ),
    errors.CertificateNotPermitted: Problem(
        403,
        "Certificate not permitted",
        "この署名用証明書は使用できません",
        "この署名用証明書を使用する権限がありません。管理者に確認してください。",
    ),
    errors.OperationNotPermitted: Problem(
        403,
        "Operation not permitted",
        "この操作は許可されていません",
        "この操作を行う権限がありません。管理者に確認してください。",
    ),
    errors.NotFound: Problem(404, "Not found", "見つかりません", "指定されたパスは存在しません。"),
    errors.CertificateNotFound: Problem(
        404, "Certificate not found", "署名用証明書が見つかりません", "指定された署名用証明書は存在しません。"
    ),
    errors.KeyNotFound: Problem(404, "Key not found", "鍵が見つかりません", "指定された鍵は存在しません。"),
    errors.TSAProfileNotFound: Problem(
        404,
        "TSA profile not found",
        "TSAプロファイルが見つかりません",
        "指定されたタイムスタンプのプロファイルは存在しません。",
    ),
    errors.TransactionNotFound: Problem(
        404, "Transaction not found", "トランザクションが見つかりません", "指定されたトランザクションは存在しません。"
    ),
    errors.MethodNotAllowed: Problem(
        405, "Method not allowed", "許可されていないメソッドです", "このパスはこのHTTPメソッドに対応していません。"
    ),
    errors.NotAcceptable: Problem(
        406, "Not acceptable", "要求された形式では応答できません", "Acceptヘッダーに応答可能な形式を指定してください。"
    ),
    errors.LengthRequired: Problem(
        411, "Body required", "本文が必要です", "要求の本文がありません。文書またはJSONを送信してください。"
    ),
    errors.TooLarge: Problem(413, "Too large", "サイズが上限を超えています", "文書または要求の本文が上限を超えています。"),
    errors.UnsupportedMediaType: Problem(
        415,
        "Unsupported media type",
        "対応していない形式です",
        "Content-Typeまたは内容の先頭から、対応している形式と判定できません。",
    ),
    errors.MDPNotFirst: Problem(
        409,
        "Not the first signature",
        "最初の署名ではありません",
        "MDP署名は文書の最初の署名としてのみ付与できます。この文書には既に署名またはタイムスタンプがあります。",
    ),
    errors.AlreadyTimestamped: Problem(
        409,
        "Already time-stamped",
        "既にタイムスタンプが付与されています",
        "文書には既に文書タイムスタンプが付与されています。",
    ),
    errors.NotExtendable: Problem(
        422,
        "Not extendable",
        "長期署名に延長できません",
        "文書中の署名またはタイムスタンプを長期に検証できる形にできません。署名がないか、信頼できないか、失効情報の提供元がありません。",
    ),
    errors.MDPLocked: Problem(
        409,
        "Document is locked",
        "文書がロックされています",
        "文書の証明（MDP）署名またはロックにより、この操作は禁止されています。",
    ),
    errors.FieldLocked: Problem(
        409, "Field is locked", "フィールドがロックされています", "文書のフィールドロックにより、この操作は禁止されています。"
    ),
    errors.PDFEncrypted: Problem(422, "PDF is encrypted", "PDFが暗号化されています", "パスワードが必要なPDFです。"),
    errors.FieldExists: Problem(
        422,
        "Field cannot be signed",
        "署名フィールドを使用できません",
        "同名のフィールドは署名済みか、署名フィールドではありません。",
    ),
    errors.FieldNotFound: Problem(
        422, "Field not found", "署名フィールドが見つかりません", "指定された未署名の署名フィールドがありません。"
    ),
    errors.SeedValueConflict: Problem(
        422,
        "Seed value conflict",
        "シード値と矛盾しています",
        "署名フィールドのシード値辞書が、要求と異なる条件を必須としています。",
    ),
    errors.AppearanceInvalid: Problem(
        422,
        "Appearance invalid",
        "印影の指定が正しくありません",
        "印影を描画できません。ページ番号、位置、大きさ、文字列を確認してください。",
    ),
    errors.CertificateExpired: Problem(
        422,
        "Certificate expired",
        "署名用証明書の有効期間が過ぎています",
        "署名用証明書またはその発行者の有効期間が過ぎています。",
    ),
    errors.CertificateNotYetValid: Problem(
        422,
        "Certificate not yet valid",
        "署名用証明書はまだ有効ではありません",
        "署名用証明書またはその発行者の有効期間が始まっていません。",
    ),
    errors.CertificateRevoked: Problem(
        422, "Certificate revoked", "署名用証明書は失効しています", "署名用証明書またはその発行者が失効しています。"
    ),
    errors.CertificateKeyMismatch: Problem(
        422,
        "Certificate and key do not match",
        "証明書と鍵が一致しません",
        "証明書の公開鍵が、指定された鍵のものと異なります。",
    ),
    errors.AlgorithmNotAllowed: Problem(
        422,
        "Algorithm not allowed",
        "使用できないアルゴリズムです",
        "この鍵またはポリシーでは、指定されたアルゴリズムの組み合わせを使用できません。",
    ),
    errors.IdempotencyConflict: Problem(
        409,
        "Idempotency key used for another request",
        "Idempotency-Keyは別の要求で使用済みです",
        "このIdempotency-Keyは文書またはパラメーターの異なる要求で使用されています。新しいキーを指定してください。",
    ),
    errors.InProgress: Problem(
        409,
        "Request in progress",
        "同じ要求を処理中です",
        "同じIdempotency-Keyの要求を処理中です。Retry-Afterの秒数の後に、同じ要求を再送してください。",
    ),
    errors.ConcurrencyLimit: Problem(
        429,
        "Too many requests in progress",
        "処理中の要求が多すぎます",
        "同時に処理できる要求の数を超えました。Retry-Afterの秒数の後に再試行してください。",
    ),
    errors.RateLimit: Problem(
        429,
        "Too many requests a second",
        "要求の頻度が上限を超えています",
        "単位時間あたりの要求の数を超えました。Retry-Afterの秒数の後に再試行してください。",
    ),
    errors.InternalError: Problem(
        500,
        "Internal error",
        "内部エラーが発生しました",
        "サーバー内部でエラーが発生しました。transactionIdを添えて管理者に連絡してください。",
    ),
    errors.NotSupported: Problem(
        501, "Not supported", "対応していない機能です", "この環境またはこのバージョンでは対応していません。"
    ),
    errors.SignerError: Problem(
        502, "Signer error", "署名サービスがエラーを返しました", "署名サービスがエラーまたは不正な応答を返しました。"
    ),
    errors.SignatureInvalid: Problem(
        502,
        "Signature does not verify",
        "署名値を検証できませんでした",
        "署名サービスが返した署名値の検証に失敗したため、破棄しました。",
    ),
    errors.TSAError: Problem(
        502, "TSA error", "時刻認証局がエラーを返しました", "時刻認証局が拒否したか、返されたトークンの検証に失敗しました。"
    ),
    errors.RevocationUnavailable: Problem(
        502,
        "Revocation data unavailable",
        "失効情報を取得できません",
        "必要な失効情報（OCSPまたはCRL）を取得できませんでした。",
    ),
    errors.Maintenance: Problem(
        503, "In maintenance", "メンテナンス中です", "メンテナンス中です。終了後に再試行してください。"
    ),
    errors.SignerUnavailable: Problem(
        503,
        "Signer unavailable",
        "署名サービスに接続できません",
        "署名サービスに接続できません。時間をおいて再試行してください。",
    ),
    errors.TSAUnavailable: Problem(
        503, "TSA unavailable", "時刻認証局に接続できません", "時刻認証局に接続できません。時間をおいて再試行してください。"
    ),
    errors.ShuttingDown: Problem(
        503, "Shutting down", "停止処理中です", "このサーバーは停止処理中です。再試行すると別のサーバーが処理します。"
    ),
    errors.SpoolFull: Problem(
        503,
        "Spool full",
        "一時領域に空きがありません",
        "文書を受け取る一時領域に空きがありません。時間をおいて再試行してください。",
    ),
    errors.DeadlineExceeded: Problem(
        504,
        "Out of time",
        "制限時間を超えました",
        "制限時間内に処理が終わりませんでした。結果は/v1/operationsで確認できます。",
    ),
}
"""Each leaf of the error tree that a request can raise."""


def leaves(root: type[ProxyError] = ProxyError) -> Iterator[type[ProxyError]]:
    """The leaves of the error tree as the contract has it, those of the operator's own configuration left out."""
    # What a module derives for its own use has the code of the leaf it comes from.
    kinds = [kind for kind in root.__subclasses__() if kind.__module__ == errors.__name__]
    if not kinds and root is not errors.SettingsError:
        yield root
    for kind in kinds:
        yield from leaves(kind)


def problem_of(error: ProxyError) -> Problem | None:
    """What the error looks like over HTTP; ``None`` when no request can raise it."""
    return next((PROBLEMS[kind] for kind in type(error).__mro__ if kind in PROBLEMS), None)


def language_of(accept_language: str | None) -> Language:
    """Japanese where the caller prefers it to English, else English."""
    if accept_language is None:
        return "en"
    weights = {"en": 0.0, "ja": 0.0}
    for tag, weight in weighted(accept_language):
        primary = tag.lower().partition("-")[0]
        if primary in weights:
            weights[primary] = max(weights[primary], weight)
    return "ja" if weights["ja"] > weights["en"] else "en"


def problem_response(
    error: ProxyError, *, transaction_id: str, accept_language: str | None = None, instance: str | None = None
) -> web.Response:
    """The answer to a request that failed.

    Args:
        error: Why. Its detail and fields are told to the caller.
        transaction_id: Of the call, or of the answer alone where there was no call.
        accept_language: The request's ``Accept-Language``.
        instance: URI reference of the transaction record, where there is one.
    """
    problem = problem_of(error)
    assert problem is not None, "only errors that a request can raise are answered"
    language = language_of(accept_language)
    members: dict[str, Any] = {
        "type": f"/docs#{error.code}",
        "title": problem.title if language == "en" else problem.title_ja,
        "status": problem.status,
        "detail": error.detail if language == "en" else problem.text_ja,
        "code": error.code,
        "retryable": error.retryable,
        "transactionId": transaction_id,
    }
    if instance is not None:
        members["instance"] = instance
    if error.fields:
        named = islice(error.fields.items(), MOST_FIELDS)
        members["errors"] = [{"field": name[:LONGEST_FIELD], "reason": reason} for name, reason in named]
    response = web.Response(status=problem.status, body=json_bytes(members), headers={"Content-Type": MEDIA_TYPE})
    response.headers["Content-Language"] = language
    retry_after = error.retry_after
    if retry_after is None and problem.status in {429, 503}:
        retry_after = RETRY_AFTER
    if retry_after is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
    return response
