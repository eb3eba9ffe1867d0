"""A PostgreSQL of the benchmark's own, with users and what they posted."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta, timezone

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from benchmarks.words import Vocabulary

_TABLES = """
CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, bio text, age int, created_at timestamptz);
CREATE TABLE posts (id bigint PRIMARY KEY, user_id bigint, title text, body text, posted_at timestamptz);
"""
_CONSTRAINT = "ALTER TABLE posts ADD CONSTRAINT written_by FOREIGN KEY (user_id) REFERENCES users"
_START = datetime(2020, 1, 1, tzinfo=timezone.utc)
_AT_ONCE = 10_000
_NAME_WORDS = 2
_BIO_WORDS = 14

Row = tuple[object, ...]


def build(dsn: str, rows: int) -> str:
    """Makes a database of so many rows, half of them users and half posts; always the same ones.

    Returns:
        Its connection string.
    """
    users = rows - rows // 2
    tables = {"users": _users(users), "posts": _posts(rows // 2, users)}
    return make(dsn, f"rows_{rows}", _TABLES, tables, _CONSTRAINT)


def make(dsn: str, name: str, schema: str, tables: Mapping[str, Iterable[Row]], constraints: str) -> str:
    """Makes a database, and leaves nothing in the server to be done.

    Args:
        dsn: A database of a server of the benchmark's own.
        name: The new one's.
        schema: Statements that make its tables.
        tables: Table → its rows, in the order in which they are filled.
        constraints: Statements for when all rows are there.

    Returns:
        Its connection string.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    made = make_conninfo(dsn, dbname=name)
    with psycopg.connect(made, autocommit=True) as connection:
        connection.execute(schema.encode())
        for table, rows in tables.items():
            _copy(connection, table, rows)
        connection.execute(constraints.encode())
        # Else readers would pay for what the writer left to do, and for what the server does at its own time.
        connection.execute("VACUUM (FREEZE, ANALYZE)")
        connection.execute("ALTER SYSTEM SET autovacuum = off")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("CHECKPOINT")
    return made


def _copy(connection: psycopg.Connection[Row], table: str, rows: Iterable[Row]) -> None:
    statement = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _users(count: int) -> Iterator[Row]:
    rng = random.Random(7)
    for number, name, bio in _texts(rng, count):
        yield number, name.title(), bio, rng.randint(16, 90), _moment(rng)


def _posts(count: int, users: int) -> Iterator[Row]:
    rng = random.Random(8)
    for number, title, body in _texts(rng, count):
        yield number, rng.randint(1, users), title, body, _moment(rng)


def _texts(rng: random.Random, count: int) -> Iterator[tuple[int, str, str]]:
    vocabulary = Vocabulary(rng)
    for first in range(0, count, _AT_ONCE):
        size = min(_AT_ONCE, count - first)
        short, long = vocabulary.sentences(size, _NAME_WORDS), vocabulary.sentences(size, _BIO_WORDS)
        for number, (title, body) in enumerate(zip(short, long, strict=True), first + 1):
            yield number, title.rstrip("."), body


def _moment(rng: random.Random) -> datetime:
    return _START + timedelta(seconds=rng.randrange(10**8), microseconds=rng.randrange(10**6))
