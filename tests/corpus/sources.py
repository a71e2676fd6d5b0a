"""Where the files come from: source packages, fetched with plain pip into ``build/corpus``, never kept in the repository."""

import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).parents[2] / "build" / "corpus"
PACKAGES = ("pikepdf==10.17.0", "pypdf==7.1.0", "pyhanko==0.38.0")


@dataclass(frozen=True, slots=True)
class Sample:
    """One PDF of a package.

    Attributes:
        package: Name and version.
        name: Path inside the package.
        path: Where it lies here.
    """

    package: str
    name: str
    path: Path


def fetched() -> bool:
    """Whether every package is here already."""
    return all(_archive(package).exists() for package in PACKAGES)


def fetch() -> None:
    """Download the source packages that are not here yet; pip checks them against its index."""
    CACHE.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        if not _archive(package).exists():
            options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", ":all:", "--dest", str(CACHE)]
            subprocess.run([sys.executable, "-m", "pip", "download", *options, package], check=True)


def samples() -> Iterator[Sample]:
    """Every PDF of the packages, in order of package and path."""
    for package in PACKAGES:
        archive = _archive(package)
        folder = CACHE / archive.name.removesuffix(".tar.gz")
        if not folder.exists():
            _unpack(archive)
        for path in sorted(folder.rglob("*.pdf")):
            name = path.relative_to(folder).as_posix()
            yield Sample(package.replace("==", " "), name, path)


def _archive(package: str) -> Path:
    return CACHE / f"{package.replace('==', '-')}.tar.gz"


def _unpack(archive: Path) -> None:
    with tarfile.open(archive) as packed:
        packed.extractall(CACHE, [item for item in packed if item.isfile() and item.name.endswith(".pdf")], filter="data")
