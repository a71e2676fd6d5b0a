"""What the provider of remote signatures has given out: access tokens, authorizations (SAD), and handles of work underway."""

import hmac
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from proxy.ports import Clock
from proxy.sandbox.csc_credentials import HeldCredential

MOST_WRONG_PINS = 3
"""After so many in a row the credential is locked."""


class Refusal(Exception):
    """A request that is refused (CSC API v2.0, 10.2).

    Args:
        error: The code.
        description: A sentence.
        status: Of HTTP.
    """

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


class TokenEnded(Refusal):
    """An access token that is not known, or not any more."""

    def __init__(self) -> None:
        super().__init__("invalid_token", "The access token is not valid", 401)


class SADEnded(Refusal):
    """Signature activation data that has expired, or is used up."""

    def __init__(self, description: str) -> None:
        super().__init__("invalid_request", description)


@dataclass(slots=True)
class Authorization:
    """Signature activation data, and what is left of it.

    Attributes:
        credential_id: What it authorizes.
        ends: Until when.
        left: How many signatures.
        hashes: Which; ``None`` for any.
    """

    credential_id: str
    ends: datetime
    left: int
    hashes: Counter[bytes] | None


@dataclass(slots=True)
class Underway:
    """Something that is done when it was asked for often enough."""

    polls: float
    result: dict[str, object]


@dataclass(slots=True)
class Grants:
    """All of it, in memory.

    Attributes:
        clock: When something ends.
        token_seconds: How long an access token lasts.
        sad_seconds: How long an authorization lasts.
        given: How many of each kind were given out: ``accessTokens``, ``authorizations``.
    """

    clock: Clock
    token_seconds: int = 3600
    sad_seconds: int = 300
    given: Counter[str] = field(default_factory=Counter)
    _tokens: dict[str, datetime] = field(default_factory=dict)
    _authorizations: dict[str, Authorization] = field(default_factory=dict)
    _underway: dict[str, Underway] = field(default_factory=dict)
    _wrong_pins: Counter[str] = field(default_factory=Counter)

    def new_token(self) -> str:
        """An access token."""
        token = secrets.token_urlsafe(32)
        self._tokens[token] = self.clock.now() + timedelta(seconds=self.token_seconds)
        self.given["accessTokens"] += 1
        return token

    def check_token(self, token: str) -> None:
        """Raises TokenEnded."""
        if self.clock.now() >= self._tokens.get(token, self.clock.now()):
            raise TokenEnded

    def end_tokens(self) -> None:
        """All access tokens are over."""
        self._tokens.clear()

    def check_pin(self, held: HeldCredential, pin: str) -> None:
        """Raises Refusal where it is wrong, or was too often."""
        if self._wrong_pins[held.credential_id] >= MOST_WRONG_PINS:
            raise Refusal("invalid_request", "Credential locked")
        if not hmac.compare_digest(pin.encode(), held.pin.encode()):
            self._wrong_pins[held.credential_id] += 1
            raise Refusal("invalid_authentication_data", "The authentication data is invalid")
        self._wrong_pins[held.credential_id] = 0

    def authorize(self, held: HeldCredential, count: int, hashes: Sequence[bytes] | None) -> dict[str, object]:
        """Signature activation data, as ``credentials/authorize`` gives it."""
        sad = secrets.token_urlsafe(32)
        ends = self.clock.now() + timedelta(seconds=self.sad_seconds)
        bound = None if hashes is None else Counter(hashes)
        self._authorizations[sad] = Authorization(held.credential_id, ends, count, bound)
        self.given["authorizations"] += 1
        return {"SAD": sad, "expiresIn": self.sad_seconds}

    def spend(self, sad: str, held: HeldCredential, hashes: Sequence[bytes]) -> None:
        """Use an authorization up for these hashes, all or none.

        Raises:
            SADEnded: It has expired, is used up, or was never given out.
            Refusal: It is for another credential, fewer signatures, or other hashes.
        """
        authorization = self._authorizations.get(sad)
        if authorization is None or authorization.credential_id != held.credential_id:
            raise SADEnded("Invalid parameter SAD")
        if self.clock.now() >= authorization.ends:
            raise SADEnded("SAD expired")
        if len(hashes) > authorization.left:
            raise Refusal("invalid_request", "Numbers of signatures is too high")
        if authorization.hashes is not None:
            if Counter(hashes) - authorization.hashes:
                raise Refusal("invalid_request", "Hash is not authorized by the SAD")
            authorization.hashes -= Counter(hashes)
        authorization.left -= len(hashes)
        if not authorization.left:
            del self._authorizations[sad]

    def begin(self, polls: float, result: dict[str, object]) -> str:
        """Something that will be done after so many questions; gives what to ask for it by."""
        handle = secrets.token_hex(16)
        self._underway[handle] = Underway(polls, result)
        return handle

    def ask_on(self, handle: str, parameter: str) -> dict[str, object] | None:
        """What became of it; ``None`` while it is underway. Raises Refusal for an unknown handle."""
        underway = self._underway.get(handle)
        if underway is None:
            raise Refusal("invalid_request", f"Invalid parameter {parameter}")
        underway.polls -= 1
        return underway.result if underway.polls < 0 else None
