"""The web page: one file, with nothing from elsewhere."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_HTML = files("engram_store.server").joinpath("page.html").read_text(encoding="utf-8")


def _hash_of(tag: str) -> str:
    found = re.search(f"<{tag}>(.*?)</{tag}>", _HTML, re.DOTALL)
    assert found is not None
    return f"'sha256-{b64encode(sha256(found[1].encode()).digest()).decode()}'"


#: Only the page's own script and style, and only requests to this server.
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; script-src {_hash_of('script')}; style-src {_hash_of('style')};"
        " connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


async def page(_request: Request) -> Response:
    """GET /."""
    return Response(_HTML, headers=_HEADERS, media_type="text/html")


ROUTES = [Route("/", page)]
