"""The token as the service asks it: through the pool, as ``proxy.outbound.Dependency`` has it for whatever the proxy stands on.

A call whose process was lost is made again in another one: a signature value that was made and not delivered has signed nothing
(docs/adr/0022). Values that are there already are not made again.
"""

from typing import TypeVar

from proxy.call import Call
from proxy.errors import DeadlineExceeded, SignerError, SignerUnavailable
from proxy.outbound import Links, LinkSuspended
from proxy.ports import Clock
from proxy.settings import PKCS11Settings
from proxy.signers.pkcs11.failures import STOPPED, Failure, TokenFailed, judged
from proxy.signers.pkcs11.messages import Sign
from proxy.signers.pkcs11.orders import Order
from proxy.signers.pkcs11.pool import TokenPool
from proxy.signers.pkcs11.process import WORKER

DESTINATION = "pkcs11"
"""Its name on the ledger, and the backend's name."""

_AnswerT = TypeVar("_AnswerT")


class TokenLink:
    """Asks one token.

    Args:
        settings: Module, token, PIN, how many processes, and their times.
        clock: When the proxy asks by itself.
        links: Where the token's breaker is.
        worker: Dotted name of the module that token processes run.

    Attributes:
        pool: The processes; who has the link starts and closes it.
    """

    def __init__(self, settings: PKCS11Settings, clock: Clock, links: Links, *, worker: str = WORKER) -> None:
        self._dependency = links.dependency(DESTINATION)
        self.pool = TokenPool(settings, clock, self._dependency, worker=worker)
        self._timeout_seconds = settings.timeout_seconds

    async def ask(
        self,
        call: Call,
        request: object,
        answer: type[_AnswerT],
        *,
        seconds: float | None = None,
        repeatable: bool = True,
    ) -> _AnswerT:
        """Ask the token something, in the next idle process.

        Args:
            call: Deadline and ledger.
            request: A message of :mod:`proxy.signers.pkcs11.messages`, but :class:`Sign`.
            answer: What it must be answered with.
            seconds: How long it may take in the token, if not as the settings have it.
            repeatable: Doing it twice does no harm.

        Raises:
            ProxyError: As ``failures`` has it.
            SignerUnavailable: The token failed so often that it is left alone for a while.
            DeadlineExceeded: The call's time is over.
        """
        (given,) = await self._asked(call, request, 1, seconds or self._timeout_seconds, repeatable=repeatable)
        if not isinstance(given, answer):
            raise SignerError("the token process answered something else than it was asked")
        return given

    async def sign(self, call: Call, request: Sign) -> list[bytes]:
        """Have everything signed that a request names, in as many processes as are idle.

        Args:
            call: Deadline and ledger; what is signed is recorded for each attempt.
            request: What to sign, and by which key.

        Returns:
            A value for each of ``request.data``, in their order.

        Raises:
            ProxyError: As :meth:`ask`.
        """
        made = await self._asked(call, request, len(request.data), self._timeout_seconds, repeatable=True)
        return [value for value in made if isinstance(value, bytes)]

    async def _asked(self, call: Call, request: object, count: int, seconds: float, *, repeatable: bool) -> list[object | None]:
        answers: list[object | None] = [None] * count

        async def attempt() -> None:
            """What has not been answered yet."""
            with call.exchange(DESTINATION):
                missing = [number for number, answer in enumerate(answers) if answer is None]
                asked = request
                if isinstance(request, Sign) and len(missing) < count:
                    asked = request._replace(data=tuple(request.data[number] for number in missing))
                order = Order(asked, seconds)
                try:
                    await self._done(call, order)
                finally:
                    for number, answer in zip(missing, order.answers, strict=True):
                        answers[number] = answer

        if not call.deadline.remaining:
            raise DeadlineExceeded("the request's time is over")
        try:
            await self._dependency.ask(call, attempt, repeatable=repeatable, judge=judged)
        except TokenFailed as error:
            raise error.failure.error from error
        except LinkSuspended as error:
            raise SignerUnavailable("the token failed again and again", retry_after=error.retry_after) from error
        return answers

    async def _done(self, call: Call, order: Order) -> None:
        """Wait for the end of an order. Raises TokenFailed."""
        self.pool.put(order)
        try:
            async with call.deadline.enforce():
                outcome = await order.result
        finally:
            order.result.cancel()
            if order.given:
                made = sum(len(value) for value in order.answers if isinstance(value, bytes))
                call.ledger.record(DESTINATION, b"".join(order.given), made)
        if isinstance(outcome, Failure):
            raise STOPPED.error if outcome is STOPPED else TokenFailed(outcome)
