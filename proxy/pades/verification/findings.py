"""What can be found about a signature in a PDF, each with what follows from it (EN 319 102-1, 5.1.3, tables 5 and 6).

``FORMAT_FAILURE``: it is no signature over this document, or not over the document as it is now. ``SIG_CONSTRAINTS_FAILURE``:
it is one, and what it signs cannot be relied on, since readers may see different documents. ``CUSTOM``: nobody knows, since it
was not looked at. The texts belong to the codes.
"""

from proxy.model import Finding, Reason, SubIndication


def failure(code: str, **fields: str) -> Finding:
    """The signature is none, or what it signed was changed."""
    return Finding(Reason(code, fields), SubIndication.FORMAT_FAILURE)


def doubt(code: str, **fields: str) -> Finding:
    """It is intact, and what it signs cannot be relied on."""
    return Finding(Reason(code, fields), SubIndication.SIG_CONSTRAINTS_FAILURE)


def unknown(code: str, **fields: str) -> Finding:
    """It was not looked at, so that nothing can be said of it."""
    return Finding(Reason(code, fields), SubIndication.CUSTOM)


def remark(code: str, **fields: str) -> Finding:
    """Worth telling, and nothing follows from it."""
    return Finding(Reason(code, fields))
