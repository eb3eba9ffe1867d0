"""Reading a real server: mirrors, weights by observed ranges, ids by a property, and no secret on the way."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to

from io_connectors.neo4j.graph import open_graph
from io_connectors.neo4j.plan import Boundaries, Plan
from io_connectors.neo4j.session import Neo4jAddress
from io_connectors.neo4j.source import ReadFromNeo4j, Reading, neo4j_pages
from io_connectors.secrets import SecretRef
from tests.beam_graph import graph_bytes
from tests.neo4j.migrations import Found, found, migrate
from tests.neo4j.town import make_town
from tests.pipelines.stored import report
from tests.servers.neo4j import Neo4jServer


def _migrated(server: Neo4jServer, target: Path, *flags: str) -> Found:
    migrate(server, target, "--parallel-workers", "1", *flags).succeeded()
    assert report(target)["valid"]
    return found(target)


def _named_edges(graph: Found) -> list[tuple[str, str, str]]:
    """Start, type and end of each edge, by the names of the nodes."""
    names = {place: memory.content.split('"name":"')[1][0] for place, memory in graph.memories.items()}
    return sorted(
        (names[e.source_space, e.source], e.type, names[e.target_space, e.target])
        for e in graph.edges.values()
    )


def test_mirror_is_added_where_nothing_goes_back(graph: Neo4jServer, target: Path) -> None:
    graph.run(
        "CREATE (a:P {name: 'a'}), (b:P {name: 'b'}), (c:P {name: 'c'}),"
        " (a)-[:KNOWS]->(b), (b)-[:KNOWS]->(a), (b)-[:KNOWS]->(c), (b)-[:KNOWS]->(c),"
        " (c)-[:LIKES]->(b), (a)-[:KNOWS]->(a), (a)-[:LIKES]->(c)"
    )
    arrived = _migrated(graph, target, "--bidirectional-types", "KNOWS")
    assert _named_edges(arrived) == [
        ("a", "KNOWS", "a"),
        ("a", "KNOWS", "b"),
        ("a", "LIKES", "c"),
        ("b", "KNOWS", "a"),
        ("b", "KNOWS", "c"),
        ("b", "KNOWS", "c"),
        ("c", "KNOWS", "b"),
        ("c", "KNOWS", "b"),
        ("c", "LIKES", "b"),
    ]
    assert report(target)["edges"]["KNOWS (mirror)"]["written"] == 2  # type: ignore[index]


def test_observed_range_is_of_finite_numbers_of_that_type(graph: Neo4jServer, target: Path) -> None:
    graph.run(
        "CREATE (a:P {name: 'a'})"
        " FOREACH (s IN $scores | CREATE (a)-[:RATED {s: s}]->(a))"
        " CREATE (a)-[:RATED {s: 'high'}]->(a), (a)-[:RATED]->(a), (a)-[:SCORED {s: 100}]->(a)",
        scores=[2, 4, 6, math.nan, math.inf],
    )
    flags = ("--weight-property", "s", "--weight-range", "RATED:observed")
    arrived = _migrated(graph, target, *flags)
    rated = sorted(round(edge.weight, 3) for edge in arrived.edges.values() if edge.type == "RATED")
    # 2, 4 and 6; Infinity; NaN, a text and a missing value.
    assert rated == [0.0, 0.5, 0.7, 0.7, 0.7, 1.0, 1.0]
    (scored,) = (edge.weight for edge in arrived.edges.values() if edge.type == "SCORED")
    assert math.isclose(scored, 1.0)


def test_property_names_nodes_and_ends_of_relationships(graph: Neo4jServer, target: Path) -> None:
    graph.run(
        "CREATE (a:P {name: 'a', no: 7})-[:KNOWS]->(b:P {name: 'b', no: date('2024-01-02')}),"
        " (a)-[:KNOWS]->(c:P {name: 'c'}), (c)-[:KNOWS]->(:Q {name: 'd', no: 7})"
    )
    arrived = _migrated(graph, target, "--id-property", "P:no", "--memory-space", "everything")
    nameless = {arrived.named("c").id, arrived.named("d").id}
    assert all(name.startswith("neo4j_node_") for name in nameless)
    assert {m.id for m in arrived.memories.values()} - nameless == {"neo4j_P:7", "neo4j_P:2024-01-02"}
    assert len(arrived.edges) == 3


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ("(:P {no: 1}), (:P {no: '1'})", ("of 2 nodes 2 have it, with 1 distinct values",)),
        ("(:P {no: [1]}), (:Q {no: 1})", ("of 1 nodes 0 have it",)),
    ],
    ids=["shared", "no text"],
)
def test_property_that_cannot_name_nodes(
    graph: Neo4jServer, target: Path, nodes: str, words: tuple[str, ...]
) -> None:
    graph.run(f"CREATE {nodes}")
    migrate(graph, target, "--id-property", "P:no").failed(2, "`P.no` cannot name the nodes", *words)
    assert not target.exists()


def test_edges_can_be_left_out(graph: Neo4jServer, target: Path) -> None:
    graph.run("CREATE (:P {name: 'a'})-[:KNOWS]->(:P {name: 'b'})")
    arrived = _migrated(graph, target, "--skip-edges")
    assert len(arrived.memories) == 2 and not arrived.edges


def test_empty_graph(graph: Neo4jServer, target: Path) -> None:
    migrate(graph, target).succeeded()
    assert report(target)["records"] == 0


def test_pipeline_reads_every_page_and_carries_no_secret(graph: Neo4jServer) -> None:
    make_town(graph, people=300)
    password = SecretRef.keep("SOURCE_TEST", graph.password)
    address = Neo4jAddress.parse(graph.url, graph.user, password=password)
    with open_graph(address) as opened:
        reading, plan = Reading(opened.dialect), Plan.cut(Boundaries(50, 1, 0), opened.census(50, ()))
    ids = list(plan.pages)
    pipeline = beam.Pipeline(FnApiRunner())
    read = pipeline | ReadFromNeo4j(address, reading, plan, ids)
    seen = read | beam.Map(lambda page: (page.page_id, len(page)))
    assert_that(seen, equal_to([(page_id, page.rows) for page_id, page in plan.pages.items()]))
    carried = graph_bytes(pipeline) + pickle.dumps(neo4j_pages(address, reading, plan, ids))
    assert ids[0].encode() in carried  # so we do see into it
    assert graph.password.encode() not in carried
    pipeline.run().wait_until_finish()
