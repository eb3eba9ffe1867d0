"""The read index of one generation: a SQLite file that points into the page files.

Memories and edges carry the numbers of ``catalogue``. The vectors stay where they are; the
index knows in which page a memory stands and where that page's vectors begin.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engram_store.catalogue import CataloguedPage
from engram_store.errors import IntegrityError, TargetTerminalError
from engram_store.files import database_errors
from engram_store.names import Names
from engram_store.run import Run
from engram_store.workspace import Numbers

CURRENT = "CURRENT"
INDEX = "index.sqlite"

_TABLES = """
PRAGMA page_size = 8192;
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -16384;
CREATE TABLE run (id INTEGER PRIMARY KEY, name TEXT, model TEXT, started_at REAL);
CREATE TABLE page (
    first INTEGER PRIMARY KEY, rows INTEGER, run INTEGER, name TEXT, vector_offset INTEGER, vector_type TEXT
);
CREATE TABLE edge_page (first INTEGER PRIMARY KEY, rows INTEGER, run INTEGER, name TEXT);
CREATE TABLE page_space (
    space INTEGER, first INTEGER, memories INTEGER, PRIMARY KEY (space, first)
) WITHOUT ROWID;
CREATE TABLE space (id INTEGER PRIMARY KEY, name TEXT UNIQUE, memories INTEGER);
CREATE TABLE kind (id INTEGER PRIMARY KEY, system TEXT, kind TEXT);
CREATE TABLE memory (
    number INTEGER PRIMARY KEY, space INTEGER, id TEXT, content TEXT, confidence REAL, activation REAL,
    decay_rate REAL, created_at INTEGER, kind INTEGER, key TEXT
);
CREATE TABLE memory_key (
    space INTEGER, id TEXT, number INTEGER, PRIMARY KEY (space, id)
) WITHOUT ROWID;
CREATE TABLE type (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE origin (id INTEGER PRIMARY KEY, name TEXT, edges INTEGER);
CREATE TABLE edge (
    number INTEGER PRIMARY KEY, source INTEGER, target INTEGER, id TEXT, type INTEGER, origin INTEGER,
    weight REAL, created_at INTEGER, properties TEXT
);
"""
_EDGE_INDEXES = """
CREATE INDEX edge_by_source ON edge (source);
CREATE INDEX edge_by_target ON edge (target);
"""
#: What the rows of small tables are like: SQLite would keep a value of any type.
_SOUND = {
    "run": "typeof(name) = 'text' AND typeof(model) = 'text' AND typeof(started_at) = 'real' "
    "AND abs(started_at) < 1e15",
    "space": "typeof(name) = 'text' AND typeof(memories) = 'integer'",
    "kind": "typeof(system) = 'text' AND typeof(kind) = 'text'",
    "type": "typeof(name) = 'text'",
    "origin": "typeof(name) = 'text' AND typeof(edges) = 'integer'",
}
_SEPARATOR = "\0"
_TRIES = 5


def current(store: Path) -> str | None:
    """The name of the generation that a store serves, or None before the first finalize."""
    try:
        return (store / CURRENT).read_text()
    except FileNotFoundError:
        return None


def open_index(store: Path) -> tuple[str, sqlite3.Connection]:
    """The generation that a store serves, and its index, to read only.

    Raises:
        TargetTerminalError: Nothing was finalized yet.
        IntegrityError: The index is damaged.
    """
    # A finalize may remove the generation between reading its name and opening it.
    for _ in range(_TRIES):
        generation = current(store)
        if generation is None:
            break
        index = store / "serving" / generation / INDEX
        try:
            connection = sqlite3.connect(f"{index.as_uri()}?mode=ro&immutable=1", uri=True)
            connection.execute("PRAGMA mmap_size = 2147418112")
            _check_names(store, connection)
            return generation, connection
        except sqlite3.OperationalError:
            continue
        except sqlite3.DatabaseError as error:
            raise damaged_index(store, error) from error
    raise TargetTerminalError(
        f"The store `{store}` has nothing to read yet.",
        why="No migration into it was finalized.",
        suggestion="Let the migration run to its end; the same command goes on where it stopped.",
    )


def _check_names(store: Path, connection: sqlite3.Connection) -> None:
    """Refuses names and counts of wrong types; whatever else is read is told by them."""
    for table, sound in _SOUND.items():
        found = connection.execute(f"SELECT * FROM {table} WHERE NOT ({sound}) LIMIT 1").fetchone()
        if found is not None:
            raise damaged_index(store, ValueError(f"its table `{table}` holds {found}"))


def damaged_index(store: Path, error: Exception) -> IntegrityError:
    """The error for an index that cannot be read."""
    return IntegrityError(
        f"The read index of `{store}` is damaged.",
        why=str(error),
        suggestion="Remove the index; it is built again from the pages.",
        example=f"rm -r '{store / 'serving'}' && engram-migrate finalize --target '{store}'",
    )


class IndexWriter:
    """Fills a new index, page by page.

    Args:
        connection: An empty database.
        spaces: The numbers of the memory spaces.
        origins: The numbers of the edges' origins.
    """

    def __init__(self, connection: sqlite3.Connection, spaces: Names, origins: Names) -> None:
        self._connection = connection
        self._spaces = spaces
        self._origins = origins
        self._kinds = Names()
        self._types = Names()
        connection.executescript(_TABLES)

    @classmethod
    @contextmanager
    def create(cls, folder: Path, spaces: Names, origins: Names) -> Iterator[IndexWriter]:
        """A writer of ``folder``'s index; the file is complete at the end of the block.

        Raises:
            TargetTerminalError: The disk is full.
        """
        path = folder / INDEX
        with database_errors(path):
            connection = sqlite3.connect(path, isolation_level=None)
            try:
                writer = cls(connection, spaces, origins)
                connection.execute("BEGIN")
                yield writer
                connection.execute("COMMIT")
            finally:
                connection.close()

    def add_runs(self, runs: Sequence[Run]) -> None:
        """Adds the runs, oldest first."""
        rows = ((number, run.id, run.model, run.started_at) for number, run in enumerate(runs))
        self._insert("run", 4, rows)

    def add_memories(self, page: CataloguedPage, batch: pa.RecordBatch, rows: Numbers) -> None:
        """Adds a page and those of its memories that are the newest of their ids.

        Args:
            page: The page.
            batch: Its columns, without the vectors.
            rows: The places in the page of the memories to take, rising.
        """
        place = (page.first, page.rows, page.run_number, page.page_id, page.vector_offset, page.vector_type)
        self._insert("page", 6, [place])
        batch = batch if len(rows) == batch.num_rows else batch.take(pa.array(rows))
        spaces = self._spaces.codes(batch["space"])
        counted = zip(*np.unique(spaces, return_counts=True), strict=True)
        self._insert("page_space", 3, [(int(space), page.first, int(count)) for space, count in counted])
        system, kind, key = batch["source"].flatten()
        columns = [
            (rows + page.first).tolist(),
            spaces.tolist(),
            *(
                batch[name].to_pylist()
                for name in ("id", "content", "confidence", "activation", "decay_rate")
            ),
            _microseconds(batch["created_at"]),
            self._kinds.codes(pc.binary_join_element_wise(system, kind, _SEPARATOR)).tolist(),
            key.to_pylist(),
        ]
        self._insert("memory", len(columns), zip(*columns, strict=True))

    def add_keys(self, keys: Iterable[tuple[int, str, int]]) -> None:
        """Adds (space, id, number) of all memories to be found, best in this order."""
        self._insert("memory_key", 3, keys)

    def add_edges(self, page: CataloguedPage, batch: pa.RecordBatch, links: dict[str, Numbers]) -> None:
        """Adds those edges of a page that have both ends.

        Args:
            page: The page.
            batch: All its edges.
            links: ``number``, ``source`` and ``target`` of the edges to take, by rising number.
        """
        self._insert("edge_page", 4, [(page.first_edge, page.edge_rows, page.run_number, page.page_id)])
        numbers = links["number"]
        if len(numbers) != batch.num_rows:
            batch = batch.take(pa.array(numbers - page.first_edge))
        columns = [
            *(links[name].tolist() for name in ("number", "source", "target")),
            batch["id"].to_pylist(),
            self._types.codes(batch["type"]).tolist(),
            self._origins.codes(batch["origin"]).tolist(),
            batch["weight"].to_pylist(),
            _microseconds(batch["created_at"]),
            batch["properties"].to_pylist(),
        ]
        self._insert("edge", len(columns), zip(*columns, strict=True))

    def finish(self) -> tuple[dict[str, int], dict[str, int]]:
        """Adds names, counts and the indexes of the edges.

        Returns:
            Memories by space, and edges by origin.
        """
        spaces = self._counts("SELECT space, sum(memories) FROM page_space GROUP BY 1", self._spaces)
        origins = self._counts("SELECT origin, count(*) FROM edge GROUP BY 1", self._origins)
        self._insert("space", 3, [(self._spaces.code(name), name, n) for name, n in spaces.items()])
        self._insert("origin", 3, [(self._origins.code(name), name, n) for name, n in origins.items()])
        self._insert("type", 2, enumerate(self._types.names()))
        kinds = (name.split(_SEPARATOR, 1) for name in self._kinds.names())
        self._insert("kind", 3, ((code, system, kind) for code, (system, kind) in enumerate(kinds)))
        for index in filter(str.strip, _EDGE_INDEXES.split(";")):
            self._connection.execute(index)
        return spaces, origins

    def _insert(self, table: str, columns: int, rows: Iterable[tuple[Any, ...]]) -> None:
        marks = ", ".join(repeat("?", columns))
        self._connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)

    def _counts(self, sql: str, names: Names) -> dict[str, int]:
        known = names.names()
        return dict(sorted((known[code], count) for code, count in self._connection.execute(sql)))


def _microseconds(column: pa.Array) -> list[int | None]:
    values: list[int | None] = column.cast(pa.int64()).to_pylist()
    return values
