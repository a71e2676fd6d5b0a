"""Time-stamping authorities with something odd about each: the sandbox's own, a step before or after its answer changed.

Which one is asked is told by the path: ``/wrong-nonce`` and the like. Tokens that are right are the sandbox's TSA's in all but
what the path names.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from asn1crypto import tsp
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from proxy.ports import SystemClock
from proxy.sandbox import profiles
from proxy.sandbox.addresses import Addresses
from proxy.sandbox.authority import CertificationAuthority, Validity, load_chain
from proxy.sandbox.keys import load_key
from proxy.sandbox.serial_numbers import SerialNumbers
from proxy.sandbox.tsa import TokenIssuer
from tests.support.sandbox import Sandbox

REPLY = "application/timestamp-reply"


@dataclass(frozen=True, slots=True)
class OddReply:
    """What one of them sends back; ``None`` in ``body`` for a connection that ends without an answer."""

    body: bytes | None
    media_type: str = REPLY
    status: int = 200


class OddAuthorities:
    """All of them, on one port.

    Args:
        sandbox: Whose authority they take after.
        folder: Where their serial numbers are kept.

    Attributes:
        url: To which a path is added.
        asked: How often each was, by path.
        stopping: Set when nobody is to wait any longer.
    """

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.url = ""
        self.asked: Counter[str] = Counter()
        self.stopping = threading.Event()
        key = load_key(sandbox.folder.tsa().key)
        assert isinstance(key, rsa.RSAPrivateKey)
        self._key = key
        self._chain = load_chain(sandbox.folder.tsa().certificate)[:-1]
        self._numbers = SerialNumbers(folder / "serial")
        self._ballast = [_ballast(4_000) for _ in range(12)]
        self._sandbox = sandbox
        self._others: dict[str, TokenIssuer] = {}

    def _issuer(self, extra: int = 0, policy: str = profiles.TSA_POLICY_OID) -> TokenIssuer:
        return TokenIssuer(self._key, [*self._chain, *self._ballast[:extra]], policy, self._numbers, SystemClock())

    def _other(self, name: str, *, revocable: bool = True) -> TokenIssuer:
        """The same authority with another certificate, issued when it is first wanted."""
        if name not in self._others:
            issuing = CertificationAuthority.open(self._sandbox.folder, profiles.TSA_ISSUER)
            now = datetime.now(UTC).replace(microsecond=0)
            responders = issuing.revocation_extensions(Addresses.load(self._sandbox.folder).services)
            certificate = issuing.issue(
                profiles.distinguished_name(country_name="JP", common_name=f"Sandbox TSA {name}"),
                self._key.public_key(),
                Validity(now - profiles.BACKDATED, now + 11 * profiles.YEAR),
                profiles.tsa_extensions() + (responders if revocable else ()),
            )
            chain = [certificate, *self._chain[1:]]
            self._others[name] = TokenIssuer(self._key, chain, profiles.TSA_POLICY_OID, self._numbers, SystemClock())
        return self._others[name]

    def reply(self, path: str, query: bytes) -> OddReply:
        """The answer of the authority at ``path``."""
        self.asked[path] += 1
        return ODDITIES[path](self, query)

    def _right(self, query: bytes) -> OddReply:
        return OddReply(self._issuer().reply(query).der)

    def _large(self, query: bytes) -> OddReply:
        return OddReply(self._issuer(extra=6).reply(query).der)

    def _ever_larger(self, query: bytes) -> OddReply:
        return OddReply(self._issuer(extra=4 + self.asked["/ever-larger"]).reply(query).der)

    def _takes_turns(self, query: bytes) -> OddReply:
        return OddReply(self._other(f"turn {self.asked['/takes-turns'] % 2}").reply(query).der)

    def _ever_new(self, query: bytes) -> OddReply:
        return OddReply(self._other(f"new {self.asked['/ever-new']}").reply(query).der)

    def _unprovable(self, query: bytes) -> OddReply:
        return OddReply(self._other("without responders", revocable=False).reply(query).der)

    def _wrong_nonce(self, query: bytes) -> OddReply:
        request = tsp.TimeStampReq.load(query)
        request["nonce"] = request["nonce"].native ^ 1
        return self._right(request.dump())

    def _wrong_imprint(self, query: bytes) -> OddReply:
        request = tsp.TimeStampReq.load(query)
        imprint = bytes(request["message_imprint"]["hashed_message"])
        request["message_imprint"]["hashed_message"] = bytes([imprint[0] ^ 1]) + imprint[1:]
        return self._right(request.dump(force=True))

    def _other_policy(self, query: bytes) -> OddReply:
        request = tsp.TimeStampReq.load(query)
        request["req_policy"] = "2.999.1"
        return OddReply(self._issuer(policy="2.999.1").reply(request.dump()).der)

    def _rejects(self, query: bytes) -> OddReply:
        request = tsp.TimeStampReq.load(query)
        request["req_policy"] = "2.999.7"
        return self._right(request.dump())

    def _tampered(self, query: bytes) -> OddReply:
        der = self._issuer().reply(query).der
        return OddReply(der[:-1] + bytes([der[-1] ^ 1]))

    def _html(self, _query: bytes) -> OddReply:
        return OddReply(b"<html><body>/srv/tsa/index.py is being edited</body></html>", "text/html")

    def _breaks(self, _query: bytes) -> OddReply:
        return OddReply(b"Traceback (most recent call last): /srv/tsa/issue.py", "text/plain", 500)

    def _forbids(self, _query: bytes) -> OddReply:
        return OddReply(b"who are you?", "text/plain", 403)

    def _hangs_up(self, _query: bytes) -> OddReply:
        return OddReply(None)

    def _hangs(self, _query: bytes) -> OddReply:
        self.stopping.wait(60)
        return OddReply(None)


ODDITIES: dict[str, Callable[[OddAuthorities, bytes], OddReply]] = {
    "/right": OddAuthorities._right,
    "/large": OddAuthorities._large,
    "/ever-larger": OddAuthorities._ever_larger,
    "/takes-turns": OddAuthorities._takes_turns,
    "/ever-new": OddAuthorities._ever_new,
    "/unprovable": OddAuthorities._unprovable,
    "/wrong-nonce": OddAuthorities._wrong_nonce,
    "/wrong-imprint": OddAuthorities._wrong_imprint,
    "/other-policy": OddAuthorities._other_policy,
    "/rejects": OddAuthorities._rejects,
    "/tampered": OddAuthorities._tampered,
    "/html": OddAuthorities._html,
    "/breaks": OddAuthorities._breaks,
    "/forbids": OddAuthorities._forbids,
    "/hangs-up": OddAuthorities._hangs_up,
    "/hangs": OddAuthorities._hangs,
}


def _ballast(size: int) -> x509.Certificate:
    """A certificate that is of no use to anybody and takes room."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ballast")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.2"), bytes(size)), critical=False)
        .sign(key, SHA256())
    )


@contextmanager
def odd_authorities(sandbox: Sandbox, folder: Path) -> Iterator[OddAuthorities]:
    """Serve them until the end of the block; their numbers are kept in ``folder``."""
    authorities = OddAuthorities(sandbox, folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            reply = authorities.reply(self.path, query)
            if reply.body is None:
                self.close_connection = True
                return
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.media_type)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it so
            """Quiet."""

    with threaded(Handler) as server:
        authorities.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield authorities
        finally:
            authorities.stopping.set()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone is what some tests are about."""


@contextmanager
def threaded(
    handler: type[BaseHTTPRequestHandler], wrap: Callable[[ThreadingHTTPServer], None] = lambda server: None
) -> Iterator[ThreadingHTTPServer]:
    """Serve in threads until the end of the block; ``wrap`` may put TLS around the listening socket."""
    with _Server(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        wrap(server)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
