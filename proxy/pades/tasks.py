"""What an engine process may be asked to do with a PDF."""

from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from proxy.pades.checking import check_signature
from proxy.pades.preparing import prepare_signature
from proxy.pades.values import CHECK, PREPARE

TASKS: Mapping[str, Callable[[BinaryIO, Any], Any]] = {
    PREPARE: prepare_signature,
    CHECK: check_signature,
}
