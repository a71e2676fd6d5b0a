"""Where the sandbox's processes listen: ports chosen at the first start and kept, because certificates name them."""

import json
import random
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from proxy.errors import SettingsError
from proxy.sandbox.folder import StateFolder, write_file

LOOPBACK = "127.0.0.1"
DEFAULT_PROXY_PORT = 8443
_PORTS = range(15_000, 32_000)
_LOOPBACK_NAMES = {"127.0.0.1", "::1", "localhost"}
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, and only bound when the user says so


@dataclass(frozen=True, slots=True)
class Listen:
    """What ``--listen`` says; port 0 means one that was or will be chosen."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Listen":
        """Read ``host:port`` or ``[host]:port``.

        Raises:
            SettingsError: It is neither, or the host is not one the sandbox's certificates are for.
        """
        host, _, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not port.isascii() or not port.isdigit() or int(port) > 65_535:
            raise SettingsError(f"{text}: not host:port")
        if host not in _LOOPBACK_NAMES | _WILDCARDS.keys():
            raise SettingsError(
                f"{host or text}: the sandbox's certificates are for loopback: "
                "listen on 127.0.0.1, ::1 or localhost, or on 0.0.0.0 or :: to be reached through a container's port"
            )
        return cls(host, int(port))

    @property
    def url_host(self) -> str:
        """The host as callers on this machine write it into a URL."""
        host = _WILDCARDS.get(self.host, self.host)
        return f"[{host}]" if ":" in host else host


@dataclass(frozen=True, slots=True)
class Addresses:
    """Ports on loopback, by process; ``admin`` is the proxy's listener of the operations' side.

    ``csc`` is 0 in a folder of a version that had none, until :meth:`ensure` chooses one.
    """

    proxy: int
    admin: int
    central: int
    tsa: int
    responder: int
    csc: int = 0

    @classmethod
    def load(cls, folder: StateFolder) -> "Addresses":
        """The ports chosen earlier.

        Raises:
            SettingsError: None were, or the file is damaged.
        """
        try:
            return cls(**json.loads(folder.addresses.read_bytes()))
        except (OSError, ValueError, TypeError) as error:
            raise SettingsError(f"{folder.addresses}: no addresses: {error}") from error

    @classmethod
    def ensure(cls, folder: StateFolder, listen: Listen | None) -> "Addresses":
        """The ports chosen earlier, or free ones; kept from now on.

        Args:
            folder: Where they are kept.
            listen: Where the proxy shall listen, if the user said so. Without, it is port 8443 if that is free.

        Raises:
            SettingsError: The file with the ports is damaged.
        """
        if folder.addresses.exists():
            addresses = cls.load(folder)
        else:
            preferred = [DEFAULT_PROXY_PORT] if listen is None else []
            addresses = cls(*_free_ports(6, preferred))
        if not addresses.csc:
            addresses = replace(addresses, csc=_free_ports(1, [])[0])
        if listen is not None and listen.port != 0:
            addresses = replace(addresses, proxy=listen.port)
        write_file(folder.addresses, json.dumps(asdict(addresses), indent=2).encode())
        return addresses

    def require_free(self, listen_host: str) -> None:
        """Make sure that nobody else listens there now.

        Args:
            listen_host: Where the proxy is to listen.

        Raises:
            SettingsError: Somebody does; the message names whose port it is.
        """
        for name, port in asdict(self).items():
            host = listen_host if name == "proxy" else LOOPBACK
            try:
                socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
            except OSError as error:
                raise SettingsError(
                    f"{host}:{port}, the address of {name}, cannot be used: {error.strerror}. "
                    "Stop what listens there, or use another folder; the proxy's address can be chosen by --listen"
                ) from error

    @property
    def services(self) -> str:
        """Base URL of OCSP, CRLs and issuers' certificates."""
        return f"http://{LOOPBACK}:{self.responder}"

    @property
    def tsa_url(self) -> str:
        """Where the time-stamping authority is asked."""
        return f"http://{LOOPBACK}:{self.tsa}/tsa"

    @property
    def central_url(self) -> str:
        """Base URL of the central signer."""
        return f"https://{LOOPBACK}:{self.central}"

    @property
    def csc_url(self) -> str:
        """Base URL of the provider of remote signatures (CSC API v2)."""
        return f"https://{LOOPBACK}:{self.csc}/csc/v2"

    @property
    def admin_url(self) -> str:
        """Base URL of the proxy's operations' side."""
        return f"http://{LOOPBACK}:{self.admin}"


def _free_ports(count: int, preferred: Sequence[int]) -> list[int]:
    """Ports nobody listens on, the preferred ones first where they are free.

    Below the range that systems give to outgoing connections, so that they are still free at the next start; by chance, so
    that two sandboxes which start at the same time do not choose the same ones.
    """
    found: list[int] = []
    for port in [*preferred, *random.SystemRandom().sample(_PORTS, 100 * count)]:
        with socket.socket() as listener:
            try:
                listener.bind((LOOPBACK, port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise SettingsError("no free ports on loopback")
