"""Read PDF dictionaries so that an indirect value cannot hide what it says (engine process)."""

from typing import Any

from pyhanko.pdf_utils import generic


def entry(dictionary: object, key: str) -> Any:
    """The value of ``key`` with references followed; ``None`` where it is absent, null, or there is no dictionary.

    ``dict.get`` of pyHanko's dictionaries gives references as they stand; a rule read that way could be hidden behind one.
    """
    if not isinstance(dictionary, generic.DictionaryObject) or key not in dictionary:
        return None
    value = dictionary.raw_get(key).get_object()
    if isinstance(value, generic.BooleanObject):
        return bool(value.value)  # pyHanko's own object is true whatever it says
    return None if isinstance(value, generic.NullObject) else value
