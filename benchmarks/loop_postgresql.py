"""A migration from PostgreSQL as a loop: a server-side cursor of psycopg, and SQLite.

python -m benchmarks.loop_postgresql DSN FILE
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from benchmarks.by_hand import BATCH, TABLES, Memories, Table, edges_of, memory_of, text_of


def main(dsn: str, file: str) -> None:
    with closing(Memories(Path(file))) as memories, psycopg.connect(dsn) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("SET TIME ZONE 'UTC'")
        for table in TABLES:
            _copy(connection, table, memories)


def _copy(connection: psycopg.Connection[tuple[object, ...]], table: Table, memories: Memories) -> None:
    with connection.cursor("rows", row_factory=dict_row) as cursor:
        cursor.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table.name)))
        while rows := cursor.fetchmany(BATCH):
            memories.add(
                [memory_of(table, row) for row in rows],
                [text_of(row, table.texts) for row in rows],
                [edge for row in rows for edge in edges_of(table, row)],
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
