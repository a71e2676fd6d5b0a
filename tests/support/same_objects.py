"""Whether two readings of one PDF object are the same to the last attribute."""

from pyhanko.pdf_utils import generic


def assert_same(one: object, other: object) -> None:
    """Raises AssertionError where they differ."""
    assert type(one) is type(other)
    assert isinstance(one, generic.PdfObject)
    assert isinstance(other, generic.PdfObject)
    assert one.container_ref == other.container_ref
    assert type(one.container_ref) is type(other.container_ref)
    match one, other:
        case generic.DictionaryObject(), generic.DictionaryObject():
            assert list(one) == list(other)
            assert {type(key) for key in one} <= {generic.NameObject}
            for key in one:
                assert_same(dict.__getitem__(one, key), dict.__getitem__(other, key))
            if isinstance(one, generic.StreamObject) and isinstance(other, generic.StreamObject):
                assert one.encoded_data == other.encoded_data
        case generic.ArrayObject(), generic.ArrayObject():
            assert len(one) == len(other)
            for mine, theirs in zip(list.__iter__(one), list.__iter__(other), strict=True):
                assert_same(mine, theirs)
        case generic.IndirectObject(), generic.IndirectObject():
            assert one == other
            assert one.reference.pdf is other.reference.pdf
        case generic.TextStringObject(), generic.TextStringObject():
            assert str(one) == str(other)
            assert one.autodetected_encoding is other.autodetected_encoding
        case generic.FloatObject(), generic.FloatObject():
            assert one.as_tuple() == other.as_tuple()
        case _:
            assert one == other
