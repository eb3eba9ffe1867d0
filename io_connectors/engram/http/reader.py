"""What a server serves: look-ups, edges, neighbours, recall."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from engram_store.model import Edge, Memory, Source
from engram_store.parts import Part
from engram_store.reader import Direction, Neighbour
from engram_store.vectors import Vectors
from engram_store.wire import unpack_parts
from io_connectors.engram.http.client import BASE, Server, segment
from io_connectors.engram.http.lookups import look_for, look_up
from io_connectors.engram.http.run import run_path

_PAGE = 1_000


class HttpReader:
    """A look at what the server serves at each moment.

    Args:
        server: The server.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def __enter__(self) -> HttpReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held."""

    def spaces(self) -> dict[str, int]:
        """How many memories each space holds."""
        found = self._server.ask("GET", "/api/v1/spaces")["spaces"]
        return {space["id"]: space["memories"] for space in found}

    def count(self, space: str) -> int:
        """How many memories a space holds; 0 if there is no such space."""
        found = self._server.ask("GET", f"/api/v1/memory_spaces/{segment(space)}/count")
        return int(found["count"])

    def run_counts(self, run: str) -> dict[str, int]:
        """How many memories of a run each space holds; those that a newer run replaced do not count."""
        return dict(self._server.ask("GET", f"{run_path(run)}/counts"))

    def edge_counts(self) -> dict[str, int]:
        """How many edges were committed, by origin."""
        return dict(self._server.ask("GET", f"{BASE}/edges"))

    def get(self, space: str, id: str, at: datetime | None = None) -> Memory | None:
        """A memory, or None; ``at`` is the moment for which its activation is given."""
        found = look_for(self._server, f"{BASE}/memory", {"space": space, "id": id, **_at(at)})
        return None if found is None else _memory(found)

    def embedding(self, space: str, id: str) -> Vectors | None:
        """A memory's vector, (768,) float32, or None."""
        answer = self._server.find(f"{BASE}/memory/embedding", params={"space": space, "id": id})
        return None if answer is None else np.frombuffer(answer.content, dtype="<f4").astype(np.float32)

    def edges(self, space: str, id: str, direction: Direction = "out") -> list[Edge]:
        """The edges that leave a memory, reach it, or both."""
        params = {"space": space, "id": id, "direction": direction}
        found = look_up(self._server, f"{BASE}/memory/edges", params)
        return [Edge(**edge) for edge in found["edges"]]

    def neighbours(self, space: str, id: str, depth: int = 1, limit: int = 1000) -> list[Neighbour]:
        """The memories within ``depth`` edges, whichever way these point; nearest first."""
        params = {"space": space, "id": id, "depth": depth, "limit": limit}
        found = look_up(self._server, f"{BASE}/memory/neighbours", params)
        return [Neighbour(_memory(near["memory"]), near["distance"]) for near in found["neighbours"]]

    def recall(
        self, vector: npt.ArrayLike, space: str | None = None, k: int = 10, at: datetime | None = None
    ) -> list[tuple[Memory, float]]:
        """The ``k`` memories nearest to a vector by cosine, with it, best first."""
        numbers = np.asarray(vector, dtype=np.float32).ravel().tolist()
        body = {"vector": numbers, "space": space, "k": k, **_at(at)}
        found = self._server.ask("POST", f"{BASE}/recall", json=body)
        return [(_memory(hit["memory"]), hit["score"]) for hit in found["memories"]]

    def page(self, space: str, offset: int = 0, limit: int = 100, at: datetime | None = None) -> list[Memory]:
        """Some memories of a space, in the order of ``scan``."""
        params = {"space": space, "offset": offset, "limit": limit, **_at(at)}
        found = look_up(self._server, "/api/v1/memories", params)
        return [_memory(memory) for memory in found["memories"]]

    def scan(self, space: str, at: datetime | None = None) -> Iterator[Memory]:
        """All memories of a space, in bounded memory."""
        offset = 0
        while page := self.page(space, offset, _PAGE, at):
            yield from page
            offset += len(page)

    def parts(self) -> HttpParts:
        """All that is served, page by page, as it is compared with what was written."""
        return HttpParts(self._server)


class HttpParts:
    """What a server serves, page by page.

    Args:
        server: The server.
    """

    here = None

    def __init__(self, server: Server) -> None:
        self._server = server

    def memories(self, start: int = 0) -> Iterator[Part]:
        """Memories by page, from the part of number ``start`` on; parts without any are left out."""
        return self._all("memories", start)

    def edges(self, start: int = 0) -> Iterator[Part]:
        """Edges by page, as ``memories`` gives memories."""
        return self._all("edges", start)

    def faults(self) -> list[str]:
        """What is wrong with the index, in words."""
        return list(self._server.ask("GET", f"{BASE}/parts/faults")["faults"])

    def _all(self, kind: str, start: int) -> Iterator[Part]:
        while True:
            answer = self._server.find(f"{BASE}/parts", params={"part": kind, "start": start})
            found = list(unpack_parts(answer.content)) if answer is not None else []
            yield from found
            if not found:
                return
            start = found[-1].number + 1


def _at(at: datetime | None) -> dict[str, str]:
    return {} if at is None else {"at": at.isoformat()}


def _memory(document: dict[str, Any]) -> Memory:
    # Spelt out: a listing has many.
    source = document["source"]
    return Memory(
        document["id"],
        document["space"],
        document["content"],
        document["confidence"],
        document["activation"],
        document["decay_rate"],
        document["created_at"],
        Source(source["system"], source["kind"], source["key"]),
        document["model"],
        document["run"],
        document["page"],
    )
