"""The error tree, against the drawing in its own docstring."""

import inspect
import re

import pytest

from proxy import errors
from proxy.errors import CallerError, DependencyError, InternalError, PolicyError, ProxyError, SettingsError

CLASSES = {name: value for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, ProxyError)}
BRANCHES = {ProxyError, CallerError, PolicyError, DependencyError}
LEAVES = {name: value for name, value in CLASSES.items() if value not in BRANCHES}


def drawn() -> dict[str, str]:
    """Each class of the drawing with the branch it hangs on."""
    assert errors.__doc__
    tree = errors.__doc__.partition("::")[2].partition("The codes are")[0]
    found: dict[str, str] = {}
    branch = "ProxyError"
    for line in tree.splitlines():
        if top := re.match(r" {4}[├└]── (\w+)", line):
            found[top[1]] = "ProxyError"
            branch = top[1]
        else:
            found.update(dict.fromkeys(re.findall(r"[├└]── (\w+)", line), branch))
    return found


def test_the_drawing_names_every_class_at_its_place() -> None:
    parents = {name: value.__mro__[1].__name__ for name, value in CLASSES.items() if value is not ProxyError}
    assert drawn() == parents


def test_every_leaf_has_a_code_of_its_own_and_a_sentence() -> None:
    codes = [leaf.code for leaf in LEAVES.values()]
    assert len(set(codes)) == len(codes)
    for name, leaf in LEAVES.items():
        assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", leaf.code), name
        assert leaf.__doc__, name
    assert all(not branch.code for branch in BRANCHES)


def test_repeating_helps_where_a_dependency_failed_and_never_where_the_caller_did() -> None:
    for name, leaf in LEAVES.items():
        if issubclass(leaf, DependencyError):
            assert leaf.retryable, name
        if issubclass(leaf, CallerError):
            assert not leaf.retryable, name
    assert {name for name, leaf in LEAVES.items() if issubclass(leaf, PolicyError) and leaf.retryable} == {
        "ConcurrencyLimit",
        "InProgress",
        "RateLimit",
        "Maintenance",
        "ShuttingDown",
    }
    assert InternalError.retryable
    assert not SettingsError.retryable


def test_an_error_carries_what_the_answer_needs() -> None:
    given = {"reason": "too long"}
    error = errors.InvalidParameter("a field is wrong", fields=given, retry_after=1.5)
    given["reason"] = "changed later"
    assert (str(error), error.detail) == ("a field is wrong", "a field is wrong")
    assert error.fields == {"reason": "too long"}
    assert error.retry_after == 1.5
    with pytest.raises(CallerError):
        raise error
