"""Files with signature dictionaries that say what a test wants, over the bytes they should be over, and signed by nobody."""

from tests.support.pdf_files import PdfFile

CONTENTS = "30030201ff"
"""Some DER."""

_RANGE = b"/ByteRange[0 %10d %10d %10d]"


def made_up(
    file: PdfFile,
    number: int,
    entries: bytes = b"",
    kind: bytes = b"/Type/Sig/SubFilter/ETSI.CAdES.detached",
    *,
    room: int = 64,
) -> bytes:
    """The file with the object ``number`` as a signature dictionary with more ``entries``, and ``room`` hexadecimal digits."""
    contents = CONTENTS.ljust(room, "0").encode()
    file.objects[number] = b"<<%s/Filter/Adobe.PPKLite/Contents<%s>%s%s>>" % (kind, contents, _RANGE % (0, 0, 0), entries)
    document = file.with_table()
    start = document.index(b"<" + contents)
    end = start + room + 2
    return document.replace(_RANGE % (0, 0, 0), _RANGE % (start, end, len(document) - end))
