"""Would a signature stand once its validation data follow? Tried before a digest leaves (engine process, stage ``prepare``).

Documents bring security stores and forms of their own, and an update of an odd one may be more than a verifier permits after
a signature (ISO 32000-2, 12.8.2.2). Found out afterwards, it would cost a signature that cannot be released.
"""

from collections.abc import Callable
from typing import BinaryIO

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import SuspiciousModification

from proxy.errors import NotExtendable
from proxy.model import ValidationData
from proxy.pades.differences import judge_update

PROBE = ValidationData((b"certificate",), (b"OCSP response",), (b"CRL",))
"""Stands for what is not known yet. It is in no document."""


def rehearse(stream: BinaryIO, read: Callable[[], PdfFileReader], append: Callable[[PdfFileReader], object]) -> None:
    """Append a revision, judge it as a change after the one before, and take it away.

    Args:
        stream: The document.
        read: Reads it as it is at that moment.
        append: Appends the revision.

    Raises:
        NotExtendable: The change would not be permitted.
    """
    size = stream.seek(0, 2)
    try:
        append(read())
        reader = read()
        last = reader.xrefs.total_revisions - 1
        judge_update(reader, last - 1, last)
    except SuspiciousModification as error:
        raise NotExtendable(
            "the validation data that belong to this level would break the signature in this document"
        ) from error
    finally:
        stream.truncate(size)
