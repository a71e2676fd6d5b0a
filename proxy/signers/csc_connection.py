"""The connection to a provider of the CSC API v2: JSON over TLS, authorized by a client certificate, an access token, or both.

Signing, credentials and timestamps share it, and with it the bound of requests in flight.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import TypeVar

from proxy.call import Call
from proxy.errors import SettingsError, SignerError
from proxy.outbound import Link, Links, origin
from proxy.ports import Clock
from proxy.settings import CSCSettings
from proxy.signers.csc_answers import CSCAnswer, InfoAnswer
from proxy.signers.csc_exchange import LARGEST_ANSWER, CSCExchange, Request
from proxy.signers.csc_failures import TokenRefused
from proxy.signers.csc_oauth import AccessTokens
from proxy.signers.csc_secrets import without_secrets

DESTINATION = "csc"
"""Its name on the ledger, and the backend's name."""

_JSON = "application/json"

_AnswerT = TypeVar("_AnswerT", bound=CSCAnswer)


class CSCConnection:
    """Requests to one provider.

    Args:
        settings: URLs, TLS files, the client, and timeout.
        in_flight: How many requests at a time, all users together.
        clock: When an access token is too old.
        links: Where its breaker is.

    Raises:
        SettingsError: A URL is not ``https``, or a file cannot be used.
    """

    def __init__(self, settings: CSCSettings, in_flight: int, clock: Clock, links: Links) -> None:
        _check_https("csc.url", settings.url)
        if settings.token_url is not None:
            _check_https("csc.token_url", settings.token_url)
        self._base = settings.url.rstrip("/")
        self._poll_seconds = settings.poll_seconds
        self._link = Link(
            DESTINATION,
            timeout_seconds=settings.timeout_seconds,
            max_response_bytes=LARGEST_ANSWER,
            connections=in_flight,
            tls=links.tls(DESTINATION, settings.ca, settings.client_certificate, settings.client_key),
        )
        self._dependency = links.dependency(DESTINATION)
        self._exchange = CSCExchange(self._link, self._dependency)
        self._tokens: AccessTokens | None = None
        if settings.client_id is not None:
            self._tokens = AccessTokens(settings, self._exchange, self._authorization_server, clock)
        self._info_by_get = False

    @property
    def doubtful(self) -> bool:
        """Whether the provider failed a moment ago."""
        return self._dependency.doubtful

    async def ask(
        self,
        call: Call,
        method: str,
        body: Mapping[str, object],
        kind: type[_AnswerT],
        *,
        repeatable: bool,
        bearer: str | None = None,
        secrets: Sequence[str] = (),
    ) -> _AnswerT:
        """Ask an API method. An access token that is refused is replaced once: of what was refused nothing was done.

        Args:
            call: Deadline and ledger.
            method: ``credentials/list``, ``signatures/signHash`` …
            body: Its parameters.
            kind: What must come back.
            repeatable: Doing it twice does no harm.
            bearer: What authorizes the request, instead of the access token.
            secrets: Values in the body that stay off the ledger.

        Raises:
            SignerError, SignerUnavailable, Maintenance, CertificateNotFound, AlgorithmNotAllowed, DeadlineExceeded: As
                :meth:`proxy.signers.csc_exchange.CSCExchange.perform`, and where there is no access token to be had.
        """
        data = json.dumps(body, separators=(",", ":")).encode()
        recorded = without_secrets(data, (json.dumps(secret).encode() for secret in secrets))
        if bearer is not None or self._tokens is None:
            return await self._post(call, method, data, recorded, kind, bearer, repeatable=repeatable)
        token = await self._tokens.get(call)
        try:
            return await self._post(call, method, data, recorded, kind, token, repeatable=repeatable)
        except TokenRefused:
            self._tokens.refuse(token)
        token = await self._tokens.get(call)
        return await self._post(call, method, data, recorded, kind, token, repeatable=repeatable)

    async def pause(self, call: Call) -> None:
        """Wait before it is asked on what is still underway. Raises DeadlineExceeded where the call's time is over first."""
        async with call.deadline.enforce():
            await asyncio.sleep(self._poll_seconds)

    async def info(self, call: Call) -> InfoAnswer:
        """What the provider says of itself (11.1). It wants no authorization, and some give it by GET alone.

        Raises:
            SignerError, SignerUnavailable, Maintenance, DeadlineExceeded: As :meth:`ask`.
        """
        if not self._info_by_get:
            try:
                return await self._post(call, "info", b"{}", b"{}", InfoAnswer, None, repeatable=True)
            except SignerError:
                self._info_by_get = True
        request = Request("GET", f"{self._base}/info", b"", b"", None, "info")
        try:
            return await self._exchange.perform(call, request, InfoAnswer, repeatable=True)
        except SignerError:
            self._info_by_get = False
            raise

    async def close(self) -> None:
        """Close the connections."""
        await self._link.close()

    async def _post(
        self,
        call: Call,
        method: str,
        body: bytes,
        recorded: bytes,
        kind: type[_AnswerT],
        bearer: str | None,
        *,
        repeatable: bool,
    ) -> _AnswerT:
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        request = Request("POST", f"{self._base}/{method}", body, recorded, _JSON, method, headers)
        return await self._exchange.perform(call, request, kind, repeatable=repeatable)

    async def _authorization_server(self, call: Call) -> str | None:
        return (await self.info(call)).oauth2


def _check_https(setting: str, url: str) -> None:
    try:
        origin(url, schemes=frozenset({"https"}))
    except ValueError as error:
        raise SettingsError(f"{setting} {url!r}: {error}") from error
