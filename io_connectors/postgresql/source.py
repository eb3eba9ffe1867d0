"""ReadFromPostgres: planned pages of PostgreSQL rows, read in one exported snapshot.

    rows = pipeline | ReadFromPostgres(address, plan, page_ids)

A page is one query fetched whole (the plan bounds it in rows and bytes), so that any page can
be read alone, again, or in halves when one row of it cannot be read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import psycopg
from psycopg import sql

from engram_store.errors import Interrupted, MigrationError, SourceError
from io_connectors.pages import DeadLetter, SourcePage
from io_connectors.planned_pages import PlannedPage, PlannedPages, ReadPlannedPages
from io_connectors.postgresql.plan import PagePlan, Plan
from io_connectors.postgresql.reads import Sql, TableRead, select, select_names
from io_connectors.postgresql.session import (
    Connection,
    PostgresAddress,
    begin_snapshot,
    connect,
    is_row_fault,
    translate,
)
from io_connectors.postgresql.splitter import page_condition, row_condition

Row = tuple[Any, ...]

#: A page, and the relation it is a page of.
Place = tuple[TableRead, PagePlan]


class ReadFromPostgres(ReadPlannedPages):
    """Reads planned pages as ``SourcePage``.

    Args:
        address: The database, without its password.
        plan: The page plan; its snapshot must be held by the launcher while this runs.
        page_ids: Which pages to read, normally those that no receipt was found for.
    """

    def __init__(self, address: PostgresAddress, plan: Plan, page_ids: Sequence[str]) -> None:
        super().__init__(postgres_pages(address, plan, page_ids))


def postgres_pages(address: PostgresAddress, plan: Plan, page_ids: Sequence[str]) -> PlannedPages[Place]:
    """The pages as Beam's bounded source; see ``ReadFromPostgres``."""
    pages = []
    for page_id in page_ids:
        page = plan.pages[page_id]
        pages.append(PlannedPage(page_id, page.rows, (plan.reads[page.read], page)))
    return PlannedPages(pages, partial(_PageReader, address, plan.snapshot), {"database": address.display})


class _PageReader:
    """One connection on the snapshot, reading page after page."""

    def __init__(self, address: PostgresAddress, snapshot: str) -> None:
        self._address = address
        self._snapshot = snapshot
        self._connection: Connection | None = None

    def read(self, page_id: str, place: Place) -> SourcePage:
        """Reads a page; rows that cannot be read become dead letters, the others do not suffer."""
        read, page = place
        try:
            return self._read(page_id, read, page)
        except psycopg.Error as error:
            found = translate(error, f"reading `{read.relation.name}`")
            raise _interrupted(found) if found.retriable else found from error

    def close(self) -> None:
        """Ends the transaction by ending the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _read(self, page_id: str, read: TableRead, page: PagePlan) -> SourcePage:
        relation = str(read.relation.name)
        condition = page_condition(read, page)
        try:
            rows = self._fetch(select(read, condition, place=bool(page.repeats)))
        except psycopg.Error as error:
            if not is_row_fault(error):
                raise
            return self._read_in_halves(page_id, read, condition, page)
        return SourcePage(page_id, relation, numbered(rows, page, read))

    def _fetch(self, query: sql.Composed) -> list[Row]:
        if self._connection is None:
            self._open()
        assert self._connection is not None
        try:
            return self._connection.execute(query).fetchall()
        except psycopg.Error:
            self.close()
            raise

    def _open(self) -> None:
        try:
            self._connection = connect(self._address, purpose="reading pages")
        except SourceError as error:
            raise _interrupted(error) from error
        begin_snapshot(self._connection, self._snapshot)

    def _read_in_halves(self, page_id: str, read: TableRead, condition: Sql, page: PagePlan) -> SourcePage:
        rows: list[Row] = []
        letters: list[DeadLetter] = []
        pending = [self._row_conditions(read, condition)]
        while pending:
            part = pending.pop()
            try:
                rows += self._fetch(select(read, _any_of(part), place=bool(page.repeats)))
            except psycopg.Error as error:
                if not is_row_fault(error):
                    raise
                if len(part) == 1:
                    letters.append(_unreadable(page_id, read, part[0], error))
                else:
                    middle = len(part) // 2
                    pending += [part[middle:], part[:middle]]
        return SourcePage(page_id, str(read.relation.name), numbered(rows, page, read), tuple(letters))

    def _row_conditions(self, read: TableRead, condition: Sql) -> list[Sql]:
        """One condition a row of the page, in order."""
        return [row_condition(read, row) for row in self._fetch(select_names(read, condition))]


def _interrupted(error: MigrationError) -> Interrupted:
    """What the launcher could do a moment ago fails now: with a new snapshot the run goes on."""
    return Interrupted(error.what, why=error.why, suggestion=error.suggestion)


def _any_of(conditions: Sequence[Sql]) -> Sql:
    return sql.SQL(" OR ").join(conditions)


def numbered(rows: Sequence[Row], page: PagePlan, read: TableRead) -> Sequence[Row]:
    """Makes the hashes of equal rows distinct: the n-th of them gets ``_n``; drops the place.

    Args:
        rows: Rows of the page, read with their places if it has repeats; else they are as they shall be.
        page: Its plan, which knows the repeats.
        read: Its relation.
    """
    if not page.repeats:
        return rows
    nth = dict(page.repeats)
    key = read.layout.key.start
    return [
        (*row[:key], f"{row[key]}_{nth[row[-1]]}", *row[key + 1 : -1]) if row[-1] in nth else row[:-1]
        for row in rows
    ]


def _unreadable(page_id: str, read: TableRead, condition: Sql, error: psycopg.Error) -> DeadLetter:
    place = condition.as_string(None)
    return DeadLetter(
        stage="read",
        page_id=page_id,
        kind=str(read.table.name),
        key=place,
        reason=f"{str(error).strip().splitlines()[0]} (SQLSTATE {error.sqlstate})",
        suggestion="repair the row in the source, then run `engram-migrate replay`",
        record=json.dumps({"where": place}),
    )
