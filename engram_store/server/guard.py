"""Who may ask: a key where there is one, and on loopback without one, this machine's programs only."""

from __future__ import annotations

import hmac
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engram_store.errors import ConfigurationError
from engram_store.server.answers import error_answer
from engram_store.server.state import Figures

#: Answered without a key: they tell nothing of what is stored.
OPEN = ("/", "/health", "/health/alive")

_LOOPBACK = (b"127.0.0.1", b"localhost", b"[::1]")


class Guard:
    """Refuses strangers, and counts what is answered.

    Args:
        app: What is guarded.
        key: The key that every request must show, or None.
        figures: The server's figures.
    """

    def __init__(self, app: ASGIApp, key: str | None, figures: Figures) -> None:
        self._app = app
        self._key = key.encode() if key else None
        self._figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 500

        async def counting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            app = self._refusal(scope) or self._app
            await app(scope, receive, counting)
        finally:
            self._figures.requests.labels(scope["method"], status).inc()
            self._figures.seconds.observe(time.perf_counter() - begun)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if self._key is None:
            return None if _host(headers) in _LOOPBACK else error_answer(_stranger(), 403)
        if scope["path"] in OPEN or self._shown(headers):
            return None
        answer = error_answer(_no_key(), 401)
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer

    def _shown(self, headers: dict[bytes, bytes]) -> bool:
        scheme, _, shown = headers.get(b"authorization", b"").partition(b" ")
        assert self._key is not None
        return scheme.lower() == b"bearer" and hmac.compare_digest(shown.strip(), self._key)


def _host(headers: dict[bytes, bytes]) -> bytes:
    host = headers.get(b"host", b"")
    return host if host.endswith(b"]") else host.rpartition(b":")[0] or host


def _stranger() -> ConfigurationError:
    # A web page that a browser of this machine shows could else reach the server by a name of its own.
    return ConfigurationError(
        "Without a key the server answers under its loopback address only.",
        suggestion="Ask it as 127.0.0.1 or localhost, or start it with a key.",
        example="engram-migrate serve --api-key-file key.txt",
    )


def _no_key() -> ConfigurationError:
    return ConfigurationError(
        "The server wants its key.",
        why="The header `Authorization: Bearer …` is missing, or holds another key.",
        suggestion="Give the key by ENGRAM_MIGRATE_TARGET_KEY or --target-key-file.",
    )
