"""A migration from PostgreSQL by dlt, to DuckDB: its reader and its loader with Arrow, our mapping between.

    pip install 'dlt[duckdb,sql_database]'    # no dependency of the project
    python -m benchmarks.loop_dlt DSN FOLDER
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
from dlt.sources.sql_database import sql_table
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import URL

from benchmarks.by_hand import TABLES, Table, edges_of, memory_of, text_of
from transforms.embedding.local import LexicalEmbedder

#: dlt does best with long chunks; these take 60 MB.
_CHUNK = 10_000
_VECTOR = pa.binary()


def main(dsn: str, folder: str) -> None:
    # What is measured is the work, not a message to its makers.
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    pipeline = dlt.pipeline(
        "rival",
        pipelines_dir=f"{folder}/working",
        destination=dlt.destinations.duckdb(str(Path(folder) / "memories.duckdb")),
        dataset_name="memories",
    )
    pipeline.run([_memories(table, _address(dsn)) for table in TABLES]).raise_on_failed_jobs()


def _address(dsn: str) -> URL:
    told = conninfo_to_dict(dsn)
    return URL.create(
        "postgresql+psycopg",
        username=str(told["user"]),
        database=str(told["dbname"]),
        query={"host": str(told["host"])},
    )


def _memories(table: Table, address: URL) -> Any:
    rows = sql_table(address, table=table.name, backend="pyarrow", chunk_size=_CHUNK)
    embedder = LexicalEmbedder()

    @dlt.transformer(name=f"{table.name}_memories")
    def memories(chunk: pa.Table) -> Iterator[Any]:
        rows = chunk.to_pylist()
        made = pa.Table.from_pylist([memory_of(table, row) for row in rows])
        vectors = embedder.embed([text_of(row, table.texts) for row in rows]).astype("<f2")
        made = made.append_column("embedding", pa.array([vector.tobytes() for vector in vectors], _VECTOR))
        yield dlt.mark.with_table_name(made, "memories")
        if edges := [edge for row in rows for edge in edges_of(table, row)]:
            yield dlt.mark.with_table_name(pa.Table.from_pylist(edges), "edges")

    return rows | memories


if __name__ == "__main__":
    main(*sys.argv[1:])
