"""Reading one generation of the store: look-ups, edges, neighbours, recall."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from engram_store.activation import activation_at
from engram_store.errors import IntegrityError
from engram_store.model import Edge, Memory, Source
from engram_store.moments import rfc3339, seconds
from engram_store.parts import Parts
from engram_store.queries import AT, EDGE, MEMORIES_OF_PAGE, MEMORY, PAGE_OF, PAGES_OF
from engram_store.recall import Numbers, Vectors, nearest, unit
from engram_store.run import Run
from engram_store.serving import damaged_index, open_index
from engram_store.vectors import VectorPage

Direction = Literal["out", "in", "both"]

#: What comes of a value of a wrong type, or of a number that names nothing.
_STRANGE = (KeyError, TypeError, ValueError, OverflowError)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A memory and how many edges away it is."""

    memory: Memory
    distance: int


class Reader:
    """A look at the generation that was serving when it was opened; for one thread.

    Finalizing or undoing runs meanwhile does not change what it sees; only the vectors of a run
    that was undone are gone.

    Args:
        store: The store's folder.

    Raises:
        TargetTerminalError: Nothing was finalized yet.
        IntegrityError: The index is damaged.
    """

    def __init__(self, store: Path) -> None:
        self._store = store.absolute()
        self.generation, self._connection = open_index(self._store)
        self._space_names = dict(self._rows("SELECT id, name FROM space"))
        self._spaces = {name: code for code, name in self._space_names.items()}
        self._types = dict(self._rows("SELECT id, name FROM type"))
        self._kinds = {row[0]: row[1:] for row in self._rows("SELECT id, system, kind FROM kind")}
        self._runs = {
            code: facts for code, *facts in self._rows("SELECT id, name, model, started_at FROM run")
        }

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the index."""
        self._connection.close()

    def spaces(self) -> dict[str, int]:
        """How many memories each space holds."""
        return dict(self._rows("SELECT name, memories FROM space ORDER BY name"))

    def count(self, space: str) -> int:
        """How many memories a space holds; 0 if there is no such space."""
        return self.spaces().get(space, 0)

    def run_counts(self, run: str) -> dict[str, int]:
        """How many memories of a run each space holds; those that a newer run replaced do not count."""
        counts = (
            "SELECT space.name, CAST(sum(page_space.memories) AS INTEGER) FROM page_space"
            " JOIN page USING (first) JOIN run ON run.id = page.run JOIN space ON space.id = page_space.space"
            " WHERE run.name = ? GROUP BY space.name"
        )
        return dict(self._rows(counts, run))

    def edge_counts(self) -> dict[str, int]:
        """How many edges were committed, by origin."""
        return dict(self._rows("SELECT name, edges FROM origin ORDER BY name"))

    def get(self, space: str, id: str, at: datetime | None = None) -> Memory | None:
        """A memory, or None.

        Args:
            space: Its space.
            id: Its id.
            at: The moment for which its activation is given; now, if it is not given.
        """
        number = self._number(space, id)
        return None if number is None else self._memory(number, seconds(at))

    def embedding(self, space: str, id: str) -> Vectors | None:
        """A memory's vector, (768,) float32, or None.

        Raises:
            TargetTransientError: Its run was undone after this reader was opened.
        """
        number = self._number(space, id)
        if number is None:
            return None
        row = self._rows(PAGE_OF, number)[0]
        page = self._vector_page(row)
        return page.row(number - page.first)

    def edges(self, space: str, id: str, direction: Direction = "out") -> list[Edge]:
        """The edges that leave a memory, reach it, or both."""
        number = self._number(space, id)
        sql = f"{EDGE} WHERE {AT[direction]} ORDER BY edge.number"
        found = self._connection.execute(sql, {"number": number})
        return [self._edge(row) for row in found]

    def neighbours(self, space: str, id: str, depth: int = 1, limit: int = 1000) -> list[Neighbour]:
        """The memories within ``depth`` edges, whichever way these point; nearest first.

        Args:
            space: The space of the memory to start from.
            id: Its id.
            depth: How many edges away at most.
            limit: How many neighbours at most.
        """
        start = self._number(space, id)
        distances: dict[int, int] = {} if start is None else {start: 0}
        frontier = list(distances)
        for distance in range(1, depth + 1):
            frontier = self._beyond(frontier, distances, distance, limit + 1)
        moment = time.time()
        found = list(distances.items())[1 : limit + 1]
        return [Neighbour(self._memory(number, moment), distance) for number, distance in found]

    def recall(
        self, vector: npt.ArrayLike, space: str | None = None, k: int = 10, at: datetime | None = None
    ) -> list[tuple[Memory, float]]:
        """The ``k`` memories nearest to a vector by exact cosine, with it, best first.

        All vectors are looked at, some thousand at a time.

        Args:
            vector: 768 numbers.
            space: Only this space; all, if it is not given.
            k: How many.
            at: The moment for which activations are given; now, if it is not given.

        Raises:
            ConfigurationError: The vector cannot be compared.
            TargetTransientError: A run was undone after this reader was opened.
        """
        best = nearest(self.vectors(space), unit(vector), k)
        moment = seconds(at)
        return [(self._memory(number, moment), score) for number, score in best]

    def vectors(self, space: str | None) -> Iterator[tuple[Numbers, Vectors]]:
        """Numbers and vectors of a space's memories, or of all, some thousand at a time."""
        wanted = self._spaces.values() if space is None else [self._spaces.get(space)]
        for code in wanted:
            for row in self._rows(PAGES_OF, code):
                yield from self._vectors_of_page(self._vector_page(row), code, memories=row[-1])

    def ids(self, numbers: Numbers) -> list[str]:
        """The ids of memories by their numbers."""
        return [self._rows("SELECT id FROM memory WHERE number = ?", int(n))[0][0] for n in numbers]

    def scan(self, space: str, at: datetime | None = None) -> Iterator[Memory]:
        """All memories of a space, page by page, in bounded memory."""
        moment, code = seconds(at), self._spaces.get(space)
        for first, rows, run, name, *_ in self._rows(PAGES_OF, code):
            wanted = (run, name, first, first + rows, code, -1, 0)
            for row in self._connection.execute(MEMORIES_OF_PAGE, wanted):
                yield self._as_memory(row, moment)

    def page(self, space: str, offset: int = 0, limit: int = 100, at: datetime | None = None) -> list[Memory]:
        """Some memories of a space, in the order of ``scan``.

        Args:
            space: The space.
            offset: How many to pass over.
            limit: How many at most.
            at: As for ``get``.
        """
        moment, code = seconds(at), self._spaces.get(space)
        found: list[Memory] = []
        for first, rows, run, name, *_, memories in self._rows(PAGES_OF, code):
            if len(found) == limit:
                break
            if offset >= memories:
                offset -= memories
                continue
            # Where all of a page is of this space, its numbers tell where to begin.
            passed, begin = (0, first + offset) if memories == rows else (offset, first)
            wanted = (run, name, begin, first + rows, code, limit - len(found), passed)
            page = self._connection.execute(MEMORIES_OF_PAGE, wanted)
            found += [self._as_memory(row, moment) for row in page]
            offset = 0
        return found

    def parts(self) -> Parts:
        """All that is served, page by page, as it is compared with what was written."""
        # A scan would have the whole index in memory as a mapped file, for nothing.
        self._connection.execute("PRAGMA mmap_size = 0")
        return Parts(self._store, self._connection, self._runs)

    def _rows(self, sql: str, *parameters: object) -> list[Any]:
        return self._connection.execute(sql, parameters).fetchall()

    def _number(self, space: str, id: str) -> int | None:
        sql = "SELECT number FROM memory_key WHERE space = ? AND id = ?"
        row = self._connection.execute(sql, (self._spaces.get(space), id)).fetchone()
        return None if row is None else int(row[0])

    def _memory(self, number: int, moment: float) -> Memory:
        row = self._connection.execute(f"{MEMORY} WHERE number = ?", (number,)).fetchone()
        return self._as_memory(row, moment)

    def _as_memory(self, row: tuple[Any, ...], moment: float) -> Memory:
        _, space, id, content, confidence, activation, decay, created_at, kind, key, run, page = row
        try:
            run_name, model, started_at = self._runs[run]
            system, table = self._kinds[kind]
            return Memory(
                id,
                self._space_names[space],
                content,
                confidence,
                activation_at(activation, decay, started_at, moment),
                decay,
                rfc3339(created_at),
                Source(system, table, key),
                model,
                run_name,
                page,
            )
        except _STRANGE as error:
            raise self._damaged_row("memory", id, error) from error

    def _edge(self, row: tuple[Any, ...]) -> Edge:
        id, source, source_space, target, target_space, kind, weight, created_at, properties = row
        try:
            return Edge(
                id=id,
                source=source,
                source_space=self._space_names[source_space],
                target=target,
                target_space=self._space_names[target_space],
                type=self._types[kind],
                weight=weight,
                created_at=rfc3339(created_at),
                properties=properties,
            )
        except _STRANGE as error:
            raise self._damaged_row("edge", id, error) from error

    def _damaged_row(self, what: str, id: object, error: Exception) -> IntegrityError:
        why = f"the {what} {id!r} has a value that cannot be: {error!r}"
        return damaged_index(self._store, ValueError(why))

    def _beyond(self, frontier: list[int], known: dict[int, int], distance: int, most: int) -> list[int]:
        sql = "SELECT target FROM edge WHERE source = :n UNION ALL SELECT source FROM edge WHERE target = :n"
        reached: list[int] = []
        for number in frontier:
            for (other,) in self._connection.execute(sql, {"n": number}):
                if len(known) >= most:
                    return reached
                if other not in known:
                    known[other] = distance
                    reached.append(other)
        return reached

    def _vectors_of_page(
        self, page: VectorPage, space: int | None, memories: int
    ) -> Iterator[tuple[Numbers, Vectors]]:
        sql = "SELECT number FROM memory WHERE number >= ? AND number < ? AND space = ? ORDER BY number"
        end = page.first + page.rows
        live = np.arange(page.first, end)
        if memories < page.rows:
            live = np.array(self._rows(sql, page.first, end, space), dtype=np.int64).ravel()
        for start, vectors in page.blocks():
            low, high = np.searchsorted(live, [page.first + start, page.first + start + len(vectors)])
            numbers = live[low:high]
            rows = numbers - page.first - start
            yield numbers, vectors if len(rows) == len(vectors) else vectors[rows]

    def _vector_page(self, row: tuple[Any, ...]) -> VectorPage:
        first, rows, run, name, offset, dtype, *_ = row
        path = Run(self._store / "runs" / self._runs[run][0]).memories_path(name)
        return VectorPage(path, first, rows, offset, dtype)
