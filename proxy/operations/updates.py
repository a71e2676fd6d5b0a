"""The update that was appended for a signature or timestamp, from whose digest on there is no way back.

It is made once for a request: another would have another digest, and so need another signature.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from proxy.model import ValidationData
from proxy.operations.steps import Kept, Steps
from proxy.pades.values import PreparedSignature
from proxy.spool import SpooledDocument


@dataclass(frozen=True, slots=True)
class PreparedUpdate:
    """An appended update with its placeholder, and what it was made with.

    Attributes:
        prepared: Where the placeholder is.
        appended: The bytes; none where nothing is kept.
        signing_time: What it says of the time; for a signature.
        validation_data: What was collected for it, in the update or for a later one.
    """

    prepared: PreparedSignature
    appended: bytes
    signing_time: datetime | None
    validation_data: ValidationData | None


_KEPT = Kept(PreparedUpdate)

Made = tuple[PreparedSignature, datetime | None, ValidationData | None]
"""What a maker gives of the update that it appended: the members of :class:`PreparedUpdate` but for its bytes."""


async def update_once(
    steps: Steps, document: SpooledDocument, name: str, make: Callable[[], Awaitable[Made]], subject: bytes = b""
) -> PreparedUpdate:
    """Have ``make`` append an update to the document, or append the one that it appended the first time.

    Raises:
        ProxyError: As ``make`` and :meth:`~proxy.operations.steps.Steps.once`.
    """
    start = document.total_size

    async def append() -> PreparedUpdate:
        prepared, signing_time, validation_data = await make()
        appended = document.read(start, document.total_size - start) if steps.keeps else b""
        return PreparedUpdate(prepared, appended, signing_time, validation_data)

    update = await steps.once(name, _KEPT, append, subject=subject)
    if document.total_size == start:
        document.overwrite(start, update.appended)
    return update
