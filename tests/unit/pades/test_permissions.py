"""Locks that are written in odd ways lock all the same, and what cannot be read does not permit."""

import io

import pytest

from proxy.errors import FieldLocked, MDPLocked, MDPNotFirst, ProxyError
from proxy.pades.permissions import enforce_permissions, refuse_certification
from proxy.pades.reading import open_pdf
from tests.support.pdf_files import plain_file

NO_CHANGES = b"/Reference[<</TransformMethod/DocMDP/TransformParams<</P 1>>>>]"
ALL_LOCKED = b"/Reference[<</TransformMethod/FieldMDP/TransformParams<</Action/All>>>>]"


def document(
    *,
    fields: bytes = b"[1000 0 R]",
    field: bytes = b"/T(Old)",
    signature: bytes = NO_CHANGES,
    flags: int = 3,
    page: bytes = b"",
) -> io.BytesIO:
    """A file with one signature field, filled with a signature dictionary that says ``signature``."""
    file = plain_file(
        catalog=b"/AcroForm<</SigFlags %d/Fields%s>>" % (flags, fields),
        extra={
            1000: b"<</FT/Sig/Type/Annot/Subtype/Widget/Rect[0 0 0 0]/V 1001 0 R%s>>" % field,
            1001: b"<</Type/Sig/Filter/Adobe.PPKLite/Contents<00>/ByteRange[0 1 2 3]%s>>" % signature,
            1002: b"1",
            1003: b"(Mine)",
        },
    )
    file.objects[10] = file.objects[10][:-2] + page + b">>"
    return io.BytesIO(file.with_table())


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        pytest.param(document(), MDPLocked, id="as usual"),
        pytest.param(document(field=b""), MDPLocked, id="a field without a name"),
        pytest.param(document(fields=b"[]", page=b"/Annots[1000 0 R]"), MDPLocked, id="a widget only the page lists"),
        pytest.param(document(fields=b"[<</T(Group)/FT/Sig/Kids[<</V 1001 0 R>>]>>]"), MDPLocked, id="direct, inherited type"),
        pytest.param(
            document(signature=b"/Reference[<</TransformMethod/DocMDP/TransformParams<</P 1002 0 R>>>>]"),
            MDPLocked,
            id="an indirect level",
        ),
        pytest.param(
            document(signature=b"/Reference<</TransformMethod/DocMDP/TransformParams<</P 1>>>>"), MDPLocked, id="no array"
        ),
        pytest.param(
            document(signature=b"/Reference[<</TransformMethod/DocMDP/TransformParams<</P(1)>>>>]"), MDPLocked, id="no number"
        ),
        pytest.param(document(signature=b"/Reference[(junk)]"), MDPLocked, id="junk"),
        pytest.param(document(signature=ALL_LOCKED), FieldLocked, id="all fields"),
        pytest.param(document(signature=b"", field=b"/T(Old)/Lock<</Action/All>>"), FieldLocked, id="a lock of the field"),
        pytest.param(document(signature=b"", field=b"/T(Old)/Lock<</Action/Maybe>>"), FieldLocked, id="an unknown action"),
        pytest.param(
            document(
                signature=b"/Reference[<</TransformMethod/FieldMDP/TransformParams<</Action/Include/Fields[1003 0 R]>>>>]"
            ),
            FieldLocked,
            id="a name behind a reference",
        ),
    ],
)
def test_a_lock_is_found_and_kept(stream: io.BytesIO, error: type[ProxyError]) -> None:
    reader = open_pdf(stream)
    with pytest.raises(error):
        enforce_permissions(reader, "Mine")
    with pytest.raises(MDPNotFirst):
        refuse_certification(reader)


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(document(signature=b""), id="no rules"),
        pytest.param(
            document(signature=b"/Reference[<</TransformMethod/UR3/TransformParams<</P true>>>>]"),
            id="usage rights lock nothing",
        ),
        pytest.param(
            document(
                signature=b"/Reference[<</TransformMethod/FieldMDP/TransformParams<</Action/Exclude/Fields[1003 0 R]>>>>]"
            ),
            id="all but this field",
        ),
    ],
)
def test_what_is_not_locked_may_be_signed(stream: io.BytesIO) -> None:
    enforce_permissions(open_pdf(stream), "Mine")
