"""Reading a page in halves, where the server has a time limit: faults that no real server shows at will."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from neo4j.exceptions import Neo4jError

from engram_store.errors import SourceError
from io_connectors.neo4j.plan import PagePlan
from io_connectors.neo4j.reads import Dialect
from io_connectors.neo4j.rows import NODES
from io_connectors.neo4j.session import Neo4jAddress
from io_connectors.neo4j.source import Reading, _PageReader

TIME_LIMIT = "Neo.ClientError.Transaction.TransactionTimedOut"
Rows = list[list[Any]]


class Server:
    """Answers like a server on which some ranges of ids fail."""

    def __init__(self, fails: Callable[[int, int], bool], code: str = TIME_LIMIT) -> None:
        self.asked: list[tuple[int, int]] = []
        self._fails = fails
        self._code = code

    def managed(self, work: Callable[[Any], Any]) -> Any:
        return work(self)

    def run(self, _query: str, parameters: dict[str, Any]) -> Server:
        start, stop = parameters["start"], parameters["stop"]
        self.asked.append((start, stop))
        if self._fails(start, stop):
            raise Neo4jError._hydrate_neo4j(code=self._code, message="it took too long")
        self._rows = [[i, ["L"], [], [], []] for i in range(start, stop)]
        return self

    def values(self) -> list[list[Rows]]:
        return [[self._rows]]


def _reader(server: Server) -> _PageReader:
    reader = _PageReader(Neo4jAddress("bolt://nowhere"), Reading(Dialect(False)))
    reader._connection = server  # type: ignore[assignment]
    return reader


def test_page_that_takes_too_long_is_read_in_halves_in_order() -> None:
    server = Server(lambda start, stop: stop - start > 3)
    page = _reader(server).read("p", PagePlan(NODES, 0, 10, 10, 0))
    assert [row[0] for row in page.rows] == [*range(10)]
    assert page.dead_letters == ()
    assert server.asked[:3] == [(0, 10), (0, 5), (0, 2)]


def test_record_that_always_takes_too_long_is_refused_alone() -> None:
    page = _reader(Server(lambda start, stop: start <= 6 < stop)).read("p", PagePlan(NODES, 0, 10, 10, 0))
    assert [row[0] for row in page.rows] == [0, 1, 2, 3, 4, 5, 7, 8, 9]
    (letter,) = page.dead_letters
    assert (letter.stage, letter.kind, letter.key, json.loads(letter.record)) == (
        "read",
        NODES,
        "6",
        {"id": 6},
    )
    assert "too long" in letter.reason and TIME_LIMIT in letter.reason


def test_other_errors_end_the_run() -> None:
    server = Server(lambda *_: True, "Neo.ClientError.Statement.SyntaxError")
    with pytest.raises(SourceError, match="reading nodes 0 to 9 failed"):
        _reader(server).read("p", PagePlan(NODES, 0, 10, 10, 0))
    assert len(server.asked) == 1
