"""Where each result of ``signproxy sign`` and ``timestamp`` goes, decided for all files before the first one is sent."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from proxy.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Work:
    """One file to send; ``output`` is ``None`` for a dry run."""

    document: Path
    output: Path | None


def plan(documents: Sequence[Path], out: Path | None, suffix: str, *, keep: bool) -> tuple[Work, ...]:
    """Name every result.

    Args:
        documents: What to send.
        out: A folder, made if missing; for one document that is no folder yet, the result's own name. ``None``: beside each.
        suffix: Put before the extension of names that are made here.
        keep: Whether there are results at all.

    Raises:
        SettingsError: Two results would have one name, or a result would be its own document.
        OSError: The folder cannot be made.
    """
    if not keep:
        return tuple(Work(document, None) for document in documents)
    if os.sep in suffix or (os.altsep and os.altsep in suffix):
        raise SettingsError("--suffix is a part of a file name, not of a path")
    if out is not None and len(documents) == 1 and not _is_folder(out):
        work: tuple[Work, ...] = (Work(documents[0], out),)
    else:
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
        work = tuple(Work(document, _beside(document, out or document.parent, suffix)) for document in documents)
    _refuse_collisions(work)
    return work


def _is_folder(out: Path) -> bool:
    # A name without an extension that is not there yet reads as a folder: `--out signed`.
    return out.is_dir() or (not out.exists() and not out.suffix)


def _beside(document: Path, folder: Path, suffix: str) -> Path:
    return folder / f"{document.stem}{suffix}{document.suffix}"


def _refuse_collisions(work: Sequence[Work]) -> None:
    taken: dict[Path, Path] = {}
    for entry in work:
        assert entry.output is not None
        output = entry.output.resolve()
        if output == entry.document.resolve():
            raise SettingsError(f"{entry.document} would be its own result: give --out or --suffix")
        other = taken.setdefault(output, entry.document)
        if other is not entry.document:
            raise SettingsError(f"{other} and {entry.document} would both become {entry.output}")
