"""What the engine process of a test does: draw, and say what it cost."""

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from proxy.model import Appearance
from proxy.pades.appearance import draw, place


def draw_only(stream: BinaryIO, wanted: Appearance) -> tuple[int, float]:
    """Gives the process' id and the seconds of processor time it took."""
    writer = IncrementalPdfFileWriter(stream)
    start = time.process_time()
    draw(writer, place(writer, wanted), wanted)
    return os.getpid(), time.process_time() - start


TASKS: Mapping[str, Callable[[BinaryIO, Any], Any]] = {"draw": draw_only}
