"""The links of one application: how each destination is doing is known in one place, whoever asks it."""

import asyncio
import ssl
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from proxy.following import Followed, FollowedFiles
from proxy.model import BreakerState, LinkState
from proxy.outbound.dependency import Dependency
from proxy.outbound.tls import client_tls
from proxy.ports import LinkObserver
from proxy.settings import LinkSettings

_MOST_PASSING = 256


class Unobserved:
    """Where nobody looks (:class:`proxy.ports.LinkObserver`)."""

    def repeated(self, destination: str) -> None:
        """See :meth:`proxy.ports.LinkObserver.repeated`."""

    def breaker_changed(self, destination: str, state: BreakerState) -> None:
        """See :meth:`proxy.ports.LinkObserver.breaker_changed`."""


class Links:
    """What is asked, by name.

    Args:
        settings: The same for all.
        observer: Told of repeated attempts and of breakers.
        now: Monotonic seconds.
        sleep: Waits for some seconds.
        files: Where certificates, keys and authorities are followed.

    Attributes:
        now: The same.
        sleep: The same.
        files: The same.
    """

    def __init__(
        self,
        settings: LinkSettings | None = None,
        *,
        observer: LinkObserver | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        files: FollowedFiles | None = None,
    ) -> None:
        self._settings = settings or LinkSettings()
        self._observer = observer or Unobserved()
        self.now = now
        self.sleep = sleep
        self.files = files or FollowedFiles()
        self._named: dict[str, Dependency] = {}
        self._passing: OrderedDict[str, Dependency] = OrderedDict()

    def dependency(self, name: str) -> Dependency:
        """One that the settings name. Whoever asks for it by the same name has the same."""
        if (found := self._named.get(name)) is None:
            found = self._named[name] = self._made(name)
        return found

    def passing(self, name: str) -> Dependency:
        """One that the settings do not name: it is forgotten when many others were asked since."""
        if (found := self._passing.get(name)) is None:
            found = self._passing[name] = self._made(name)
            if len(self._passing) > _MOST_PASSING:
                self._passing.popitem(last=False)
        self._passing.move_to_end(name)
        return found

    def tls(
        self, name: str, ca: Path | None, certificate: Path | None = None, key: Path | None = None
    ) -> Followed[ssl.SSLContext]:
        """TLS to a destination by files that may be replaced while the proxy runs; see :func:`proxy.outbound.tls.client_tls`.

        Raises:
            SettingsError: A file cannot be read, or key and certificate do not belong together.
        """
        return self.files.follow(name, (ca, certificate, key), partial(client_tls, ca, certificate, key))

    def _made(self, name: str) -> Dependency:
        return Dependency(name, self._settings, self._observer, self.now, self.sleep)

    @property
    def states(self) -> tuple[LinkState, ...]:
        """Of all, those of the settings first."""
        return tuple(dependency.state for dependency in (*self._named.values(), *self._passing.values()))
