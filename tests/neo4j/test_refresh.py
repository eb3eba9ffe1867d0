"""A further attempt, or the same command again, on a graph that may have changed meanwhile."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.neo4j.migrations import found, migrate, started
from tests.neo4j.town import PAGE, make_town
from tests.pipelines.command import stopped, verb
from tests.pipelines.stored import kept, page_files, report, stored
from tests.servers.neo4j import Neo4jServer


def test_pages_of_one_record_go_on(graph: Neo4jServer, target: Path, tmp_path: Path) -> None:
    make_town(graph, people=200)
    stopped(started(graph, target, 20, "--batch-size", "1"), signal.SIGKILL)
    pages = page_files(target)
    migrate(graph, target, "--batch-size", "1").succeeded()
    assert kept(pages, page_files(target))
    migrate(graph, tmp_path / "undisturbed").succeeded()
    assert stored(target).differences(stored(tmp_path / "undisturbed")) == []


def test_ages_are_counted_to_one_instant_whatever_the_attempts(graph: Neo4jServer, target: Path) -> None:
    """Each attempt has its own now; half a day's half-life would show hours between them."""
    graph.run("UNWIND range(1, 3000) AS i CREATE (a:Old)-[:SINCE {at: datetime('2026-01-01T00:00Z')}]->(a)")
    flags = (*PAGE, "--age-property", "at", "--half-life-days", "100000")
    stopped(started(graph, target, 40, *flags), signal.SIGKILL)
    migrate(graph, target, *flags).succeeded()
    assert len({edge.weight for edge in found(target).edges.values()}) == 1


def test_record_that_came_between_attempts_is_read(graph: Neo4jServer, target: Path, tmp_path: Path) -> None:
    make_town(graph, people=1_000)
    stopped(started(graph, target, 8, *PAGE), signal.SIGKILL)
    pages = page_files(target)
    graph.run("MATCH (p:Person {number: 10}) DETACH DELETE p")
    graph.run("UNWIND range(1, 50) AS i CREATE (:Person {name: 'Newcomer ' + toString(i)})")
    ended = migrate(graph, target, *PAGE)
    ended.succeeded()
    assert "2 attempts" in ended.out
    assert sum(page_files(target).get(name) != file for name, file in pages.items()) <= 4
    migrate(graph, tmp_path / "afresh").succeeded()
    assert stored(target).differences(stored(tmp_path / "afresh")) == []


def test_complete_run_given_again_sees_changed_properties(graph: Neo4jServer, target: Path) -> None:
    make_town(graph, people=200)
    migrate(graph, target).succeeded()
    graph.run(
        "MATCH (p:Person {number: 10}) SET p.name = 'Renamed' WITH p MATCH (q {number: 11}) DETACH DELETE q"
    )
    migrate(graph, target).succeeded()
    again = found(target)
    assert again.named("Renamed")
    assert len(again.memories) == report(target)["tables"]["nodes"]["source"]  # type: ignore[index]
    assert not [m for m in again.memories.values() if '"number":11}' in m.content]


def test_a_validated_run_tells_what_changed_since(graph: Neo4jServer, target: Path) -> None:
    """Properties change without a trace: what was read is served, and that is what can be known."""
    make_town(graph, people=100)
    migrate(graph, target).succeeded()
    password = {"ENGRAM_MIGRATE_SOURCE_PASSWORD": graph.password}
    ended = verb("validate", "--target", str(target), environment=password)
    ended.succeeded()
    assert ended.out.count("✓") == 6 and "no snapshots" not in ended.out
    graph.run("MATCH (p:Person) SET p.name = 'Renamed'")
    ended = verb("validate", "--target", str(target), environment=password)
    ended.succeeded()
    assert "the source has no snapshots: what changed in it since differs, too" in ended.out
    assert "Renamed" in ended.out
