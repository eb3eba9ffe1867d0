"""Requests to a public Engram server, with its answers as errors of the tree."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import orjson

from engram_store.errors import (
    ConfigurationError,
    MigrationError,
    TargetTerminalError,
    TargetTransientError,
)
from io_connectors.engram.http.client import Server, headers_of
from io_connectors.engram.public.names import memory_path
from io_connectors.retry import RetryPolicy, retrying

if TYPE_CHECKING:
    import httpx

#: Requests under way at once; more change nothing, since the server stores one memory at a time.
IN_FLIGHT = 8

#: A server that starts again reads its spaces first, seen to take 49 s: about a minute and a half is waited.
PATIENT = RetryPolicy(attempts=11, first_wait=0.5, longest_wait=15.0)

#: Making a space takes up to 18 s, and with several at once they wait for each other.
_TIMEOUT = 120.0
#: Memories of a page of the listing; the server gives no more, and these are 16 MB of JSON.
_MOST_LISTED = 1_000
_TO_CONNECT = 10.0


@dataclass(frozen=True, slots=True)
class Held:
    """A memory as the server answers it."""

    content: str
    confidence: float
    timestamp: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A memory as the server lists it.

    Attributes:
        vector: What it has of numbers, (768,) if all is well; NaN where JSON has null.
    """

    id: str
    content: str
    vector: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Space:
    """A space as the server answers it.

    Attributes:
        folder: Where the server keeps it, on its own disk.
        opened_at: When this server process opened it: another one after a restart.
    """

    folder: str
    opened_at: str


class PublicServer:
    """A public Engram server; for several threads.

    Args:
        server: Where it is.
        policy: How often and how patiently a request is tried again.

    Attributes:
        url: Its address.
        outages: How often a connection was lost or could not be made.
    """

    def __init__(self, server: Server, policy: RetryPolicy = PATIENT) -> None:
        self.url = server.url
        self.outages = 0
        self._server = server
        self._policy = policy
        self._counting = threading.Lock()
        self._given_up = threading.Event()
        self._connections: httpx.Client | None = None

    def spaces(self) -> dict[str, Space]:
        """The spaces that this server process has opened.

        Raises:
            MigrationError: As ``make_space``.
        """
        found = self._ask("GET", "/api/v1/spaces")["spaces"]
        return {space["id"]: _space(space) for space in found}

    def make_space(self, name: str) -> Space:
        """Makes a space, or opens it if it is there.

        Raises:
            ConfigurationError: The server wants another key.
            TargetTransientError: It is not there, or was lost, however often it was tried.
            TargetTerminalError: It refuses.
        """
        return _space(self._ask("POST", "/api/v1/spaces", {"id": name}))

    def count(self, space: str) -> int:
        """How many memories a space holds; 0 unless it was opened since the server's start."""
        found = self._ask("GET", "/api/v1/system/health", params={"space": space}, also=(503,))
        return sum(int(part["memories"]) for part in found["spaces"])

    def remember(
        self,
        space: str,
        id: str,
        content: str,
        vector: npt.NDArray[np.float32],
        confidence: float,
        timestamp: str | None,
    ) -> None:
        """Sends a memory; that the server answers well does not mean that it is there."""
        document = {
            "id": id,
            "content": content,
            # As numpy's own type, so that the digits are the shortest that a 32-bit float needs.
            "embedding": vector,
            "confidence": confidence,
            "memory_space_id": space,
        }
        if timestamp is not None:
            document["timestamp"] = timestamp
        self._ask("POST", "/api/v1/memories/remember", document, space=space)

    def memory(self, space: str, id: str) -> Held | None:
        """A memory, or None. Never ask for a space that is not to be written: asking makes it."""
        found = self._ask("GET", memory_path(id), space=space, also=(404,))
        if "content" not in found:
            return None
        return Held(found["content"], float(found["confidence"]), str(found["timestamp"]))

    def listed(self, space: str, offset: int) -> list[Listed]:
        """Some memories of a space, in no order, with their vectors; none beyond the last."""
        params = {
            "tier": "hot",
            "include_embeddings": "true",
            "offset": str(offset),
            "limit": str(_MOST_LISTED),
        }
        found = self._ask("GET", "/api/v1/memories", params=params, space=space)["memories"]
        return [
            Listed(memory["id"], memory["content"], np.array(memory["embedding"], np.float32))
            for memory in found
        ]

    def give_up(self) -> None:
        """Lets threads that wait for another try end at once."""
        self._given_up.set()

    def close(self) -> None:
        """Closes the connections; a further request opens others."""
        with self._counting:
            connections, self._connections = self._connections, None
        if connections is not None:
            connections.close()

    def _ask(
        self,
        method: str,
        path: str,
        document: Mapping[str, object] | None = None,
        *,
        params: Mapping[str, str] | None = None,
        space: str | None = None,
        also: Sequence[int] = (),
    ) -> Any:
        """Asks as often as the policy allows; answers with the statuses of ``also`` are no refusals."""
        headers = {"X-Memory-Space": space} if space else {}
        content = None
        if document is not None:
            headers["Content-Type"] = "application/json"
            content = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)

        def once() -> Any:
            if self._given_up.is_set():
                raise TargetTerminalError(f"`{self.url}` is not asked any more, since the delivery ended")
            answer = self._send(method, path, params=params, headers=headers, content=content)
            if not answer.is_success and answer.status_code not in also:
                raise self._refusal(answer, f"{method} {path}")
            return self._document(answer)

        return retrying(once, self._policy, self._given_up.wait)

    def _send(self, method: str, path: str, **parts: Any) -> httpx.Response:
        import httpx

        try:
            return self._client().request(method, path, **parts)
        except httpx.TransportError as error:
            with self._counting:
                self.outages += 1
            raise TargetTransientError(
                f"the Engram server `{self.url}` cannot be reached, or was lost",
                why=str(error) or type(error).__name__,
                suggestion="see that it runs; then run the same command again: it goes on where it stopped",
            ) from error

    def _client(self) -> httpx.Client:
        import httpx

        with self._counting:
            if self._connections is None:
                self._connections = httpx.Client(
                    base_url=self.url,
                    headers=headers_of(self._server),
                    timeout=httpx.Timeout(_TIMEOUT, connect=_TO_CONNECT),
                    limits=httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT),
                    trust_env=False,
                )
            return self._connections

    def _refusal(self, answer: httpx.Response, asked: str) -> MigrationError:
        why = f"`{asked}` was answered {answer.status_code}: {answer.text[:300]}"
        if answer.status_code in (401, 403):
            return wrong_key(self.url, why)
        if answer.status_code == 429 or answer.status_code >= 500:
            after = answer.headers.get("Retry-After", "")
            return TargetTransientError(
                f"the Engram server `{self.url}` cannot serve at this moment",
                why=why,
                suggestion="look at its log; then run the same command again: it goes on where it stopped",
                retry_after=float(after) if after.isdecimal() else None,
            )
        return TargetTerminalError(
            f"the Engram server `{self.url}` refuses what it is sent",
            why=why,
            suggestion="see whether its version is one that was tried",
            example=f"curl {self.url}/health",
        )

    def _document(self, answer: httpx.Response) -> Any:
        try:
            document = orjson.loads(answer.content)
        except ValueError as error:
            raise TargetTerminalError(
                f"the Engram server `{self.url}` does not answer in JSON",
                why=f"{error}; it may be a proxy that answers",
                suggestion="see what is between",
                example=f"curl {self.url}/health",
            ) from error
        return document


def wrong_key(url: str, why: str) -> ConfigurationError:
    """The error for a key that the server does not take."""
    return ConfigurationError(
        f"the Engram server `{url}` does not take the key",
        why=why,
        suggestion="give the key by ENGRAM_MIGRATE_TARGET_KEY or --target-key-file",
        example="--target-key-file key.txt",
    )


def _space(document: Mapping[str, Any]) -> Space:
    return Space(str(document.get("persistence_root", "")), str(document.get("created_at", "")))
