"""The server goes away in the middle, or its graph changes while it is read."""

from __future__ import annotations

import signal
from contextlib import closing
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from neo4j import ManagedTransaction
from neo4j.exceptions import IncompleteCommit

from engram_store.errors import Interrupted, MigrationError, SourceTransientError, WorkerFailure
from io_connectors.neo4j import session, source
from io_connectors.neo4j.graph import open_graph
from io_connectors.neo4j.plan import Boundaries, PagePlan, Plan
from io_connectors.neo4j.rows import RELATIONSHIPS
from io_connectors.neo4j.session import Neo4jAddress
from io_connectors.neo4j.source import Reading, neo4j_pages
from io_connectors.pages import SourcePage
from io_connectors.retry import DEFAULT_POLICY
from io_connectors.secrets import SecretRef
from pipelines import neo4j as pipeline
from tests.neo4j.migrations import found, migrate, properties, started
from tests.neo4j.town import PAGE, make_town
from tests.pipelines.stored import kept, page_files, report, stored
from tests.servers.neo4j import Neo4jServer


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["restart", "crash"])
def test_server_restarts_in_the_middle(
    own_neo4j: Neo4jServer, target: Path, tmp_path: Path, how: signal.Signals
) -> None:
    make_town(own_neo4j)
    process = started(own_neo4j, target, 20, *PAGE)
    own_neo4j.stop(how)
    pages = page_files(target)
    own_neo4j.start()
    assert process.running(), process.end()
    process.end().succeeded()
    assert 20 <= len(pages) < len(page_files(target))
    assert kept(pages, page_files(target))
    migrate(own_neo4j, tmp_path / "undisturbed").succeeded()
    assert stored(target).differences(stored(tmp_path / "undisturbed")) == []


def test_server_that_stays_away_ends_the_run_resumably(
    own_neo4j: Neo4jServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "RETRY_SECONDS", 1.0)
    make_town(own_neo4j, people=100)
    password = SecretRef.keep("RESTART_PASSWORD", own_neo4j.password)
    address = Neo4jAddress.parse(own_neo4j.url, own_neo4j.user, password=password)
    with open_graph(address) as graph:
        reading = Reading(graph.dialect)
        plan = Plan.cut(Boundaries(10, 1, 0), graph.census(10, ()))
    planned = neo4j_pages(address, reading, plan, list(plan.pages))
    pages = planned.read(planned.get_range_tracker(None, None))
    assert next(pages)
    own_neo4j.stop(signal.SIGKILL)
    with pytest.raises(WorkerFailure) as failed:
        next(pages)
    error = MigrationError.in_text(str(failed.value))
    assert isinstance(error, Interrupted)
    assert error.what == "reading nodes 10 to 19 failed"
    assert "check that the server runs" in error.suggestion


def test_server_that_goes_away_at_the_end_of_a_transaction_is_asked_again(
    graph: Neo4jServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = SecretRef.keep("COMMIT_PASSWORD", graph.password)
    connection = session.connect(Neo4jAddress.parse(graph.url, graph.user, password=password))
    commit, failures = ManagedTransaction._commit, [IncompleteCommit("gone")] * (DEFAULT_POLICY.attempts - 1)

    def fail_first(transaction: ManagedTransaction) -> None:
        commit(transaction)
        if failures:
            raise failures.pop()

    monkeypatch.setattr(ManagedTransaction, "_commit", fail_first)
    with closing(connection):
        assert connection.read("RETURN 7") == [[7]]
        assert not failures
        failures += [IncompleteCommit("gone for good")] * DEFAULT_POLICY.attempts
        with pytest.raises(SourceTransientError) as failed, session.translating("reading"):
            connection.read("RETURN 7")
        assert failed.value.why == "gone for good"
        assert not failures


def test_server_that_is_away_at_first_is_an_error(own_neo4j: Neo4jServer, target: Path) -> None:
    own_neo4j.stop()
    migrate(own_neo4j, target).failed(3, "Connection refused", f"`{own_neo4j.url}`")
    assert not target.exists()


class _Writer(Thread):
    """A client that goes on adding people who know somebody, and taking others away."""

    def __init__(self, server: Neo4jServer) -> None:
        super().__init__()
        self._server = server
        self._ended = Event()
        self.written = 0

    def run(self) -> None:
        while not self._ended.wait(0.01):
            self._server.run("MATCH (a:Person) WITH a LIMIT 1 CREATE (:New)-[:KNOWS]->(a)")
            self._server.run("MATCH (p:Person) WITH p SKIP 100 LIMIT 1 DETACH DELETE p")
            self.written += 1

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def __enter__(self) -> _Writer:
        self.start()
        return self


def test_changes_while_it_is_read_are_said(graph: Neo4jServer, target: Path) -> None:
    make_town(graph)
    with _Writer(graph) as writer:
        ended = migrate(graph, target, *PAGE)
    assert writer.written > 10
    ended.succeeded()
    changes = [line for line in ended.out.splitlines() if "the source changed while it was read" in line]
    assert len(changes) == 2
    assert "(:New) +" in changes[0] and "(:Person:Voter) " in ended.out and "-[:KNOWS]-> " in changes[1]
    document: dict[str, Any] = report(target)
    assert len(document["changes"]) == 2
    stored_edges = len(found(target).edges)
    edges = document["edges"].values()
    assert stored_edges == sum(edge["written"] - edge["orphans"] for edge in edges)
    # What was there from beginning to end is there.
    settled = {properties(memory).get("number") for memory in found(target).memories.values()}
    assert {number for (number,) in graph.run("MATCH (p:Person) RETURN p.number")} <= settled


def test_relationship_of_a_node_that_came_too_late_is_an_orphan(
    graph: Neo4jServer, target: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its page of nodes had been read already: nothing that dangles is committed."""
    make_town(graph, people=300)
    read = source._PageReader.read

    def read_late(reader: Any, page_id: str, place: PagePlan) -> SourcePage:
        if place.kind == RELATIONSHIPS and not graph.run("MATCH (n:Late) RETURN n.name"):
            graph.run("MATCH (p:Person) WITH p LIMIT 1 CREATE (:Late)-[:KNOWS]->(p)")
        return read(reader, page_id, place)

    monkeypatch.setattr(source._PageReader, "read", read_late)
    monkeypatch.setenv("ENGRAM_MIGRATE_SOURCE_PASSWORD", graph.password)
    flags = ["--parallel-workers", "1", "--target", str(target)]
    assert pipeline.main(["--source", graph.url, *flags]) == 0
    said = capsys.readouterr().out
    assert "(:Late) +1" in said and "-[:KNOWS]-> +1" in said
    assert "orphan of KNOWS: neo4j_node_" in said
    assert not [edge for edge in found(target).edges.values() if edge.source_space == "late"]
