"""Ids, ends and duplicates of many pages at once, joined by DuckDB within a memory limit.

Only names and numbers come here, never contents or vectors. Tables, all in a temporary folder
of the store:

- ``memory_row`` (number, run, space, id): every memory of every page
- ``memory`` (number, space, id): the newest of each (space, id)
- ``edge_row`` (number, run, origin, id, source_space, source, target_space, target)
- ``edge``: the newest of each (origin, id)
- ``link`` (number, source, target): the edges of ``edge`` whose two ends are in ``memory``
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from duckdb import DuckDBPyConnection, connect
from duckdb import Error as DuckDBError

from engram_store.catalogue import CataloguedPage
from engram_store.errors import MigrationError
from engram_store.files import database_errors, temporary_folder
from engram_store.names import Names

_WINDOW = 500_000

#: Bytes of memory for joins: at least, and beside that times the square root of the rows. A join in parts
#: has blocks of all its parts in memory at once, and parts that fit there: both grow by the root. DuckDB 2.0
#: needed 24,000 for 90 million rows in two threads.
_LEAST_MEMORY = 128_000_000
_MEMORY_BY_ROOT = 32_000

Numbers = npt.NDArray[np.int64]

_MEMORY = pa.schema(
    [("number", pa.int64()), ("run", pa.int32()), ("space", pa.int32()), ("id", pa.string())],
)
_EDGE = pa.schema(
    [
        ("number", pa.int64()),
        ("run", pa.int32()),
        ("origin", pa.int32()),
        ("id", pa.string()),
        ("source_space", pa.int32()),
        ("source", pa.string()),
        ("target_space", pa.int32()),
        ("target", pa.string()),
    ]
)


class Workspace:
    """A DuckDB database of names and numbers.

    Attributes:
        spaces: The numbers of the memory spaces.
        origins: The numbers of the edges' origins.
    """

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self._connection = connection
        self._windows: dict[str, _Window] = {}
        self.spaces = Names()
        self.origins = Names()

    @classmethod
    @contextmanager
    def open(cls, parent: Path, pages: Sequence[CataloguedPage]) -> Iterator[Workspace]:
        """A workspace in a temporary folder of ``parent``, gone at the end of the block.

        Args:
            parent: A folder of the store.
            pages: Those that will be loaded; what has no room in ``memory_for`` them goes to the disk.

        Raises:
            TargetTerminalError: The disk is full.
        """
        with (
            temporary_folder(parent) as folder,
            database_errors(folder),
            connect(":memory:") as connection,
        ):
            connection.execute("SET memory_limit = $limit", {"limit": f"{memory_for(pages)} B"})
            connection.execute("SET temp_directory = $folder", {"folder": str(folder / "spill")})
            connection.execute(f"SET threads = {min(4, os.cpu_count() or 1)}")
            connection.execute("SET preserve_insertion_order = false")
            yield cls(connection)

    def load_memories(self, pages: Sequence[CataloguedPage]) -> None:
        """Fills ``memory_row`` and ``memory``."""
        self._load("memory_row", _MEMORY, (self._memory_batch(page) for page in pages if page.rows))
        self._newest("memory", "number, space, id", "space, id", pages)

    def load_edges(self, pages: Sequence[CataloguedPage]) -> None:
        """Fills ``edge_row``, ``edge`` and ``link``; after ``load_memories``."""
        self._load("edge_row", _EDGE, (self._edge_batch(page) for page in pages if page.edge_rows))
        self._newest("edge", "*", "origin, id", pages)
        self._connection.execute(
            """
            CREATE TEMP TABLE leaving AS
            SELECT edge.number, memory.number AS source, target_space, target
            FROM edge JOIN memory ON space = source_space AND memory.id = edge.source
            """
        )
        self._connection.execute(
            """
            CREATE TEMP TABLE joined AS
            SELECT leaving.number, source, memory.number AS target
            FROM leaving JOIN memory ON space = target_space AND id = leaving.target
            """
        )
        self._connection.execute("CREATE TABLE link AS SELECT * FROM joined ORDER BY number")
        self._connection.execute("DROP TABLE leaving; DROP TABLE joined")

    def rows(self, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
        """The rows of a small result."""
        return self._connection.execute(sql, parameters).fetchall()

    def stream(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a result of any size. No other query may run meanwhile."""
        result = self._connection.execute(sql)
        while rows := result.fetchmany(10_000):
            yield from rows

    def between(self, table: str, first: int, count: int) -> dict[str, Numbers]:
        """The columns of the rows of a table whose ``number`` is in [first, first + count).

        Best asked in rising order: a longer stretch is fetched than was asked for.
        """
        window = self._windows.get(table)
        if window is None or not window.covers(first, count):
            window = self._windows[table] = self._window(table, first, max(count, _WINDOW))
        return window.between(first, count)

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])

    def create(self, table: str, query: str) -> None:
        """Makes a table from a query."""
        self._connection.execute(f"CREATE TABLE {table} AS {query}")

    def _window(self, table: str, first: int, count: int) -> _Window:
        sql = f"SELECT * FROM {table} WHERE number >= $first AND number < $end ORDER BY number"
        found = self._connection.execute(sql, {"first": first, "end": first + count}).fetchnumpy()
        return _Window(first, count, {name: np.asarray(column) for name, column in found.items()})

    def _load(self, table: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
        failures: list[MigrationError] = []
        reader = pa.RecordBatchReader.from_batches(schema, _noting(failures, batches))
        self._connection.register("incoming", reader)
        try:
            self._connection.execute(f"CREATE TABLE {table} AS SELECT * FROM incoming")
        except DuckDBError as error:
            # DuckDB makes a text of what failed while it was reading.
            raise failures[0] if failures else error from None
        finally:
            self._connection.unregister("incoming")

    def _newest(self, table: str, columns: str, key: str, pages: Sequence[CataloguedPage]) -> None:
        # Within one run no key stands twice; finalize refuses that.
        query = f"SELECT {columns} FROM {table}_row"
        if len({page.run_number for page in pages}) < 2:
            self._connection.execute(f"CREATE VIEW {table} AS {query}")
            return
        query += f" WHERE number IN (SELECT max(number) FROM {table}_row GROUP BY {key})"
        self._connection.execute(f"CREATE TABLE {table} AS {query}")

    def _memory_batch(self, page: CataloguedPage) -> pa.RecordBatch:
        batch = page.run.memories(page.page_id, ["id", "space"])
        columns = [_numbers(page.first, batch), _run(page, batch), self.spaces.codes(batch["space"])]
        return _batch([*columns, batch["id"]], _MEMORY)

    def _edge_batch(self, page: CataloguedPage) -> pa.RecordBatch:
        names = ["id", "source", "source_space", "target", "target_space", "origin"]
        batch = page.run.edges(page.page_id, names)
        columns = [
            _numbers(page.first_edge, batch),
            _run(page, batch),
            self.origins.codes(batch["origin"]),
            batch["id"],
            self.spaces.codes(batch["source_space"]),
            batch["source"],
            self.spaces.codes(batch["target_space"]),
            batch["target"],
        ]
        return _batch(columns, _EDGE)


def memory_for(pages: Sequence[CataloguedPage]) -> int:
    """Bytes that DuckDB may take to join the names of these pages."""
    rows = sum(page.rows + page.edge_rows for page in pages)
    return max(_LEAST_MEMORY, int(_MEMORY_BY_ROOT * math.sqrt(rows)))


def _noting(failures: list[MigrationError], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    try:
        yield from batches
    except MigrationError as error:
        failures.append(error)
        raise


@dataclass(frozen=True, slots=True)
class _Window:
    """The rows of a table whose ``number`` is in [first, first + count), by rising number."""

    first: int
    count: int
    columns: dict[str, Numbers]

    def covers(self, first: int, count: int) -> bool:
        return self.first <= first and first + count <= self.first + self.count

    def between(self, first: int, count: int) -> dict[str, Numbers]:
        low, high = np.searchsorted(self.columns["number"], [first, first + count])
        return {name: column[low:high] for name, column in self.columns.items()}


def _numbers(first: int, batch: pa.RecordBatch) -> Numbers:
    return np.arange(first, first + batch.num_rows, dtype=np.int64)


def _run(page: CataloguedPage, batch: pa.RecordBatch) -> npt.NDArray[np.int32]:
    return np.full(batch.num_rows, page.run_number, dtype=np.int32)


def _batch(columns: Sequence[Any], schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(list(columns), schema=schema)
