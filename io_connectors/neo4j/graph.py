"""One database of a server, opened: who it is, its census, and single pages of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from io_connectors.neo4j.census import Census, take_census
from io_connectors.neo4j.reads import Dialect
from io_connectors.neo4j.rows import NODES, RELATIONSHIPS
from io_connectors.neo4j.session import Connection, Neo4jAddress, connect, translating
from io_connectors.neo4j.source import Reading, rows_of

_SAMPLES = 20


@dataclass(frozen=True, slots=True)
class Graph:
    """A database.

    Attributes:
        connection: Open.
        address: Where it is.
        identity: What tells it from every other database.
        dialect: How its records are named.
    """

    connection: Connection
    address: Neo4jAddress
    identity: str
    dialect: Dialect

    def census(self, width: int, mirrored: Sequence[str], relationships: bool = True) -> Census:
        """Counts the graph; see ``take_census``."""
        return take_census(self.connection, self.dialect, width, tuple(mirrored), relationships)

    def rows(self, reading: Reading, kind: str, start: int, stop: int) -> list[tuple[Any, ...]]:
        """The records of a range of internal ids, as their page holds them."""
        parameters = {**reading.parameters, "start": start, "stop": stop}
        with translating(f"reading {kind} {start} to {stop - 1}"):
            return rows_of(kind, self.connection.read(reading.query(kind), **parameters)[0][0])

    def property_names(self) -> list[str]:
        """The names that properties of nodes and relationships have."""
        with translating("looking at the names of properties"):
            return [name for (name,) in self.connection.read("CALL db.propertyKeys()")]

    def record_bytes(self, reading: Reading, census: Census) -> float:
        """Bytes of a record's values, on average over records from all over the graph."""
        rows = size = 0
        for kind in (NODES, RELATIONSHIPS):
            numbers = sorted(census.of(kind))
            for number in numbers[:: max(1, len(numbers) // _SAMPLES)]:
                start = number * census.width
                found = self.rows(reading, kind, start, start + min(census.width, _SAMPLES))
                rows += len(found)
                size += sum(map(_size, found))
        return size / max(1, rows)


def _size(row: tuple[Any, ...]) -> int:
    return len(orjson.dumps(tuple(row), default=lambda value: len(value) * " "))


@contextmanager
def open_graph(address: Neo4jAddress) -> Iterator[Graph]:
    """Opens a database and finds out how its records are named.

    Raises:
        SourceError: It cannot be reached, or the user may not read it.
    """
    connection = connect(address)
    try:
        with translating(f"looking at `{address.display}`"):
            graph = Graph(connection, address, _identity(connection), _dialect(connection))
        yield graph
    finally:
        connection.close()


def _identity(connection: Connection) -> str:
    ((identity, name),) = connection.read("CALL db.info() YIELD id, name RETURN id, name")
    return f"{identity}/{name}"


def _dialect(connection: Connection) -> Dialect:
    if not Dialect.has_element_ids(connection.server):
        return Dialect(by_element_id=False)
    nodes = connection.read("MATCH (n) RETURN elementId(n) LIMIT 1")
    relationships = connection.read("MATCH ()-[r]->() RETURN elementId(r) LIMIT 1")
    return Dialect(True, _prefix(nodes), _prefix(relationships))


def _prefix(rows: list[list[str]]) -> str:
    """What an element id has before the internal id; empty where there is no record to ask."""
    return rows[0][0][: rows[0][0].rindex(":") + 1] if rows else ""
