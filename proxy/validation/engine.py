"""Validation as the request's process sees it. It runs in an engine process: what is judged was written by whoever sent it."""

from typing import BinaryIO

import structlog

from proxy.call import Call
from proxy.engine.pool import EnginePool, TaskFailed
from proxy.errors import InternalError
from proxy.model import Judgement, ValidationInputs
from proxy.validation.judge import judge

JUDGE = "validation.judge"
"""Name of the engine's task."""

_log = structlog.get_logger("proxy.validation")


def judge_task(_: BinaryIO | None, inputs: ValidationInputs) -> Judgement:
    """Judge, in the engine process."""
    return judge(inputs)


class ValidationEngine:
    """Judges in engine processes; keeps nothing between calls."""

    def __init__(self, pool: EnginePool) -> None:
        self._pool = pool

    async def judge(self, call: Call, inputs: ValidationInputs) -> Judgement:
        """Judge every signed object of a document with the evidence there is.

        Raises:
            InvalidDocument: It takes more time or memory than is allowed.
            DeadlineExceeded, ShuttingDown: As named.
            InternalError: The engine process was lost.
        """
        try:
            judgement = await self._pool.run(JUDGE, None, inputs, deadline=call.deadline)
        except TaskFailed as error:
            _log.error("engine.failed", transactionId=call.transaction_id, task=JUDGE, error=str(error), trace=error.trace)
            raise InternalError("the validation failed") from error
        if not isinstance(judgement, Judgement):
            raise InternalError("the engine gave something else than it was asked for")
        return judgement
