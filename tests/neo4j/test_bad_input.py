"""What goes wrong is said once, with names, the reason and the next command; odd graphs arrive whole."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from neo4j.exceptions import Neo4jError

from engram_store.model import CONFIDENCE
from tests.neo4j.migrations import Found, found, migrate, properties
from tests.pipelines.command import verb
from tests.pipelines.stored import report
from tests.servers.neo4j import Neo4jServer, chosen_version, major

ODD = "a`b\"c'd\\e:f,g {h} $i /../ é\t—\u202e"


MEMORY_LIMIT = (
    "db.memory.transaction.max=5m" if major(chosen_version()) > 4 else "dbms.memory.transaction.max_size=5m",
)


def _migrated(server: Neo4jServer, target: Path, *flags: str) -> Found:
    migrate(server, target, *flags).succeeded()
    assert report(target)["valid"]
    return found(target)


@pytest.mark.parametrize(
    ("flags", "password", "words"),
    [
        ((), "wrong", ("--source-user", "ENGRAM_MIGRATE_SOURCE_PASSWORD")),
        (("--source-user", "nobody"), None, ("--source-user",)),
        (("--database", "no-such"), None, ("no-such", "--database", "SHOW DATABASES")),
    ],
    ids=["password", "user", "database"],
)
def test_server_lets_nobody_in(
    own_neo4j: Neo4jServer, target: Path, flags: tuple[str, ...], password: str | None, words: tuple[str, ...]
) -> None:
    environment = {"ENGRAM_MIGRATE_SOURCE_PASSWORD": password or own_neo4j.password}
    migrate(own_neo4j, target, *flags, environment=environment).failed(3, *words)
    assert not target.exists()


def test_password_from_a_file_and_nowhere_else(graph: Neo4jServer, target: Path) -> None:
    graph.run("CREATE (:Secretive {name: 'x'})-[:KNOWS]->(:Secretive)")
    file = target.with_name("password")
    file.write_text(graph.password + "\n")
    nothing = {"ENGRAM_MIGRATE_SOURCE_PASSWORD": ""}
    flags = ("--source-password-file", str(file), "--log-level", "debug")
    ended = [
        migrate(graph, target, *flags, environment=nothing),
        migrate(graph, target, *flags, "--dry-run", environment=nothing),
    ]
    file.unlink()
    for one in ended:
        one.succeeded()
        assert graph.password not in one.out + one.err
    for path in target.rglob("*"):
        assert path.is_dir() or graph.password.encode() not in path.read_bytes(), path


def test_odd_names_are_only_names(graph: Neo4jServer, target: Path) -> None:
    quoted = "`" + ODD.replace("`", "``") + "`"
    graph.run(f"CREATE (a:{quoted} {{{quoted}: 1, name: $n}})-[:{quoted} {{{quoted}: 2}}]->(a)", n=ODD)
    settings = target.with_name("odd.json")
    settings.write_text(
        json.dumps(
            {
                "label_to_space": {ODD: "odd"},
                "id_property": {ODD: "name"},
                "timestamp_property": {ODD: ODD},
                "weight_property": {ODD: ODD},
                "weight_range": {ODD: "0..8"},
                "bidirectional_types": [ODD],
            }
        )
    )
    arrived = _migrated(graph, target, "--config", str(settings))
    (memory,), (edge,) = arrived.memories.values(), arrived.edges.values()
    assert memory.space == "odd" and memory.id.endswith(f":{ODD}")
    assert memory.source.kind == ODD
    assert properties(memory) == {ODD: 1, "name": ODD}
    assert (edge.type, edge.weight, json.loads(edge.properties or "")) == (ODD, 0.25, {ODD: 2})
    verb("edges", "odd", memory.id, "--target", str(target)).succeeded()


def test_large_property_and_node_of_many_relationships(graph: Neo4jServer, target: Path) -> None:
    graph.run("CREATE (:Large {name: 'ten megabytes', text: $text})", text="0123456789" * 1_000_000)
    graph.run(
        "CREATE (h:Hub {name: 'hub'}) WITH h UNWIND range(1, 1000) AS i CREATE (s:Rim {n: i})"
        " WITH h, s UNWIND range(1, 100) AS j CREATE (h)-[:SPOKE {j: j}]->(s)"
    )
    arrived = _migrated(graph, target)
    assert len(properties(arrived.named("ten megabytes"))["text"]) == 10_000_000
    assert len(arrived.edges) == 100_000
    assert {edge.source for edge in arrived.edges.values()} == {arrived.named("hub").id}
    assert Counter(
        json.loads(edge.properties or "")["j"] for edge in arrived.edges.values()
    ) == dict.fromkeys(range(1, 101), 1000)


def test_too_large_record_is_refused_alone_and_replayed(graph: Neo4jServer, target: Path) -> None:
    graph.run(
        "UNWIND range(1, 20) AS i CREATE (:Note {n: i, text: CASE i WHEN 7 THEN $long ELSE 'x' END})",
        long="y" * 5000,
    )
    graph.run(
        "MATCH (a:Note {n: 6}), (b:Note {n: 7}) CREATE (a)-[:NEXT]->(b), (b)-[:NEXT {text: $long}]->(a)",
        long="y" * 5000,
    )
    limit = ("--max-content-bytes", "2000")
    ended = migrate(graph, target, *limit)
    ended.succeeded()
    assert "2 records were refused" in ended.out and "orphan of NEXT" in ended.out
    letters = verb("dead-letters", "--target", str(target))
    assert letters.out.count("\n") == 2 and "Note" in letters.out and "NEXT" in letters.out
    assert len(found(target).memories) == 19 and not found(target).edges

    password = {"ENGRAM_MIGRATE_SOURCE_PASSWORD": graph.password}
    flags = ("--source", graph.url, "--max-content-bytes", "10000")
    again = verb("replay", "--target", str(target), *flags, environment=password)
    again.succeeded()
    assert len(found(target).memories) == 20 and len(found(target).edges) == 2
    assert report(target)["dead_letters"] == 0


def test_more_dead_letters_than_allowed_end_the_run(graph: Neo4jServer, target: Path) -> None:
    graph.run("UNWIND range(1, 20) AS i CREATE (:Note {text: $long})", long="y" * 5000)
    flags = ("--max-content-bytes", "2000", "--max-dead-letters", "3")
    migrate(graph, target, *flags).failed(5, "records", "`--max-dead-letters`", "dead-letters")
    verb("spaces", "--target", str(target)).failed(4)


@pytest.mark.parametrize("own_neo4j", [MEMORY_LIMIT], indirect=True)
def test_pages_beyond_the_servers_memory_are_halved(own_neo4j: Neo4jServer, target: Path) -> None:
    for _ in range(10):
        own_neo4j.run("UNWIND range(1, 40) AS i CREATE (:Wide {text: $text, n: i})", text="z" * 20_000)
    with pytest.raises(Neo4jError, match="limit"):
        own_neo4j.run("MATCH (n) RETURN collect(n.text)")
    assert len(_migrated(own_neo4j, target).memories) == 400


def test_node_without_text_is_low_and_with_text_is_as_asked(graph: Neo4jServer, target: Path) -> None:
    graph.run("CREATE (:Thing {name: 'with text'}), (:Thing {n: 1}), (:Thing)")
    memories = _migrated(graph, target, "--confidence", "HIGH").memories.values()
    low, high = CONFIDENCE["LOW"], CONFIDENCE["HIGH"]
    assert sorted(round(memory.confidence, 3) for memory in memories) == [low, low, high]
