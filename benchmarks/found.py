"""What a migration left, whoever made it: to be sure that the same work is compared."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from engram_store.store import Store

_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Known:
    """A memory that is looked up in whatever was made: its space and its id."""

    space: str
    id: str


@dataclass(frozen=True, slots=True)
class Found:
    """Counts, and one memory that was looked up with its edges.

    Attributes:
        memories: How many there are.
        edges: How many there are.
        content: Fields of the memory's content; times, which are spelt in several ways, by name alone.
        vector: Its vector, rounded.
        targets: Where its edges lead.
        size: Bytes on disk; they may differ.
    """

    memories: int
    edges: int
    content: tuple[tuple[str, str], ...]
    vector: tuple[float, ...]
    targets: tuple[str, ...]
    size: int = field(compare=False)


def in_store(folder: Path, known: Known) -> Found:
    """What is in a store of ours."""
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    with Store.open(folder).reader() as reader:
        memory = reader.get(known.space, known.id)
        vector = reader.embedding(known.space, known.id)
        targets = [edge.target for edge in reader.edges(known.space, known.id)]
        counts = sum(reader.spaces().values()), sum(reader.edge_counts().values())
    if memory is None or vector is None:
        raise SystemExit(f"there is no `{known.id}` in {folder}")
    return _found(*counts, memory.content, vector, targets, size)


def in_sqlite(file: Path, known: Known) -> Found:
    """What is in a file of SQLite."""
    with closing(sqlite3.connect(file)) as connection:
        return _asked(connection, "", known, file.stat().st_size)


def in_duckdb(file: Path, known: Known) -> Found:
    """What is in a file of DuckDB."""
    import duckdb

    with duckdb.connect(str(file), read_only=True) as connection:
        return _asked(connection, "migrated.", known, file.stat().st_size)


def _asked(connection: Any, schema: str, known: Known, size: int) -> Found:
    def rows(statement: str) -> list[tuple[Any, ...]]:
        return list(connection.execute(statement).fetchall())

    [[memories]] = rows(f"SELECT count(*) FROM {schema}memories")
    [[edges]] = rows(f"SELECT count(*) FROM {schema}edges")
    [[content, vector]] = rows(f"SELECT content, embedding FROM {schema}memories WHERE id = '{known.id}'")
    targets = rows(f"SELECT target FROM {schema}edges WHERE source = '{known.id}'")
    floats = np.frombuffer(vector, dtype="<f2")
    return _found(memories, edges, content, floats, [target for (target,) in targets], size)


def _found(
    memories: int, edges: int, content: str, vector: npt.NDArray[Any], targets: Sequence[str], size: int
) -> Found:
    fields = {name: "" if name.endswith("_at") else str(v) for name, v in orjson.loads(content).items()}
    rounded = (float(x) for x in vector.astype(float).round(_DIGITS))
    return Found(memories, edges, tuple(sorted(fields.items())), tuple(rounded), tuple(sorted(targets)), size)
