"""Ways to fetch the same rows: page by page or many pages at once, whole, streamed or by COPY."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

from psycopg import sql

from benchmarks.measuring import Stopwatch
from benchmarks.stages import Database
from io_connectors.planned_pages import SPLITS
from io_connectors.postgresql.plan import Plan
from io_connectors.postgresql.reads import Sql, TableRead, select
from io_connectors.postgresql.session import Connection, begin_snapshot, connect
from io_connectors.postgresql.splitter import page_condition

_CHUNK = 1000


@dataclass(frozen=True)
class Query:
    """A SELECT of the reader, and what its rows are made of."""

    read: TableRead
    select: sql.Composed


def measure(database: Database, plan: Plan, watch: Stopwatch) -> None:
    """Fetches all rows in every way, each on a connection of its own.

    Raises:
        RuntimeError: A way gave other rows than planned.
    """
    for extent, queries in (("a page", list(_pages(plan))), ("a range", list(_ranges(plan)))):
        for way, fetch in _WAYS.items():
            rows = 0
            with closing(connect(database.address, purpose="benchmark")) as connection:
                begin_snapshot(connection, database.snapshot)
                with watch.both(f"a query {extent}, {way}"):
                    for query in queries:
                        rows += fetch(connection, query)
            if rows != plan.rows:
                raise RuntimeError(f"{way}: {rows} rows instead of {plan.rows}")


def _pages(plan: Plan) -> Iterator[Query]:
    for page in plan.pages.values():
        yield _query(plan.reads[page.read], page_condition(plan.reads[page.read], page))


def _ranges(plan: Plan) -> Iterator[Query]:
    """Runs of pages, as many as the source has initial splits, each in one query."""
    share = max(1, plan.rows // SPLITS)
    for number, read in enumerate(plan.reads):
        pages = [page for page in plan.pages.values() if page.read == number]
        while pages:
            size = max(1, share // max(1, pages[0].rows))
            part, pages = pages[:size], pages[size:]
            yield _query(read, page_condition(read, replace(part[0], stop=part[-1].stop)))


def _query(read: TableRead, condition: Sql) -> Query:
    return Query(read, select(read, condition))


def _whole(connection: Connection, query: Query) -> int:
    return len(connection.execute(query.select).fetchall())


def _whole_binary(connection: Connection, query: Query) -> int:
    return len(connection.execute(query.select, binary=True).fetchall())


def _stream(connection: Connection, query: Query) -> int:
    with connection.cursor() as cursor:
        return sum(1 for _ in cursor.stream(query.select, size=_CHUNK))


def _copy_binary(connection: Connection, query: Query) -> int:
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(query.select)
    layout = query.read.layout
    width = max([layout.created_at + 1, *((theirs or mine).stop for mine, theirs in layout.references)])
    types = ["int8" if column == layout.created_at else "text" for column in range(width)]
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(types)
        return sum(1 for _ in copy.rows())


_WAYS: dict[str, Callable[[Connection, Query], int]] = {
    "fetched whole": _whole,
    "whole, binary": _whole_binary,
    f"stream(size={_CHUNK})": _stream,
    "COPY BINARY": _copy_binary,
}
