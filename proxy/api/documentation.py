"""``/openapi.json`` and ``/docs``: the document and a page made from it, neither with anything from outside."""

import base64
import hashlib

from aiohttp import web

OPENAPI = web.AppKey("openapi", bytes)
PAGE = web.AppKey("documentation_page", bytes)

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem; color: #1c2630; }
h1, h2, h3 { line-height: 1.2; }
h2 { margin-top: 2.5rem; border-bottom: 2px solid #d4dbe2; }
section { margin: 1.5rem 0; padding: .5rem 1rem; border: 1px solid #d4dbe2; border-radius: .4rem; }
code { font: .9em ui-monospace, monospace; background: #eef2f5; padding: 0 .25em; border-radius: .2em; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .5rem; border-bottom: 1px solid #e6ebef; }
.method { font-weight: 700; color: #0b5c8a; }
"""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'".format(
        base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")
    )
)
"""The page's one style sheet by its digest, and nothing else: no script, no image, no frame."""


async def get_openapi(request: web.Request) -> web.StreamResponse:
    """The OpenAPI document."""
    return web.Response(body=request.app[OPENAPI], content_type="application/json")


async def get_page(request: web.Request) -> web.StreamResponse:
    """The page."""
    response = web.Response(body=request.app[PAGE], content_type="text/html", charset="utf-8")
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response
