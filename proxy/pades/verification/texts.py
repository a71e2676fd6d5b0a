"""What the findings about a PDF's signatures mean, in English and Japanese.

Names in braces are fields of the reason. A test holds the codes here against those that are found.
"""

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    # -- what is covered -----------------------------------------------------------------------------------------------
    "BYTE_RANGE_MISSING": (
        "The signature does not say which bytes it covers (/ByteRange is missing).",
        "署名の対象範囲（/ByteRange）がありません。",
    ),
    "BYTE_RANGE_MALFORMED": (
        "What the signature says of the bytes it covers (/ByteRange) is not two ranges.",
        "署名の対象範囲（/ByteRange）が2つの範囲になっていません。",
    ),
    "BYTE_RANGE_NOT_FROM_START": (
        "The signature does not cover the beginning of the file.",
        "署名がファイルの先頭を対象にしていません。",
    ),
    "BYTE_RANGE_OVERLAPS": (
        "The ranges that the signature covers (/ByteRange) overlap, or are in the wrong order.",
        "署名の対象範囲（/ByteRange）が重なっているか、順序が正しくありません。",
    ),
    "BYTE_RANGE_OUTSIDE_FILE": (
        "The signature says that it covers more than the file holds: the file was cut off.",
        "署名の対象範囲がファイルの大きさを超えています。ファイルが途中で切れています。",
    ),
    "GAP_NOT_CONTENTS": (
        "The bytes that the signature does not cover hold something else than the signature.",
        "署名の対象外の部分に、署名値以外のデータがあります。",
    ),
    "SIGNATURE_DICTIONARY_MALFORMED": (
        "The signature dictionary is damaged.",
        "署名辞書が壊れています。",
    ),
    "SIGNATURE_DICTIONARY_AMBIGUOUS": (
        "The signature dictionary says something twice, and readers take different ones.",
        "署名辞書に同じ項目が重複しており、読み取り結果がソフトウェアにより異なります。",
    ),
    "SIGNATURE_COMPRESSED": (
        "The signature lies in an object stream, where no signature can be.",
        "署名がオブジェクトストリームの中にあります。署名として成立しません。",
    ),
    "CONTENTS_MISSING": ("The signature has no value (/Contents is missing).", "署名値（/Contents）がありません。"),
    "CONTENTS_EMPTY": ("The signature has no value (/Contents is empty).", "署名値（/Contents）が空です。"),
    "CONTENTS_PADDING": (
        "Behind the signature's value there is data that is not covered.",
        "署名値の後ろに、署名の対象外のデータがあります。",
    ),
    "SUB_FILTER_UNKNOWN": (
        "The signature is in a format that is not known (/SubFilter {value}).",
        "対応していない形式の署名です（/SubFilter {value}）。",
    ),
    "TYPE_AND_SUB_FILTER_DIFFER": (
        "The signature says that it is a timestamp and that it is none.",
        "署名の種類とその形式（/SubFilter）が矛盾しています。",
    ),
    "REVISION_NOT_COVERED": (
        "The signature does not cover the document up to the end of a revision.",
        "署名が文書の版の終わりまでを対象にしていません。",
    ),
    "REVISION_REACHES_BEYOND": (
        "The signed revision refers to data behind what is signed: whoever appends something fills them in.",
        "署名された版が、署名の対象より後ろのデータを参照しています。",
    ),
    "SIGNATURE_NOT_IN_REVISION": (
        "The signature is not part of the revision that it covers.",
        "署名が、その対象とする版に含まれていません。",
    ),
    # -- whether all readers see the same ------------------------------------------------------------------------------
    "OBJECT_MISPLACED": (
        "Objects are not where the cross-reference says ({objects}): readers may show different documents.",
        "相互参照の位置にオブジェクトがありません（{objects}）。ソフトウェアにより表示が異なるおそれがあります。",
    ),
    "OBJECT_AMBIGUOUS": (
        "Objects are in the file several times ({objects}), and readers may take different ones.",
        "同じ番号のオブジェクトが複数あり（{objects}）、ソフトウェアにより表示が異なるおそれがあります。",
    ),
    "KEY_AMBIGUOUS": (
        "Objects say something twice, and differently ({objects}): readers may take the first or the last.",
        "同じ項目に異なる値が重複しているオブジェクトがあり（{objects}）、ソフトウェアにより表示が異なるおそれがあります。",
    ),
    "OBJECTS_OVERLAP": (
        "Objects lie in each other ({objects}): readers may show different documents.",
        "オブジェクトが重なっています（{objects}）。ソフトウェアにより表示が異なるおそれがあります。",
    ),
    "EXTERNAL_DATA": (
        "Data of the document are in other files, which no signature covers (objects {objects}).",
        "文書のデータの一部が外部ファイルにあり、署名の対象になりません（オブジェクト{objects}）。",
    ),
    "NESTED_DOCUMENT": (
        "There is another document between the objects of this one: readers may show different documents.",
        "文書の中に別の文書が埋め込まれており、ソフトウェアにより表示が異なるおそれがあります。",
    ),
    "TRAILER_INCOMPLETE": (
        "The newest trailer does not name the document's catalog: readers may show different documents.",
        "最新のトレーラーに文書カタログの参照がなく、ソフトウェアにより表示が異なるおそれがあります。",
    ),
    "APPENDED_DATA": (
        "After the signature something was appended that is no revision of the document.",
        "署名の後に、文書の版ではないデータが追加されています。",
    ),
    # -- what was changed afterwards -----------------------------------------------------------------------------------
    "FIELD_REMOVED": (
        "A form field or its appearance on a page was removed after signing (object {object}).",
        "署名後にフォームフィールドが削除されています（オブジェクト{object}）。",
    ),
    "FIELD_CHANGED": (
        "A form field was changed after signing, beyond being filled in (object {object}).",
        "署名後にフォームフィールドが、入力以外の方法で変更されています（オブジェクト{object}）。",
    ),
    "FIELD_ADDED": (
        "A form field was added after signing that is no new signature field (object {object}).",
        "署名後に、新しい署名フィールド以外のフォームフィールドが追加されています（オブジェクト{object}）。",
    ),
    "SIGNATURE_REUSED": (
        "A field was given, after signing, what lay in the document before (object {object}).",
        "署名後に、署名前から文書内にあったデータが署名フィールドに設定されています（オブジェクト{object}）。",
    ),
    "SIGNED_FIELD_CHANGED": (
        "A signed field or what it shows was changed after signing (object {object}).",
        "署名済みのフィールドまたはその表示が、署名後に変更されています（オブジェクト{object}）。",
    ),
    "FORM_CHANGED": (
        "The form was changed after signing, beyond being filled in (object {object}).",
        "署名後にフォームが、入力以外の方法で変更されています（オブジェクト{object}）。",
    ),
    "PAGE_CHANGED": (
        "A page was changed after signing (object {object}).",
        "署名後にページが変更されています（オブジェクト{object}）。",
    ),
    "ANNOTATION_CHANGED": (
        "An annotation was made into another kind after signing (object {object}).",
        "署名後に注釈の種類が変更されています（オブジェクト{object}）。",
    ),
    "ANNOTATION_ACTS": (
        "An annotation that was added or changed after signing runs something (object {object}).",
        "署名後に追加または変更された注釈に、実行されるアクションが含まれています（オブジェクト{object}）。",
    ),
    "FIELD_COVERED": (
        "What was added or changed after signing lies over form fields or signatures ({fields}).",
        "署名後に追加または変更された内容が、フォームフィールドまたは署名を覆っています（{fields}）。",
    ),
    "PAGE_COVERED": (
        "What was added or changed after signing hides most of a page (object {object}).",
        "署名後に追加または変更された内容が、ページの大部分を覆っています（オブジェクト{object}）。",
    ),
    "CATALOG_CHANGED": (
        "The document's catalog was changed after signing (object {object}).",
        "署名後に文書カタログが変更されています（オブジェクト{object}）。",
    ),
    "OBJECT_CHANGED": (
        "Something in the document was changed after signing (object {object}).",
        "署名後に文書の内容が変更されています（オブジェクト{object}）。",
    ),
    "OBJECT_REMOVED": (
        "Something in the document was removed after signing (object {object}).",
        "署名後に文書の内容が削除されています（オブジェクト{object}）。",
    ),
    "OBJECT_FILLED_IN": (
        "What the signed document referred to and did not have was added after signing (object {object}).",
        "署名時に参照先がなかった箇所に、署名後にデータが追加されています（オブジェクト{object}）。",
    ),
    "CHANGE_UNREADABLE": (
        "What was changed after signing cannot be read.",
        "署名後の変更内容を読み取れません。",
    ),
    "RULES_UNREADABLE": (
        "The document was changed after signing, and what the signature permits cannot be read.",
        "署名後に文書が変更されており、署名が許可する変更の範囲を読み取れません。",
    ),
    "CHANGES_NOT_PERMITTED": (
        "After signing there was more changed than the signature permits ({level}; DocMDP P={permitted}).",
        "署名が許可する範囲を超える変更があります（{level}、DocMDP P={permitted}）。",
    ),
    "LOCKED_FIELD_CHANGED": (
        "Fields that the signature locks were filled in or signed afterwards ({fields}).",
        "署名がロックしたフィールドが、署名後に入力または署名されています（{fields}）。",
    ),
    "VISIBLE_FIELD_ADDED": (
        "After certification a signature field was added that shows something, which the certification does not permit.",
        "証明（MDP）の後に、許可されていない可視の署名フィールドが追加されています。",
    ),
    "CHANGED_AS_PERMITTED": (
        "The document was changed after signing, as the signature permits ({level}).",
        "署名後に、署名が許可する範囲の変更があります（{level}）。",
    ),
    # -- the document --------------------------------------------------------------------------------------------------
    "SIGNATURE_REMOVED": (
        "The signature was removed from the document, and no later signature covers that.",
        "署名が文書から取り除かれており、その後の署名もありません。",
    ),
    "SIGNATURE_HIDDEN": (
        "There is a signature in the file that is not part of any revision of the document.",
        "文書のどの版にも含まれない署名がファイル内にあります。",
    ),
    "SIGNATURE_SUPERSEDED": (
        "The signature is not part of the document any more; a later one was made without it.",
        "この署名は取り除かれた後に別の署名が行われているため、検証の対象外です。",
    ),
    "USAGE_RIGHTS": (
        "It permits readers to do something, and signs nothing.",
        "閲覧ソフトウェアの機能を許可するもので、文書への署名ではありません。",
    ),
    "DOCUMENT_UNREADABLE": (
        "The document is damaged and cannot be read.",
        "文書が壊れているため読み取れません。",
    ),
    "LIMITS_EXCEEDED": (
        "Examining the document takes more time or memory than is allowed.",
        "文書の検証に必要な時間またはメモリが上限を超えています。",
    ),
    "NOT_EXAMINED": (
        "The document could not be examined: the program that does it failed. That is no fault of the document's signatures.",
        "検証処理の内部エラーのため、文書を検証できませんでした。署名の不備を示すものではありません。",
    ),
    "TOO_MANY_SIGNATURES": (
        "The document has more signatures than are verified ({count} were not).",
        "署名の数が検証できる上限を超えています（{count}件は未検証）。",
    ),
}
"""English and Japanese by code."""

LEVELS: Final[Mapping[str, tuple[str, str]]] = {
    "ltvUpdates": ("validation data and timestamps", "検証情報とタイムスタンプの追加"),
    "formFilling": ("forms filled in, or signatures added", "フォームの入力または署名の追加"),
    "annotations": ("annotations", "注釈の追加または変更"),
    "other": ("other changes", "その他の変更"),
}
"""What ``{level}`` stands for."""
