"""Which server answers at an address: the public Engram server, or another one."""

from __future__ import annotations

from typing import Any

import orjson

from io_connectors.engram.http.client import BASE, Server
from io_connectors.engram.public.client import wrong_key
from io_connectors.retry import retrying

#: What the public server calls itself at ``/health``.
_SERVICE = "engram"
_KEY_CODES = ("UNAUTHORIZED", "FORBIDDEN")


def public_version(server: Server) -> str | None:
    """The version of the public Engram server, or None if another server answers.

    Our own server knows ``/api/v1/engram``, the public one does not; with a key set, it refuses every
    address that is asked without.

    Raises:
        ConfigurationError: It is the public server, and it does not take the key.
        TargetTransientError: No server answers.
    """
    if retrying(lambda: server.answer("GET", BASE)).status_code not in (404, 401, 403):
        return None
    health = retrying(lambda: server.answer("GET", "/health"))
    document = _json(health.content)
    if health.status_code in (401, 403) and _code(document) in _KEY_CODES:
        raise wrong_key(server.url, f"`GET /health` was answered {health.status_code}")
    if document.get("service") != _SERVICE:
        return None
    return str(document.get("version", "unknown"))


def _json(content: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(content)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _code(document: dict[str, Any]) -> str:
    error = document.get("error")
    return str(error.get("code", "")) if isinstance(error, dict) else ""
