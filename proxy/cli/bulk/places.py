"""Where the result of each file of a folder goes: in a folder of the same shape, beside the file, or in its place."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from proxy.cli.bulk.run import BulkFile
from proxy.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Places:
    """Results' names.

    Attributes:
        folder: Whose files.
        out: Folder of the results; ``None`` for the same.
        suffix: Put before the extension.
        in_place: Results take their documents' names.
        keep: Whether there are results at all.
    """

    folder: Path
    out: Path | None
    suffix: str
    in_place: bool
    keep: bool = True

    def checked(self) -> "Places":
        """Itself. Raises SettingsError where results would be taken for documents, or documents be lost without a word."""
        if self.in_place and self.out is not None:
            raise SettingsError("--in-place and --out exclude each other")
        if os.sep in self.suffix or (os.altsep and os.altsep in self.suffix):
            raise SettingsError("--suffix is a part of a file name, not of a path")
        if not self.suffix and not self.in_place and self._beside:
            raise SettingsError("every file would be its own result: give --suffix or --out, or say --in-place")
        return self

    @property
    def _beside(self) -> bool:
        return self.out is None or self.out.resolve() == self.folder.resolve()

    def output(self, file: BulkFile) -> Path | None:
        """Where the result of a file goes; ``None`` where there is none."""
        if not self.keep:
            return None
        if self.in_place:
            return file.document
        relative = Path(os.fsdecode(file.found.name))
        named = relative.with_name(f"{relative.stem}{self.suffix}{relative.suffix}")
        return (self.out or self.folder) / named

    def left_out(self) -> Callable[[bytes], bool]:
        """Tells of a name below the folder whether it is a result, or a folder of results."""
        if self.in_place or not self.keep:
            return lambda _: False
        if self._beside:
            end = os.fsencode(self.suffix)
            return lambda name: name.rpartition(b".")[0].endswith(end)
        assert self.out is not None
        below = os.fsencode(os.path.relpath(self.out.resolve(), self.folder.resolve()))
        return lambda name: name == below
