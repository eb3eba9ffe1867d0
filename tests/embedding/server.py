"""A server that embeds as OpenAI's does, and can be told to fail in its ways."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np


@dataclass
class EmbeddingServer:
    """What the server does, and what it has seen.

    Attributes:
        width: Floats of a vector, where the request does not say.
        obeys_dimensions: Whether it heeds the length that is asked for.
        failures: Answers (status, headers) to be given before the next good one, first to last.
        forgets: Vectors left out of each answer.
        delay: Seconds that it takes.
        ends_after: Texts after which it answers 503 only, or None.
        requests: The texts of each request that was answered well.
        keys: The keys that were shown.
        most_at_once: The most requests that were under way together.
        busy: Seconds in which at least one was under way.
    """

    width: int = 768
    obeys_dimensions: bool = True
    failures: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    forgets: int = 0
    delay: float = 0.0
    ends_after: int | None = None
    url: str = ""
    requests: list[list[str]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    most_at_once: int = 0
    busy: float = 0.0
    _at_once: int = 0
    _since: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def texts(self) -> list[str]:
        return [text for request in self.requests for text in request]

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Counts a request for as long as it lasts."""
        with self._lock:
            if not self._at_once:
                self._since = time.perf_counter()
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1
                if not self._at_once:
                    self.busy += time.perf_counter() - self._since

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, str], dict[str, Any]]:
        with self._lock:
            failure = self.failures.pop(0) if self.failures else None
        time.sleep(self.delay)
        if failure:
            return (*failure, {"error": {"message": "as told", "code": failure[1].pop("code", "")}})
        if self.ends_after is not None and len(self.texts) >= self.ends_after:
            return 503, {}, {"error": {"message": "gone"}}
        if any("poison" in text for text in body["input"]):
            return 400, {}, {"error": {"message": "a text was refused"}}
        self.requests.append(body["input"])
        width = body.get("dimensions", self.width) if self.obeys_dimensions else self.width
        data = [
            {"index": row, "embedding": vector_of(text, width).tolist()}
            for row, text in enumerate(body["input"])
        ]
        tokens = sum(len(text.split()) for text in body["input"])
        return 200, {}, {"data": data[::-1][self.forgets :], "usage": {"total_tokens": tokens}}


def vector_of(text: str, width: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    seed = int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "little")
    return np.random.default_rng(seed).normal(size=width).astype(np.float32)


@contextmanager
def embedding_server() -> Iterator[EmbeddingServer]:
    state = EmbeddingServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            with state.under_way():
                self._embed()

        def _embed(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.keys.append(self.headers.get("Authorization", ""))
            status, headers, document = (
                state.answer(body) if self.path == "/v1/embeddings" else (404, {}, {"error": "no route"})
            )
            answer = json.dumps(document).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def do_GET(self) -> None:
            """For others than the process that runs it: how long it had something to do."""
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(state.busy).encode())
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}/v1"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()


if __name__ == "__main__":
    with embedding_server() as server:
        server.delay = float(sys.argv[1])
        print(server.url, flush=True)
        sys.stdin.read()
