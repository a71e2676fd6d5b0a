"""The proxy's access token at a provider: OAuth 2.0 client credentials (RFC 6749, 4.4; CSC API v2.0, 8.4.4).

One token serves all requests until shortly before its end, or until the provider refuses it. Whoever comes while one is
fetched waits for that one.
"""

from base64 import b64encode
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from urllib.parse import quote_plus, urlencode

from proxy.call import Call
from proxy.errors import SignerError
from proxy.outbound import origin
from proxy.ports import Clock
from proxy.settings import CSCSettings
from proxy.signers.csc_answers import TokenAnswer
from proxy.signers.csc_exchange import CSCExchange, Request
from proxy.signers.csc_secrets import Secrets, without_secrets
from proxy.trust.memory import Memory

_AHEAD = timedelta(seconds=60)
"""So long before its end a token is not used any more; a tenth of its lifetime before, if that is less."""

_LONGEST = timedelta(days=1)
_FORM = "application/x-www-form-urlencoded"


class AccessTokens:
    """The access token of one client at one provider.

    Args:
        settings: The client, its secret, and where tokens are had.
        exchange: Sends the request.
        discover: Gives the base URL of the authorization server that ``info`` names.
        clock: When a token is too old.
    """

    def __init__(
        self,
        settings: CSCSettings,
        exchange: CSCExchange,
        discover: Callable[[Call], Awaitable[str | None]],
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._exchange = exchange
        self._discover = discover
        self._clock = clock
        self._secrets = Secrets(clock)
        self._token_url = settings.token_url
        self._current = ""
        self._tokens: Memory[str, str] = Memory(clock, 1, failures=(SignerError,))

    async def get(self, call: Call) -> str:
        """The token, fetched if there is none or if it is near its end.

        Raises:
            SignerError: The authorization server refuses the client, or answers with something else.
            SignerUnavailable, Maintenance: It cannot be reached, or says so.
            DeadlineExceeded: The call's time is over.
        """

        async def load() -> tuple[str, datetime]:
            begun = self._clock.now()
            answer = await self._fetch(call)
            lifetime = min(timedelta(seconds=min(answer.expires_in, 1e9)), _LONGEST)
            self._current = answer.access_token
            return answer.access_token, begun + lifetime - min(_AHEAD, lifetime / 10)

        return await self._tokens.recall(call, "", load)

    def refuse(self, token: str) -> None:
        """Fetch another the next time, unless that was done already."""
        if token == self._current:
            self._tokens.forget("")

    async def _fetch(self, call: Call) -> TokenAnswer:
        settings = self._settings
        if self._token_url is None:
            self._token_url = await self._discovered(call)
        form = {"grant_type": "client_credentials", "client_id": settings.client_id or ""}
        if settings.scope:
            form["scope"] = settings.scope
        headers: dict[str, str] = {}
        secrets: list[bytes] = []
        if settings.client_secret is not None:
            secret = await self._secrets.value(call, settings.client_secret)
            if settings.client_authentication == "client_secret_basic":
                headers["Authorization"] = _basic(settings.client_id or "", secret)
            else:
                form["client_secret"] = secret
                secrets.append(urlencode({"client_secret": secret}).encode())
        body = urlencode(form).encode()
        request = Request(
            "POST",
            self._token_url,
            body,
            without_secrets(body, secrets),
            content_type=_FORM,
            headers=headers,
            name="oauth2/token",
        )
        answer = await self._exchange.perform(call, request, TokenAnswer, repeatable=True)
        if answer.token_type.lower() != "bearer":
            raise SignerError("the authorization server gave another kind of token than a bearer token")
        return answer

    async def _discovered(self, call: Call) -> str:
        """The token URL by ``info``. The secret goes to no address that an answer names, but on the provider's own origin."""
        base = await self._discover(call)
        if base is None:
            raise SignerError("the provider does not say where access tokens are had: set csc.token_url")
        try:
            same = origin(base, schemes=frozenset({"https"})) == origin(self._settings.url)
        except ValueError:
            same = False
        if not same:
            raise SignerError("the provider's authorization server is elsewhere: set csc.token_url")
        return f"{base.rstrip('/')}/oauth2/token"


def _basic(client_id: str, secret: str) -> str:
    """RFC 6749, 2.3.1: both form-encoded first."""
    return "Basic " + b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode("ascii")
