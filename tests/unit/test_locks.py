"""The locks: they name what pyproject.toml asks for, hashes for all of it, and no address."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
RUNTIME = PROJECT["project"]["dependencies"]
SANDBOX = PROJECT["project"]["optional-dependencies"]["sandbox"]
BUILD = [*PROJECT["build-system"]["requires"], *PROJECT["dependency-groups"]["build"]]
LOCALSTACK = PROJECT["dependency-groups"]["localstack"]
DEVELOPMENT = [*RUNTIME, *SANDBOX, *PROJECT["dependency-groups"]["dev"], *PROJECT["build-system"]["requires"]]


def pinned(name: str) -> dict[str, Version]:
    """Versions by package name; every one of them with a hash."""
    text = (ROOT / "locks" / name).read_text("utf-8").replace("\\\n", " ")
    versions = {}
    for line in text.splitlines():
        found = re.fullmatch(r"([a-z0-9-]+)==([^ ]+)( ; [^-]+?)?((?: +--hash=sha256:[0-9a-f]{64})+) *", line)
        assert found, line
        versions[found[1]] = Version(found[2])
    return versions


@pytest.mark.parametrize(
    ("lock", "asked"),
    [("runtime.txt", RUNTIME), ("build.txt", BUILD), ("dev.txt", DEVELOPMENT), ("localstack.txt", LOCALSTACK)],
)
def test_a_lock_satisfies_the_project(lock: str, asked: list[str]) -> None:
    versions = pinned(lock)
    for requirement in map(Requirement, asked):
        assert versions[requirement.name] in requirement.specifier, requirement


def test_what_runs_is_what_was_tested() -> None:
    assert pinned("runtime.txt").items() <= pinned("dev.txt").items()
    assert pinned("build.txt").items() <= pinned("dev.txt").items()
