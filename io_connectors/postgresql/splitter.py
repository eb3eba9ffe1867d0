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
from io_connectors.postgresql.choices import check_choices
from io_connectors.postgresql.plan import PAGE_BYTES, PagePlan
from io_connectors.postgresql.reads import ROW, WHOLE_ROW, Sql, TableRead, has_reference, row_hash, source
from io_connectors.postgresql.session import Connection, translate

_FIRST_PLACE = ("(0,0)",)
_BLOCK_BYTES = 8192
#: How many times its planned rows a page may come to hold before the table is cut anew.
_GROWTH = 3


def cut(connection: Connection, number: int, read: TableRead, page_rows: int) -> list[PagePlan]:
    """Cuts a relation into pages.

    Args:
        connection: In a transaction on the snapshot.
        number: The relation's index in the plan.
        read: The relation.
        page_rows: Rows a page.

    Returns:
        The pages in order; none for an empty relation.

    Raises:
        ConfigurationError: There is no key to cut by, or what the user chose does not hold.
    """
    try:
        check_choices(connection, read)
        return _cut_from(connection, number, read, page_rows, start=None)
    except psycopg.Error as error:
        raise translate(error, f"counting the rows of `{read.relation.name}`") from error


def recheck(
    connection: Connection, number: int, read: TableRead, page_rows: int, before: Sequence[PagePlan]
) -> list[PagePlan]:
    """The pages as they are now, on the boundaries that were planned before.

    The open-ended last page is cut again if it changed: all rows added behind it are its own.
    Where a rewrite of the table (VACUUM FULL, CLUSTER) crowded its rows into fewer places, or
    many were added between others, all of it is cut anew: a page must fit into memory.
    """
    if not before:
        return cut(connection, number, read, page_rows)
    try:
        check_choices(connection, read)
        now = _count_pages(connection, number, read, before)
        bearable = _GROWTH * max(page_rows, *(page.rows for page in before))
        if any(page.rows > bearable for page in now[:-1]):
            return _cut_from(connection, number, read, page_rows, start=None)
        if now[-1].rows and now[-1] != before[-1]:
            now[-1:] = _cut_from(connection, number, read, page_rows, start=now[-1])
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
    if read.by_place:
        return sql.SQL("{}.ctid {} {}::tid").format(ROW, sql.SQL(operator), sql.Literal(bound[0]))
    columns = sql.SQL(", ").join(_keys(read))
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
        " (SELECT {inner}, {number} AS engram_row_number, {page} AS engram_page"
        " FROM {source} WHERE {where}) AS cut"
        " GROUP BY engram_page ORDER BY engram_page"
    ).format(
        first=_first_of_page(read),
        fingerprint=sql.SQL("bit_xor(engram_version)"),
        counts=_counts(read),
        inner=_inner(read),
        number=_row_number(read),
        page=_page_number(read, page_rows),
        source=source(read),
        where=condition,
    )
    rows = connection.execute(query).fetchall()
    firsts = [(row[0],) if read.by_place else tuple(row[0]) for row in rows]
    starts = [start.start if start is not None else _FIRST_PLACE if read.by_place else ("",), *firsts[1:]]
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
    if read.by_place:
        version = sql.SQL("hashtidextended({r}.ctid, {r}.xmin::text::bigint) AS engram_version").format(r=ROW)
        columns: list[Sql] = [sql.SQL("{}.ctid AS engram_place").format(ROW), version]
    else:
        columns = [
            sql.SQL("hashtextextended({}::text, 0) AS engram_version").format(WHOLE_ROW),
            sql.SQL("ARRAY[{}] AS engram_key").format(
                sql.SQL(", ").join(sql.SQL("{}::text").format(key) for key in _keys(read))
            ),
        ]
    columns += [
        sql.SQL("({}) AS {}").format(has_reference(reference), sql.Identifier(f"engram_fk_{i}"))
        for i, reference in enumerate(read.references)
    ]
    return sql.SQL(", ").join(columns)


def _counts(read: TableRead) -> Sql:
    counts = [
        sql.SQL(", count(*) FILTER (WHERE {})").format(sql.Identifier(f"engram_fk_{i}"))
        for i in range(len(read.references))
    ]
    return sql.SQL("").join(counts)


def _order(read: TableRead) -> Sql:
    """Pages follow the scan, or the key where there are no places."""
    return sql.SQL("" if read.by_place else "ORDER BY {} ").format(sql.SQL(", ").join(_keys(read)))


def _row_number(read: TableRead) -> Sql:
    return sql.SQL("row_number() OVER ({})").format(_order(read))


def _page_number(read: TableRead, page_rows: int) -> Sql:
    """A number that grows along the relation and changes where a page must end."""
    by_rows = sql.SQL("({} - 1) / {}").format(_row_number(read), sql.Literal(page_rows))
    if _rows_are_small(read, page_rows):
        return sql.SQL("ARRAY[{}]").format(by_rows)
    sizes, order = sql.SQL(" + ").join(_sizes(read)), _order(read)
    running = sql.SQL("(sum({}) OVER ({}ROWS UNBOUNDED PRECEDING))::bigint / {}").format(
        sizes, order, sql.Literal(PAGE_BYTES)
    )
    return sql.SQL("ARRAY[{}, {}]").format(by_rows, running)


def _rows_are_small(read: TableRead, page_rows: int) -> bool:
    """Whether a page cannot exceed its bytes: rows without out-of-line values fit into a block."""
    return read.by_place and not read.relation.toast and page_rows * _BLOCK_BYTES <= PAGE_BYTES


def _sizes(read: TableRead) -> Iterator[Sql]:
    """Bytes of each column; neither function fetches a value that is stored out of line."""
    for column in read.table.columns:
        plain = column.base in ("text", "varchar", "bytea")
        function = sql.SQL("octet_length" if plain else "pg_column_size")
        yield sql.SQL("coalesce({}({}.{}), 0)::bigint").format(function, ROW, sql.Identifier(column.name))


def _first_of_page(read: TableRead) -> Sql:
    if read.by_place:
        return sql.SQL("min(engram_place)::text")
    # As JSON, since an array of arrays has no elements that are arrays.
    return sql.SQL("(array_agg(to_json(engram_key) ORDER BY engram_row_number))[1]")


def _keys(read: TableRead) -> list[Sql]:
    return [sql.SQL("{}.{}").format(ROW, sql.Identifier(column)) for column in read.table.key]


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
    everywhere = sql.SQL(" UNION ALL ").join(
        sql.SQL(
            "SELECT {}::oid AS engram_in, {}.ctid AS engram_at, {} AS engram_hash FROM ONLY {} AS {}"
        ).format(
            sql.Literal(relation.oid),
            ROW,
            row_hash(ROW),
            sql.Identifier(relation.name.schema, relation.name.name),
            ROW,
        )
        for relation in read.table.relations
    )
    query = sql.SQL(
        "SELECT engram_at::text, nth FROM (SELECT engram_in, engram_at, row_number() OVER"
        " (PARTITION BY engram_hash ORDER BY engram_in, engram_at) AS nth FROM ({}) AS rows) AS numbered"
        " WHERE nth > 1 AND engram_in = {} ORDER BY engram_at"
    ).format(everywhere, sql.Literal(read.relation.oid))
    yield from connection.execute(query)
