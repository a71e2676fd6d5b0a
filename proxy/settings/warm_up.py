"""What is found out before the first request has to."""

from pydantic import Field

from proxy.settings.base import PositiveSeconds, Section


class WarmUpSettings(Section):
    """At the start: certificates named in ``[[credentials]]``, in clients' grants and here are found and checked.

    ``seconds``: how long the start waits for it at most. ``required``: whether the task says that it is ready only when all of
    it is there; what is missing is tried again every ``again_seconds``.
    """

    certificates: tuple[str, ...] = ()
    seconds: PositiveSeconds = 5.0
    required: bool = False
    again_seconds: PositiveSeconds = Field(10.0)
