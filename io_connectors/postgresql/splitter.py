"""Cutting relations into pages, and finding out later which pages still hold the same rows.

One scan counts a relation's rows, cuts it into pages of exactly ``page_rows`` and takes a
fingerprint of each: the exclusive or over its row versions, a row version being place (ctid)
and writing transaction (xmin). A page whose count and fingerprint are unchanged under a later
snapshot holds the same rows with the same values, so a resumed run reads only what changed.
Measured: 0.6 µs a row to cut, 0.3 to check (``docs/architecture.md``).

Relations without places (views, foreign tables) are cut by ranges of their key, and their
fingerprint is taken over the rows' text.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

import psycopg
from psycopg import sql

from engram_store.errors import ConfigurationError
from io_connectors.postgresql.plan import PAGE_BYTES, PagePlan
from io_connectors.postgresql.reads import Sql, TableRead, has_reference, row_hash, source
from io_connectors.postgresql.session import Connection, translate

_FIRST_PLACE = ("(0,0)",)
#: A last page that grew beyond this many times its planned rows is cut again.
_GROWTH = 2


def cut(connection: Connection, number: int, read: TableRead, page_rows: int) -> list[PagePlan]:
    """Cuts a relation into pages.

    Args:
        connection: In a transaction on the snapshot.
        number: The relation's index in the plan.
        read: The relation.
        page_rows: Rows a page.

    Returns:
        The pages in order; none for an empty relation.
    """
    try:
        return _cut_from(connection, number, read, page_rows, start=None)
    except psycopg.Error as error:
        raise translate(error, f"counting the rows of `{read.relation.name}`") from error


def recheck(
    connection: Connection, number: int, read: TableRead, page_rows: int, before: Sequence[PagePlan]
) -> list[PagePlan]:
    """The pages as they are now, on the boundaries that were planned before.

    Rows added behind the last page become pages of their own once they are many.
    """
    if not before:
        return cut(connection, number, read, page_rows)
    try:
        now = _count_pages(connection, number, read, before)
        last = now[-1]
        if last.rows > _GROWTH * page_rows:
            now[-1:] = _cut_from(connection, number, read, page_rows, start=last)
        return now
    except psycopg.Error as error:
        raise translate(error, f"counting the rows of `{read.relation.name}`") from error


def page_condition(read: TableRead, page: PagePlan) -> Sql:
    """The condition that holds for exactly the rows of a page."""
    bounds = [] if page.ordinal == 0 else [_compare(read, ">=", page.start)]
    if page.stop is not None:
        bounds.append(_compare(read, "<", page.stop))
    return sql.SQL(" AND ").join(bounds) if bounds else sql.SQL("true")


def row_condition(read: TableRead, name: tuple[str, ...]) -> Sql:
    """The condition that holds for the one row of that place or key."""
    return _compare(read, "=", name)


def place(text: str) -> tuple[int, int]:
    """``(block,offset)`` as numbers, in the order of places."""
    block, _, offset = text[1:-1].partition(",")
    return int(block), int(offset)


def _compare(read: TableRead, operator: str, bound: tuple[str, ...]) -> Sql:
    row = sql.Identifier(read.alias)
    if read.by_place:
        return sql.SQL("{}.ctid {} {}::tid").format(row, sql.SQL(operator), sql.Literal(bound[0]))
    columns = sql.SQL(", ").join(sql.SQL("{}.{}").format(row, sql.Identifier(c)) for c in read.table.key)
    values = sql.SQL(", ").join(
        sql.SQL("{}::{}").format(sql.Literal(value), sql.SQL(read.table.column(c).type))
        for c, value in zip(read.table.key, bound, strict=True)
    )
    return sql.SQL("({}) {} ({})").format(columns, sql.SQL(operator), values)


def _cut_from(
    connection: Connection, number: int, read: TableRead, page_rows: int, start: PagePlan | None
) -> list[PagePlan]:
    """Cuts what lies at and behind a page's start (or everything) into new pages."""
    if not read.by_place and not read.table.key:
        raise ConfigurationError(
            f"`{read.relation.name}` has no key to read it by",
            why="rows of a view or a foreign table have no place of their own",
            suggestion="name the columns that identify its rows",
            example=f'--keys "{read.table.name}:id"',
        )
    first = 0 if start is None else start.ordinal
    condition = sql.SQL("true") if start is None else page_condition(read, start)
    query = sql.SQL(
        "SELECT {first}, count(*), {fingerprint} {counts} FROM"
        " (SELECT {inner}, {page} AS engram_page FROM {source} WHERE {where}) AS cut"
        " GROUP BY engram_page ORDER BY engram_page"
    ).format(
        first=_first_of_page(read),
        fingerprint=sql.SQL("bit_xor(engram_version)"),
        counts=_counts(read),
        inner=_inner(read),
        page=_page_number(read, page_rows),
        source=source(read),
        where=condition,
    )
    rows = connection.execute(query).fetchall()
    starts = [_FIRST_PLACE if read.by_place else ("",), *(_start(read, row[0]) for row in rows[1:])]
    if start is not None and starts:
        starts[0] = start.start
    stops = [*starts[1:], None]
    pages = [
        PagePlan(number, first + i, begin, stop, row[1], row[2] or 0, tuple(row[3:]))
        for i, (row, begin, stop) in enumerate(zip(rows, starts, stops, strict=False))
    ]
    return _with_repeats(connection, read, pages)


def _count_pages(
    connection: Connection, number: int, read: TableRead, before: Sequence[PagePlan]
) -> list[PagePlan]:
    found = dict(_counts_by_page(connection, read, before))
    empty = (0, 0, *(0 for _ in read.references))
    pages = [
        PagePlan(number, page.ordinal, page.start, page.stop, rows, fingerprint or 0, tuple(references))
        for i, page in enumerate(before)
        for rows, fingerprint, *references in [found.get(i, empty)]
    ]
    return _with_repeats(connection, read, pages)


def _counts_by_page(
    connection: Connection, read: TableRead, before: Sequence[PagePlan]
) -> Iterator[tuple[int, tuple[int, ...]]]:
    counted = sql.SQL("count(*), bit_xor(engram_version) {} FROM (SELECT {} FROM {}").format(
        _counts(read), _inner(read), source(read)
    )
    if read.by_place:
        # Rows between the first place and the first boundary belong to page 0.
        starts = sql.Literal([page.start[0] for page in before[1:]])
        query = sql.SQL("SELECT width_bucket(engram_place, {}::tid[]), {}) AS counted GROUP BY 1").format(
            starts, counted
        )
        for page, *counts in connection.execute(query).fetchall():
            yield page, tuple(counts)
        return
    for i, page in enumerate(before):
        query = sql.SQL("SELECT {} WHERE {}) AS counted").format(counted, page_condition(read, page))
        yield i, connection.execute(query).fetchone() or (0, 0)


def _inner(read: TableRead) -> Sql:
    """The columns that counting needs: place or key, row version, and who refers to a parent."""
    row = sql.Identifier(read.alias)
    if read.by_place:
        version = sql.SQL("hashtidextended({r}.ctid, {r}.xmin::text::bigint) AS engram_version").format(r=row)
        columns: list[Sql] = [sql.SQL("{}.ctid AS engram_place").format(row), version]
    else:
        columns = [sql.SQL("hashtextextended({}::text, 0) AS engram_version").format(row)]
        columns += [
            sql.SQL("{}.{}::text AS {}").format(row, sql.Identifier(c), sql.Identifier(f"engram_key_{i}"))
            for i, c in enumerate(read.table.key)
        ]
    columns += [
        sql.SQL("({}) AS {}").format(has_reference(read, reference), sql.Identifier(f"engram_fk_{i}"))
        for i, reference in enumerate(read.references)
    ]
    return sql.SQL(", ").join(columns)


def _counts(read: TableRead) -> Sql:
    counts = [
        sql.SQL(", count(*) FILTER (WHERE {})").format(sql.Identifier(f"engram_fk_{i}"))
        for i in range(len(read.references))
    ]
    return sql.SQL("").join(counts)


def _page_number(read: TableRead, page_rows: int) -> Sql:
    """A number that grows along the relation and changes where a page must end."""
    row = sql.Identifier(read.alias)
    if read.by_place:
        order: Sql = sql.SQL("")
    else:
        keys = (sql.SQL("{}.{}").format(row, sql.Identifier(c)) for c in read.table.key)
        order = sql.SQL("ORDER BY {} ").format(sql.SQL(", ").join(keys))
    by_rows = sql.SQL("(row_number() OVER ({}) - 1) / {}").format(order, sql.Literal(page_rows))
    if not read.relation.toast:
        return sql.SQL("ARRAY[{}]").format(by_rows)
    sizes = sql.SQL(" + ").join(_size(read, row))
    running = sql.SQL("(sum({}) OVER ({}ROWS UNBOUNDED PRECEDING))::bigint / {}").format(
        sizes, order, sql.Literal(PAGE_BYTES)
    )
    return sql.SQL("ARRAY[{}, {}]").format(by_rows, running)


def _size(read: TableRead, row: Sql) -> Iterator[Sql]:
    """Bytes of each column; neither function fetches a value that is stored out of line."""
    for column in read.table.columns:
        plain = column.base in ("text", "varchar", "bytea")
        function = sql.SQL("octet_length" if plain else "pg_column_size")
        yield sql.SQL("coalesce({}({}.{}), 0)").format(function, row, sql.Identifier(column.name))


def _first_of_page(read: TableRead) -> Sql:
    if read.by_place:
        return sql.SQL("min(engram_place)::text")
    keys = (sql.Identifier(f"engram_key_{i}") for i in range(len(read.table.key)))
    return sql.SQL("(array_agg(ARRAY[{}]))[1]").format(sql.SQL(", ").join(keys))


def _start(read: TableRead, value: str | list[str | None]) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if any(part is None for part in value):
        raise ConfigurationError(
            f"the key of `{read.relation.name}` has NULLs",
            why="rows without a key value would belong to no page",
            suggestion="name other columns by `--keys`",
        )
    return tuple(str(part) for part in value)


def _with_repeats(connection: Connection, read: TableRead, pages: list[PagePlan]) -> list[PagePlan]:
    """For keyless tables: numbers rows that are equal to an earlier one, across the table."""
    if read.table.key or not pages:
        return pages
    starts = [place(page.start[0]) for page in pages]
    repeats: list[list[tuple[str, int]]] = [[] for _ in pages]
    for where, nth in _repeated_rows(connection, read):
        repeats[bisect_right(starts, place(where)) - 1].append((where, nth))
    return [
        PagePlan(p.read, p.ordinal, p.start, p.stop, p.rows, p.fingerprint, p.references, tuple(found))
        for p, found in zip(pages, repeats, strict=True)
    ]


def _repeated_rows(connection: Connection, read: TableRead) -> Iterator[tuple[str, int]]:
    """(place, n) of this relation's rows that are the n-th of their equals, n > 1."""
    row = sql.Identifier(read.alias)
    everywhere = sql.SQL(" UNION ALL ").join(
        sql.SQL(
            "SELECT {}::oid AS engram_in, {}.ctid AS engram_at, {} AS engram_hash FROM ONLY {} AS {}"
        ).format(
            sql.Literal(relation.oid),
            row,
            row_hash(row),
            sql.Identifier(relation.name.schema, relation.name.name),
            row,
        )
        for relation in read.table.relations
    )
    query = sql.SQL(
        "SELECT engram_at::text, nth FROM (SELECT engram_in, engram_at, row_number() OVER"
        " (PARTITION BY engram_hash ORDER BY engram_in, engram_at) AS nth FROM ({}) AS rows) AS numbered"
        " WHERE nth > 1 AND engram_in = {} ORDER BY engram_at"
    ).format(everywhere, sql.Literal(read.relation.oid))
    yield from connection.execute(query)
