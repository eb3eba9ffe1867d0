"""ReadFromPostgres: planned pages of PostgreSQL rows, read in one exported snapshot.

    rows = pipeline | ReadFromPostgres(address, plan, page_ids)

The source is splittable by pages: a split is a slice of the plan, a claim is one page, and a
page is one query fetched whole (the plan bounds it in rows and bytes), so that any page can be
read alone, again, or in halves when one row of it cannot be read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
import psycopg
from apache_beam.io import iobase
from apache_beam.io.range_trackers import OffsetRangeTracker
from psycopg import sql

from engram_store.errors import Interrupted, MigrationError, SourceError
from io_connectors.pages import DeadLetter, SourcePage
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

#: Initial splits: enough for a few dozen workers to be busy to the end, few enough that a
#: connection each costs nothing.
SPLITS = 64


class ReadFromPostgres(beam.PTransform[beam.pvalue.PBegin, beam.PCollection[SourcePage]]):
    """Reads planned pages as ``SourcePage``.

    Args:
        address: The database, without its password.
        plan: The page plan; its snapshot must be held by the launcher while this runs.
        page_ids: Which pages to read, normally those that no receipt was found for.
    """

    def __init__(self, address: PostgresAddress, plan: Plan, page_ids: Sequence[str]) -> None:
        super().__init__()
        self._source = PostgresPages(address, plan, page_ids)

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[SourcePage]:
        """Spreads slices of the plan over the workers; Beam's splittable DoFn reads each.

        ``iobase.Read`` of the whole would carry every page of the plan into every worker.
        """
        slices = [bundle.source for bundle in self._source.split(0)]
        pages: beam.PCollection[SourcePage] = (
            pbegin
            | "Slices of the plan" >> beam.Create(slices, reshuffle=False)
            | "Spread slices" >> beam.Reshuffle()
            | "Read pages" >> iobase.SDFBoundedSourceReader(self._source.display_data())
        )
        return pages


class PostgresPages(iobase.BoundedSource):
    """A slice of a page plan, as Beam's bounded source over page positions 0 … n."""

    def __init__(self, address: PostgresAddress, plan: Plan, page_ids: Sequence[str]) -> None:
        super().__init__()
        self._address = address
        self._splits = SPLITS
        self._snapshot = plan.snapshot
        self._page_ids = tuple(page_ids)
        self._pages = tuple(plan.pages[page_id] for page_id in page_ids)
        self._reads = {page.read: plan.reads[page.read] for page in self._pages}

    def estimate_size(self) -> int:
        """Rows planned; Beam only compares it with itself."""
        return sum(page.rows for page in self._pages)

    def get_range_tracker(self, start_position: int | None, stop_position: int | None) -> OffsetRangeTracker:
        """A tracker over positions in this slice."""
        stop = len(self._pages) if stop_position is None else stop_position
        return OffsetRangeTracker(start_position or 0, stop)

    def split(
        self,
        desired_bundle_size: int,
        start_position: int | None = None,
        stop_position: int | None = None,
    ) -> Iterator[iobase.SourceBundle]:
        """Slices of about equal row counts, each a source of its own that carries only its pages.

        A slice is not cut up again in advance: each takes a connection.
        """
        start = start_position or 0
        stop = len(self._pages) if stop_position is None else stop_position
        rows = sum(page.rows for page in self._pages[start:stop])
        share = max(1, rows // self._splits)
        begin, taken = start, 0
        for position in range(start, stop):
            taken += self._pages[position].rows
            if taken >= share or position + 1 == stop:
                yield self._bundle(begin, position + 1, taken)
                begin, taken = position + 1, 0

    def _bundle(self, start: int, stop: int, rows: int) -> iobase.SourceBundle:
        part = object.__new__(PostgresPages)
        part.__dict__.update(self.__dict__)
        part._splits = 1
        part._page_ids = self._page_ids[start:stop]
        part._pages = self._pages[start:stop]
        part._reads = {page.read: self._reads[page.read] for page in part._pages}
        return iobase.SourceBundle(rows, part, 0, stop - start)

    def default_output_coder(self) -> beam.coders.Coder:
        """Pages are pickled if they ever leave a process; within a fused stage they do not."""
        return beam.coders.FastPrimitivesCoder()

    def read(self, range_tracker: OffsetRangeTracker) -> Iterator[SourcePage]:
        """Claims and reads one page at a time.

        Raises:
            WorkerFailure: Carrying the error of the tree.
        """
        reader = _PageReader(self._address, self._snapshot)
        try:
            for position in range(range_tracker.start_position(), len(self._pages)):
                if not range_tracker.try_claim(position):
                    return
                page = self._pages[position]
                yield reader.read(self._page_ids[position], self._reads[page.read], page)
        except MigrationError as error:
            raise error.marked() from error
        finally:
            reader.close()

    def display_data(self) -> dict[str, Any]:
        """What a runner's page shows of this step."""
        return {"database": self._address.display, "pages": len(self._pages), "rows": self.estimate_size()}


class _PageReader:
    """One connection on the snapshot, reading page after page."""

    def __init__(self, address: PostgresAddress, snapshot: str) -> None:
        self._address = address
        self._snapshot = snapshot
        self._connection: Connection | None = None

    def read(self, page_id: str, read: TableRead, page: PagePlan) -> SourcePage:
        """Reads a page; rows that cannot be read become dead letters, the others do not suffer."""
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
    again = "run the same command again; finished pages are kept"
    advice = (
        error.suggestion
        if again.split(";", maxsplit=1)[0] in error.suggestion
        else f"{error.suggestion}; then {again}"
    )
    return Interrupted(error.what, why=error.why, suggestion=advice)


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
