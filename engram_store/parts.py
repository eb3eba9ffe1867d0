"""All that readers are given, page by page: what is compared with what was written.

A part is what a generation serves of one page: memories that a look-up finds, with their vectors,
or edges. What no page holds comes as parts without a page's name. Values come as the index holds
them: numbers in full, activations as of the run's start, and nothing where there is nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from engram_store.errors import MigrationError
from engram_store.model import EDGE_SCHEMA, SOURCE, memory_schema
from engram_store.run import Run
from engram_store.serving import damaged_index
from engram_store.vectors import VectorPage

_LAST = 2**63 - 1

_MEMORY_PAGES = "SELECT first, rows, run, name, vector_offset, vector_type FROM page ORDER BY first"
_EDGE_PAGES = "SELECT first, rows, run, name, 0, '' FROM edge_page ORDER BY first"
_COLUMNS = (
    "memory.number, {}.id, {}.space, content, confidence, activation, decay_rate, created_at, kind, key"
)
_FOUND = "memory_key AS found ON found.space = memory.space AND found.id = memory.id"
_MEMORIES = f"""
SELECT {_COLUMNS.format("memory", "memory")} FROM memory JOIN {_FOUND} AND found.number = memory.number
WHERE memory.number >= ? AND memory.number < ? ORDER BY memory.number
"""
_HOLDS = "SELECT (SELECT count(*) FROM memory), (SELECT count(*) FROM memory_key)"
_HIGHEST = "SELECT (SELECT ifnull(max(number), 0) FROM memory), (SELECT ifnull(max(number), 0) FROM edge)"
#: Look-ups that find another memory, or none.
_ASTRAY = f"""
SELECT {_COLUMNS.format("found", "found")} FROM memory_key AS found LEFT JOIN memory USING (number)
WHERE memory.id IS NOT found.id OR memory.space IS NOT found.space
"""
#: Memories that no look-up finds, though lists show them.
_NOT_FOUND = f"""
SELECT {_COLUMNS.format("memory", "memory")} FROM memory LEFT JOIN {_FOUND}
WHERE found.number IS NOT memory.number
"""
_EDGES = """
SELECT edge.id, source.id, source.space, target.id, target.space, type, origin, weight, edge.created_at,
       properties
FROM edge LEFT JOIN memory AS source ON source.number = edge.source
          LEFT JOIN memory AS target ON target.number = edge.target
WHERE edge.number >= ? AND edge.number < ? ORDER BY edge.number
"""


_SOURCE = pa.struct([(field.name, field.type) for field in SOURCE])


def _served(schema: pa.Schema) -> pa.Schema:
    """A page's schema as it is served: numbers in full, and anything may be missing."""
    wide = {pa.float32(): pa.float64(), SOURCE: _SOURCE}
    return pa.schema([pa.field(field.name, wide.get(field.type, field.type)) for field in schema])


MEMORY_PARTS = {kind: _served(memory_schema(kind)) for kind in ("float16", "float32")}
EDGE_PARTS = _served(EDGE_SCHEMA)


@dataclass(frozen=True, slots=True)
class Part:
    """What is served of one page.

    Attributes:
        number: Its place among all parts.
        run: The run that wrote the page; empty for what no page holds.
        page: The page's name; empty for what no page holds.
        model: The model that the index names for the run.
        started_at: When the run started, by the index: the instant for which activations hold.
        rows: Columns as ``MEMORY_PARTS`` or ``EDGE_PARTS`` has them.
    """

    number: int
    run: str
    page: str
    model: str
    started_at: float
    rows: pa.RecordBatch


@dataclass(frozen=True, slots=True)
class _Place:
    """A page's stretch of numbers in the index."""

    first: int
    end: int
    rows: int
    run: int
    name: str
    vector_offset: int
    vector_type: str


#: For what no page holds.
_NOWHERE = _Place(-_LAST, -_LAST, 0, -1, "", 0, "float16")


@dataclass(frozen=True, slots=True)
class Span:
    """Some parts that are looked at together.

    Attributes:
        kind: ``memories`` or ``edges``.
        start: The number of the first part.
        stop: The number before which they end.
    """

    kind: Literal["memories", "edges"]
    start: int
    stop: int


class Parts:
    """The parts of one generation, from its index and its page files.

    Args:
        store: The store's folder.
        connection: The index.
        runs: Name, model and start of each run, by its number in the index.

    Attributes:
        folder: The store's folder: another process that opens it sees the same.
    """

    def __init__(
        self, store: Path, connection: sqlite3.Connection, runs: Mapping[int, Sequence[Any]]
    ) -> None:
        self.folder = store
        self._connection = connection
        self._runs = runs
        self._spaces, self._types, self._origins = (
            dict(self._rows(f"SELECT id, name FROM {table}")) for table in ("space", "type", "origin")
        )
        self._kinds = {code: names for code, *names in self._rows("SELECT id, system, kind FROM kind")}

    @property
    def here(self) -> Parts:
        """These themselves; see ``io_connectors.engram.home.ServedParts``."""
        return self

    def memories(self, start: int = 0, stop: int | None = None) -> Iterator[Part]:
        """Memories by page; parts without any are left out.

        Args:
            start: The number of the first part.
            stop: The number before which they end; without it the last part is that of ``astray``.

        Raises:
            IntegrityError: The index cannot be read.
        """
        places, found = list(self._places(_MEMORY_PAGES)), 0
        for number, place in enumerate(places[start:stop], start):
            rows = self._rows(_MEMORIES, place.first, place.end)
            found += len(rows)
            if rows:
                yield self._part(number, place, self._memory_rows(place, rows))
        if stop is None and start <= len(places):
            yield from self.astray(found if start == 0 else None)

    def astray(self, found: int | None = None) -> Iterator[Part]:
        """One part of the memories that no look-up finds, and of the look-ups that find no memory; or none.

        Args:
            found: How many memories all parts by page have, if that is known.
        """
        # Where each memory was found by a key of its own, and there are no more keys, none is astray.
        if found is not None and self._rows(_HOLDS) == [(found, found)]:
            return
        astray = self._rows(_ASTRAY) + self._rows(_NOT_FOUND)
        if astray:
            number = len(list(self._places(_MEMORY_PAGES)))
            yield self._part(number, _NOWHERE, self._memory_rows(_NOWHERE, astray))

    def edges(self, start: int = 0, stop: int | None = None) -> Iterator[Part]:
        """Edges by page, as ``memories`` gives memories."""
        for number, place in enumerate([*self._places(_EDGE_PAGES)][start:stop], start):
            rows = self._rows(_EDGES, place.first, place.end)
            if rows:
                yield self._part(number, place, self._edge_rows(rows))

    def spans(self, count: int) -> list[Span]:
        """Cuts all parts by page into spans, at most ``count`` of memories and as many of edges."""
        memories, edges = (len(list(self._places(sql))) for sql in (_MEMORY_PAGES, _EDGE_PAGES))
        return [*_spans("memories", memories, count), *_spans("edges", edges, count)]

    def size(self) -> int:
        """About how many memories and edges there are: none of their numbers is larger."""
        return sum(self._rows(_HIGHEST)[0])

    def faults(self) -> list[str]:
        """What is wrong with the index as a file, in SQLite's words; look-ups may fail by it."""
        found = [str(row[0]) for row in self._rows("PRAGMA integrity_check(20)")]
        return [] if found == ["ok"] else found

    def _places(self, sql: str) -> Iterator[_Place]:
        pages = self._rows(sql)
        # What stands before the first page, or anywhere if there is none, belongs to no page.
        yield replace(_NOWHERE, end=pages[0][0] if pages else _LAST)
        ends = [page[0] for page in (*pages[1:], (_LAST,))][: len(pages)]
        for (first, rows, run, name, offset, kind), end in zip(pages, ends, strict=True):
            yield _Place(first, end, rows, run, name, offset, kind)

    def _part(self, number: int, place: _Place, rows: pa.RecordBatch) -> Part:
        run, model, started_at = self._runs.get(place.run, ("", "", 0.0))
        return Part(number, run, _text(place.name), model, started_at, rows)

    def _memory_rows(self, place: _Place, rows: Sequence[tuple[Any, ...]]) -> pa.RecordBatch:
        schema = MEMORY_PARTS["float32" if place.vector_type == "float32" else "float16"]
        numbers, ids, spaces, contents, *figures, moments, kinds, keys = zip(*rows, strict=True)
        system, kind = zip(*(self._kinds.get(code, (None, None)) for code in kinds), strict=True)
        source = pa.StructArray.from_arrays(
            [_array(c, pa.string()) for c in (system, kind, keys)], fields=[*_SOURCE]
        )
        columns = [
            ids,
            [*map(self._spaces.get, spaces)],
            contents,
            self._vectors(place, numbers, schema.field("embedding").type),
            *figures,
            moments,
        ]
        return _batch([*columns, source], schema)

    def _edge_rows(self, rows: Sequence[tuple[Any, ...]]) -> pa.RecordBatch:
        columns = list(zip(*rows, strict=True))
        for place, names in ((2, self._spaces), (4, self._spaces), (5, self._types), (6, self._origins)):
            columns[place] = tuple(map(names.get, columns[place]))
        return _batch(columns, EDGE_PARTS)

    def _vectors(
        self, place: _Place, numbers: Sequence[int], kind: pa.DataType
    ) -> pa.Array | list[bytes | None]:
        """The vectors as they lie in the page file; None where readers would fail to find one."""
        if place.run not in self._runs:
            return [None] * len(numbers)
        try:
            path = Run(self.folder / "runs" / self._runs[place.run][0]).memories_path(place.name)
            page = VectorPage(path, place.first, place.rows, place.vector_offset, place.vector_type)
            data, width = page.raw()
        except (OSError, ValueError, TypeError, MigrationError):
            return [None] * len(numbers)
        count = len(numbers)
        # Numbers rise: if the first and the last are those of the page, all between them are.
        whole = (numbers[0], numbers[-1]) == (place.first, place.first + count - 1)
        if whole and width == kind.byte_width and len(data) == count * width:
            return pa.FixedSizeBinaryArray.from_buffers(kind, count, [None, pa.py_buffer(data)])
        at = [(number - place.first) * width for number in numbers]
        return [data[start : start + width] if 0 <= start < len(data) else None for start in at]

    def _rows(self, sql: str, *parameters: int) -> list[Any]:
        try:
            return self._read(sql, *parameters)
        except sqlite3.DatabaseError as error:
            raise damaged_index(self.folder, error) from error

    def _read(self, sql: str, *parameters: int) -> list[Any]:
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.OperationalError as error:
            if "decode" not in str(error):
                raise
        # Bytes that are no text: they are told as another text.
        self._connection.text_factory = lambda data: data.decode("utf-8", "replace")
        try:
            return self._connection.execute(sql, parameters).fetchall()
        finally:
            self._connection.text_factory = str


def _spans(kind: Literal["memories", "edges"], parts: int, count: int) -> Iterator[Span]:
    length = -(-parts // count)
    for start in range(0, parts, length):
        yield Span(kind, start, min(start + length, parts))


def _text(value: object) -> str:
    """A name from the index, which may be damaged: what is no text names nothing that there is."""
    return value if isinstance(value, str) else "" if value is None else repr(value)


def _batch(columns: Sequence[Any], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [_array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.Array):
        return values
    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        # A damaged index may hold a value of any type; where there may be none, it must not look like none.
        return pa.array([value if _fits(value, kind) else _strange(value, kind) for value in values], kind)


def _fits(value: Any, kind: pa.DataType) -> bool:
    try:
        pa.scalar(value, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return False
    return True


def _strange(value: Any, kind: pa.DataType) -> Any:
    """What stands for a value of a wrong type: nothing that was written."""
    if pa.types.is_string(kind):
        return repr(value)
    return datetime.min if pa.types.is_timestamp(kind) else None
