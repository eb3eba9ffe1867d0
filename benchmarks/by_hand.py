"""What one writes without us: rows of known tables to memories and edges, kept in SQLite.

The same content, ids, texts, edges and vectors as a migration makes; no resume, no dead letters, no
checks. Every program that is measured beside ours uses this mapping.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from transforms.embedding.local import LexicalEmbedder

BATCH = 1000

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE memories (
    id TEXT PRIMARY KEY, space TEXT, content TEXT, confidence REAL, activation REAL, decay_rate REAL,
    created_at TEXT, kind TEXT, key TEXT, embedding BLOB
);
CREATE TABLE edges (id TEXT PRIMARY KEY, source TEXT, target TEXT, type TEXT, weight REAL, properties TEXT);
"""
_INDEXES = "CREATE INDEX by_source ON edges (source); CREATE INDEX by_target ON edges (target);"
_MEMORY = "INSERT INTO memories VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_EDGE = "INSERT INTO edges VALUES (?, ?, ?, ?, ?, ?)"

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: its column, its constraint's name, and the table that it leads to."""

    column: str
    type: str
    table: str


@dataclass(frozen=True, slots=True)
class Table:
    """What is known of a table by heart."""

    name: str
    texts: tuple[str, ...]
    time: str | None = None
    references: tuple[Reference, ...] = ()


TABLES = (
    Table("users", ("name", "bio"), "created_at"),
    Table("posts", ("title", "body"), references=(Reference("user_id", "written_by", "users"),)),
)


def text_of(row: Row, columns: Sequence[str]) -> str:
    """What is embedded of a row."""
    return " | ".join(f"{column}: {row[column]}" for column in columns if row[column])


def memory_of(table: Table, row: Row) -> dict[str, Any]:
    """A row as a memory, by column."""
    return {
        "id": f"{table.name}_{row['id']}",
        "space": table.name,
        "content": orjson.dumps(row).decode(),
        "confidence": 0.9,
        "activation": 0.5,
        "decay_rate": 0.01,
        "created_at": row[table.time].isoformat() if table.time else None,
        "kind": f"public.{table.name}",
        "key": str(row["id"]),
    }


def edges_of(table: Table, row: Row) -> Iterator[dict[str, Any]]:
    """The edges that start from a row, by column."""
    for reference in table.references:
        value = row[reference.column]
        if value is not None:
            source = f"{table.name}_{row['id']}"
            yield {
                "id": f"{source}#{reference.type}",
                "source": source,
                "target": f"{reference.table}_{value}",
                "type": reference.type,
                "weight": 0.8,
                "properties": orjson.dumps({reference.column: str(value)}).decode(),
            }


class Memories:
    """A file of memories and edges, with a look-up by id.

    Args:
        file: The SQLite file; made anew.
    """

    def __init__(self, file: Path) -> None:
        self._store = sqlite3.connect(file)
        self._store.executescript(_SCHEMA)
        self._embedder = LexicalEmbedder()

    def add(self, memories: Sequence[Row], texts: Sequence[str], edges: Sequence[Row]) -> None:
        """Embeds the texts, and keeps memories and edges."""
        vectors = self._embedder.embed(texts).astype("<f2")
        self._store.executemany(
            _MEMORY,
            [(*memory.values(), vector.tobytes()) for memory, vector in zip(memories, vectors, strict=True)],
        )
        self._store.executemany(_EDGE, [tuple(edge.values()) for edge in edges])
        self._store.commit()

    def close(self) -> None:
        """Makes the indexes by which edges are followed."""
        self._store.executescript(_INDEXES)
        self._store.close()
