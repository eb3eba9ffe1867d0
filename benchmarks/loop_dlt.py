"""A migration from PostgreSQL by dlt, to DuckDB: its reader and its loader with Arrow, our mapping between.

pip install 'dlt[duckdb]' sqlalchemy    # no dependencies of the project
python -m benchmarks.loop_dlt DSN FILE
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import dlt
import pyarrow as pa
from dlt.sources.sql_database import sql_table
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL

from benchmarks.by_hand import TABLES, Table, edges_of, memory_of, text_of
from transforms.embedding.local import LexicalEmbedder

#: dlt does best with long chunks; these take 60 MB.
_CHUNK = 10_000
_VECTOR = pa.binary()


def main(dsn: str, file: str) -> None:
    # What is measured is the work, not a message to its makers.
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    pipeline = dlt.pipeline(
        "rival",
        pipelines_dir=f"{file}.working",
        destination=dlt.destinations.duckdb(file),
        dataset_name="migrated",
    )
    engine = _engine(dsn)
    pipeline.run([_memories(table, engine) for table in TABLES]).raise_on_failed_jobs()


def _engine(dsn: str) -> Engine:
    told = conninfo_to_dict(dsn)
    name, database, host = (str(told[part]) for part in ("user", "dbname", "host"))
    return create_engine(URL.create("postgresql+psycopg", name, database=database, query={"host": host}))


def _memories(table: Table, engine: Engine) -> Any:
    rows = sql_table(engine, table=table.name, backend="pyarrow", chunk_size=_CHUNK)
    embedder = LexicalEmbedder()

    def memories(chunk: pa.Table) -> Iterator[Any]:
        rows = chunk.to_pylist()
        made = pa.Table.from_pylist([memory_of(table, row) for row in rows])
        vectors = embedder.embed([text_of(row, table.texts) for row in rows]).astype("<f2")
        made = made.append_column("embedding", pa.array([vector.tobytes() for vector in vectors], _VECTOR))
        yield dlt.mark.with_table_name(made, "memories")
        if edges := [edge for row in rows for edge in edges_of(table, row)]:
            yield dlt.mark.with_table_name(pa.Table.from_pylist(edges), "edges")

    return rows | dlt.transformer(memories, name=f"{table.name}_memories")


if __name__ == "__main__":
    main(*sys.argv[1:])
