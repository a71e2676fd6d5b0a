"""TLS on the service's port (RFC 8446, RFC 5246).

A client certificate is asked for and not demanded, so that a caller without one gets an answer that says so. One that comes is
verified in the handshake: an untrusted chain ends in an alert, which is logged.
"""

import ssl
from functools import partial
from pathlib import Path

import structlog

from proxy.errors import SettingsError
from proxy.following import FollowedFiles
from proxy.settings import ListenerSettings

_log = structlog.get_logger("proxy.tls")

CIPHERS_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Forward secret and authenticated; TLS 1.3 has no others."""


class _ToldHandshake(ssl.SSLObject):
    """Tells the log and the peer of a certificate that does not verify: asyncio drops both in silence.

    OpenSSL leaves an alert to be sent (RFC 8446, 6.2), and asyncio sends what is left only while the handshake goes on. So it
    goes on for one more step: that the peer closes, or sends more, which then fails.
    """

    _failure: ssl.SSLCertVerificationError | None = None

    def do_handshake(self) -> None:
        if self._failure is not None:
            raise self._failure
        try:
            super().do_handshake()
        except ssl.SSLCertVerificationError as error:
            _log.warning("client_certificate.untrusted", reason=error.verify_message)
            self._failure = error
            raise ssl.SSLWantReadError("the alert is to be sent") from error


def followed_server_context(listener: ListenerSettings, files: FollowedFiles) -> ssl.SSLContext | None:
    """As :func:`server_context`; a connection has the certificate, key and authorities that the files hold when it begins.

    Raises:
        SettingsError: Certificate, key or authorities cannot be used.
    """
    front = server_context(listener)
    if front is not None:
        paths = (listener.certificate, listener.key, listener.client_ca)
        followed = files.follow("listener", paths, partial(server_context, listener))

        def hand_over(connection: ssl.SSLObject, _name: str | None, _front: ssl.SSLContext) -> None:
            # Asked in every handshake, server name or none (RFC 6066, 3). What the connection has of its own, such as that it
            # wants a client's certificate, is the same in all contexts.
            connection.context = followed.value or front

        front.sni_callback = hand_over
    return front


def server_context(listener: ListenerSettings) -> ssl.SSLContext | None:
    """The context of the service's port, or ``None`` where it speaks plain HTTP behind its load balancer.

    Raises:
        SettingsError: Certificate, key or authorities cannot be used.
    """
    if listener.certificate is None or listener.key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS_1_2)
    context.set_alpn_protocols(["http/1.1"])
    # A resumed session would not be verified again.
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    _use(context, listener.certificate, listener.key)
    if listener.mode == "mutual-tls":
        assert listener.client_ca is not None, "the settings demand it"
        context.verify_mode = ssl.CERT_OPTIONAL
        # The file's certificates are the anchors, whether they are roots or not.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        try:
            context.load_verify_locations(cafile=listener.client_ca)
        except OSError as error:
            raise SettingsError(f"{listener.client_ca}: {error}") from error
    context.sslobject_class = _ToldHandshake
    return context


def _use(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except OSError as error:
        raise SettingsError(f"{certificate}, {key}: {error}") from error


def _no_password() -> str:
    """Instead of the prompt on the terminal that an encrypted key would bring up."""
    raise SettingsError("the listener's key is encrypted")
