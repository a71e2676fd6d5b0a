"""OCSP, CRLs and issuers' certificates as a process: ``python -m proxy.sandbox.responder --dir STATE``.

OCSP over HTTP by GET and POST (RFC 6960, appendix A), the rest by GET (RFC 5280, 4.2.1.13 and 4.2.2.1). What other processes
issue or revoke shows at once in OCSP, and in the CRL after a minute at most.
"""

import argparse
import base64
import binascii
import logging
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

from aiohttp import web
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.ports import Clock, SystemClock
from proxy.sandbox.addresses import Addresses
from proxy.sandbox.authority import CertificationAuthority
from proxy.sandbox.folder import StateFolder
from proxy.sandbox.ocsp import OCSPService, Responder
from proxy.sandbox.profiles import AUTHORITIES

MAX_REQUEST_BYTES = 65_536
CRL_VALID = timedelta(hours=24)
"""From ``thisUpdate`` to ``nextUpdate`` of a CRL."""
CRL_RENEWED = timedelta(minutes=1)
"""So long the same CRL is served."""


def make_responder_app(folder: StateFolder, clock: Clock) -> web.Application:
    """``/ocsp``, ``/crl/<authority>.crl``, ``/ca/<authority>.cer``; ``GET /counts`` says how often each was asked.

    Raises:
        SettingsError: The folder holds no PKI.
    """
    service = _Service(folder, clock)
    app = web.Application(client_max_size=MAX_REQUEST_BYTES)
    app.router.add_post("/ocsp", service.ocsp_by_post)
    app.router.add_get("/ocsp/{request:.+}", service.ocsp_by_get)
    app.router.add_get("/crl/{name}.crl", service.crl)
    app.router.add_get("/ca/{name}.cer", service.issuer)
    app.router.add_get("/counts", service.report)
    return app


class _Service:
    def __init__(self, folder: StateFolder, clock: Clock) -> None:
        self._clock = clock
        self._authorities: Mapping[str, CertificationAuthority] = {
            profile.name: CertificationAuthority.open(folder, profile.name) for profile in AUTHORITIES
        }
        self._ocsp = OCSPService([Responder(folder, authority) for authority in self._authorities.values()])
        self._crls: dict[str, tuple[datetime, bytes]] = {}
        self._asked: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()

    async def ocsp_by_post(self, request: web.Request) -> web.Response:
        if request.content_type != "application/ocsp-request":
            raise web.HTTPUnsupportedMediaType(text="send application/ocsp-request\n")
        return self._ocsp_answer(await request.read())

    async def ocsp_by_get(self, request: web.Request) -> web.Response:
        # The raw path: whether base64's "/" came escaped or not, it is unescaped once.
        text = unquote(request.rel_url.raw_path.removeprefix("/ocsp/"))
        try:
            der = base64.b64decode(text, validate=True)
        except binascii.Error:
            der = b""
        return self._ocsp_answer(der)

    def _ocsp_answer(self, der: bytes) -> web.Response:
        answer = self._ocsp.answer(der, self._clock.now())
        self._asked["ocsp"] += 1
        self._statuses.update(answer.statuses)
        return web.Response(body=answer.der, content_type="application/ocsp-response")

    async def crl(self, request: web.Request) -> web.Response:
        authority = self._authority(request)
        now = self._clock.now()
        made, der = self._crls.get(authority.name, (None, b""))
        if made is None or not made <= now < made + CRL_RENEWED:
            der = authority.certificate_revocation_list(now, CRL_VALID)
            self._crls[authority.name] = (now, der)
        self._asked["crl"] += 1
        return web.Response(body=der, content_type="application/pkix-crl")

    async def issuer(self, request: web.Request) -> web.Response:
        der = self._authority(request).certificate.public_bytes(Encoding.DER)
        self._asked["ca"] += 1
        return web.Response(body=der, content_type="application/pkix-cert")

    async def report(self, _request: web.Request) -> web.Response:
        asked = {kind: self._asked[kind] for kind in ("ocsp", "crl", "ca")}
        return web.json_response({**asked, "ocspStatuses": dict(self._statuses)})

    def _authority(self, request: web.Request) -> CertificationAuthority:
        try:
            return self._authorities[request.match_info["name"]]
        except KeyError:
            raise web.HTTPNotFound(text="no such authority\n") from None


def main() -> None:
    """Serve until SIGTERM or SIGINT, on the port of the folder's addresses."""
    parser = argparse.ArgumentParser(prog="python -m proxy.sandbox.responder", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True, help="the sandbox's folder")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    folder = StateFolder.at(arguments.dir)
    app = make_responder_app(folder, SystemClock())
    web.run_app(app, host="127.0.0.1", port=Addresses.load(folder).responder, print=None)


if __name__ == "__main__":
    main()
