"""The seeds as they are kept: signed files, the anchors they chain to, the lists that say what is revoked, and the moment."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "seeds"
INDEX = FOLDER / "seeds.json"


@dataclass(frozen=True, slots=True)
class Seed:
    """One signed file.

    Attributes:
        name: What it is.
        document: Its bytes.
    """

    name: str
    document: bytes


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the seeds are judged with.

    Attributes:
        at: The validation time: shortly after all of them were made.
        anchors: The roots, DER.
        crls: The CRL of each authority, DER.
    """

    at: datetime
    anchors: tuple[bytes, ...]
    crls: tuple[bytes, ...]


@cache
def seeds() -> tuple[Seed, ...]:
    """All of them, in the order of their names."""
    return tuple(Seed(path.stem, path.read_bytes()) for path in sorted(FOLDER.glob("*.pdf")))


@cache
def surroundings() -> Surroundings:
    """The same for every seed."""
    at = datetime.fromisoformat(json.loads(INDEX.read_text(encoding="utf-8"))["at"])
    return Surroundings(at, *(tuple(path.read_bytes() for path in sorted(FOLDER.glob(name))) for name in ("*.cer", "*.crl")))
