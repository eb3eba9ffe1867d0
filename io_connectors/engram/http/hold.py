"""Holding a server's store for one migration: a connection that stays open as long as it runs."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from engram_store.errors import MigrationError, TargetTransientError
from io_connectors.engram.http.client import BASE, Server
from io_connectors.retry import RetryPolicy, retrying

if TYPE_CHECKING:
    import httpx

#: The header that shows the server who holds it.
TOKEN = "X-Engram-Lock"

#: A holder that was killed a moment ago may not have been noticed yet.
_TO_TAKE = RetryPolicy(attempts=4)
_BETWEEN = 0.5

_log = logging.getLogger(__name__)


class Hold:
    """A claim on a server's store, for one block.

    Args:
        server: The server.
        token: What shows the server that a request comes from the holder.
    """

    def __init__(self, server: Server, token: str) -> None:
        self._token = token
        self._server = server
        self._who = f"process {os.getpid()} on {socket.gethostname()}"
        self._done = threading.Event()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Holds the store for the length of the block; it is taken again after a lost connection.

        Raises:
            TargetTransientError: Another migration holds it.
        """
        answer = retrying(self._take, _TO_TAKE)
        threading.Thread(target=self._keep, args=(answer,), name="hold", daemon=True).start()
        try:
            yield
        finally:
            self._done.set()
            self._release()

    def _take(self) -> httpx.Response:
        return self._server.stream("POST", f"{BASE}/lock", json={"token": self._token, "who": self._who})

    def _keep(self, answer: httpx.Response) -> None:
        """Reads until the release; what cuts the connection before makes it claim the store again."""
        import httpx

        while not self._done.is_set():
            try:
                with closing(answer):
                    for _ in answer.iter_raw():
                        pass
            except httpx.TransportError:
                _log.info("the connection that holds `%s` was lost", self._server.url)
            while not self._done.wait(_BETWEEN):
                try:
                    answer = self._take()
                    break
                except TargetTransientError:
                    # Not there yet; or taken by another, and then it refuses what we ask next.
                    continue

    def _release(self) -> None:
        # If the server is gone, so is the claim.
        with suppress(MigrationError):
            self._server.request("DELETE", f"{BASE}/lock", headers={TOKEN: self._token})
