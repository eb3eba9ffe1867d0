"""ReadFromNeo4j: planned pages of nodes and relationships.

    rows = pipeline | ReadFromNeo4j(address, reading, plan, page_ids)

A page is one managed read transaction, buffered whole before it is handed on, so that a server
that restarts in the middle of it costs time and nothing else. A page that is too much for the
server's memory or its time limit is read in halves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any

import neo4j
from neo4j.exceptions import DriverError, Neo4jError

from engram_store.errors import Interrupted, MigrationError
from io_connectors.neo4j.plan import PagePlan, Plan
from io_connectors.neo4j.reads import Dialect, select_nodes, select_relationships
from io_connectors.neo4j.rows import NODES, NodeRow, RelationshipRow
from io_connectors.neo4j.session import PATIENT, Connection, Neo4jAddress, connect, is_too_much, translate
from io_connectors.pages import DeadLetter, SourcePage
from io_connectors.planned_pages import PlannedPage, PlannedPages, ReadPlannedPages

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What is asked for beside the records themselves.

    Attributes:
        dialect: The server's.
        identities: Properties that may name a node.
        mirrored: Relationship types whose way back is looked for.
    """

    dialect: Dialect
    identities: tuple[str, ...] = ()
    mirrored: tuple[str, ...] = ()

    def query(self, kind: str) -> str:
        """The query for a list of rows."""
        if kind == NODES:
            return select_nodes(self.dialect)
        return select_relationships(self.dialect, bool(self.mirrored))

    @property
    def parameters(self) -> dict[str, Any]:
        """What its queries need beside the range of ids."""
        return {
            "identities": list(self.identities),
            "mirrored": list(self.mirrored),
            **self.dialect.parameters,
        }


class ReadFromNeo4j(ReadPlannedPages):
    """Reads planned pages as ``SourcePage``, rows being ``NodeRow`` or ``RelationshipRow``.

    Args:
        address: The database, without its password.
        reading: What is asked for.
        plan: The page plan.
        page_ids: Which pages to read, normally those that no receipt was found for.
    """

    def __init__(self, address: Neo4jAddress, reading: Reading, plan: Plan, page_ids: Sequence[str]) -> None:
        super().__init__(neo4j_pages(address, reading, plan, page_ids))


def neo4j_pages(
    address: Neo4jAddress, reading: Reading, plan: Plan, page_ids: Sequence[str]
) -> PlannedPages[PagePlan]:
    """The pages as Beam's bounded source; see ``ReadFromNeo4j``."""
    pages = [PlannedPage(page_id, plan.pages[page_id].rows, plan.pages[page_id]) for page_id in page_ids]
    return PlannedPages(pages, partial(_PageReader, address, reading), {"database": address.display})


class _PageReader:
    """One driver, reading page after page."""

    def __init__(self, address: Neo4jAddress, reading: Reading) -> None:
        self._address = address
        self._reading = reading
        self._connection: Connection | None = None

    def read(self, page_id: str, place: PagePlan) -> SourcePage:
        """Reads a page; a record that cannot be read becomes a dead letter."""
        rows: list[Row] = []
        letters: list[DeadLetter] = []
        pending = [(place.start, place.stop)]
        while pending:
            start, stop = pending.pop()
            try:
                rows += self._fetch(place.kind, start, stop)
            except _TooMuch as error:
                if stop - start == 1:
                    letters.append(_unreadable(page_id, place.kind, start, error.cause))
                else:
                    middle = (start + stop) // 2
                    pending += [(middle, stop), (start, middle)]
        return SourcePage(page_id, place.kind, rows, tuple(letters))

    def close(self) -> None:
        """Closes the driver."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _fetch(self, kind: str, start: int, stop: int) -> list[Row]:
        try:
            return self._open().managed(lambda transaction: self._rows(transaction, kind, start, stop))
        except (Neo4jError, DriverError) as error:
            found = translate(error, f"reading {kind} {start} to {stop - 1}")
            raise _interrupted(found) if found.retriable else found from error

    def _rows(self, transaction: neo4j.ManagedTransaction, kind: str, start: int, stop: int) -> list[Row]:
        parameters = {**self._reading.parameters, "start": start, "stop": stop}
        try:
            found = transaction.run(self._reading.query(kind), parameters).values()[0][0]
        except Neo4jError as error:
            # The driver would try again for minutes what fails for its size.
            if is_too_much(error):
                raise _TooMuch(error) from error
            raise
        return rows_of(kind, found)

    def _open(self) -> Connection:
        if self._connection is None:
            try:
                self._connection = connect(self._address, PATIENT)
            except MigrationError as error:
                raise _interrupted(error) if error.retriable else error from error
        return self._connection


class _TooMuch(Exception):
    def __init__(self, cause: Neo4jError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def rows_of(kind: str, found: list[list[Any]]) -> list[Row]:
    """A page's rows by name, in the order of their ids: a small store is scanned, not sought."""
    make = NodeRow._make if kind == NODES else RelationshipRow._make
    return [make(row) for row in sorted(found, key=itemgetter(0))]


def _interrupted(error: MigrationError) -> Interrupted:
    """What the launcher could do a moment ago fails now: later, the run goes on."""
    return Interrupted(error.what, why=error.why, suggestion=error.suggestion)


def _unreadable(page_id: str, kind: str, number: int, error: Neo4jError) -> DeadLetter:
    return DeadLetter(
        stage="read",
        page_id=page_id,
        kind=kind,
        key=str(number),
        reason=f"{error.message} ({error.code})",
        suggestion="give the server more memory or time for a transaction, then run `engram-migrate replay`",
        record=f'{{"id": {number}}}',
    )
