"""Every sample, with any number of workers and any page size, is in the store as it is known to be."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from engram_store.model import Edge
from tests.neo4j.migrations import Found, found, migrate, properties
from tests.pipelines.stored import Stored, report, stored
from tests.servers.neo4j_samples import GRAPH_NAMES, Neo4jSamples

Migrated = Callable[[str, int, int], Path]

CASES = [
    *((name, workers, 10_000) for name in GRAPH_NAMES for workers in (1, 2, 4)),
    *((name, 2, 7) for name in GRAPH_NAMES),
    *((name, workers, 1) for name in ("movies", "edgecases") for workers in (1, 2, 4)),
]

#: What the driver calls the values that JSON has no form for.
_TYPES = {
    "zoned_datetime": "DateTime",
    "local_datetime": "DateTime",
    "date": "Date",
    "zoned_time": "Time",
    "local_time": "Time",
    "duration": "Duration",
    "bytes": "bytes",
    "float": "float",
}
_GEOGRAPHIC = (4326, 4979)

#: A node with times beyond Python's years: the driver that took the truth could not read it, so
#: that it counts as an end of relationships there and not as a node.
UNREADABLE = "Old"


@pytest.fixture(scope="module")
def migrated(neo4j_sample: Neo4jSamples, tmp_path_factory: pytest.TempPathFactory) -> Migrated:
    @cache
    def target(name: str, workers: int, rows: int) -> Path:
        folder = tmp_path_factory.mktemp(name) / "store"
        flags = ("--parallel-workers", str(workers), "--batch-size", str(rows))
        migrate(neo4j_sample(name), folder, *flags).succeeded()
        return folder

    return target


@pytest.fixture(scope="module")
def expected(migrated: Migrated) -> Callable[[str], Stored]:
    return cache(lambda name: stored(migrated(name, 1, 10_000)))


@pytest.mark.parametrize(("name", "workers", "rows"), CASES)
def test_store_holds_what_is_known_of_the_sample(
    neo4j_sample: Neo4jSamples,
    migrated: Migrated,
    expected: Callable[[str], Stored],
    name: str,
    workers: int,
    rows: int,
) -> None:
    target, truth = migrated(name, workers, rows), neo4j_sample.truth(name)
    graph = found(target)
    _check_nodes(graph, truth)
    _check_relationships(graph, truth)
    assert stored(target).differences(expected(name)) == []
    document: dict[str, Any] = report(target)
    assert document["valid"] and document["dead_letters"] == document["orphans"] == 0
    assert document["tables"]["nodes"]["written"] == len(graph.memories)
    assert document["tables"]["relationships"]["written"] == truth["relationships"]


def _check_nodes(graph: Found, truth: dict[str, Any]) -> None:
    nodes = [(json.loads(m.content)["labels"], properties(m)) for m in graph.memories.values()]
    known = [(labels, values) for labels, values in nodes if UNREADABLE not in labels]
    assert len(known) == truth["nodes"]
    assert Counter(label for labels, _ in known for label in labels) == truth["labels"]
    assert Counter(":".join(labels) for labels, _ in known) == truth["label_combos"]
    assert (
        _types((key, value) for _, values in known for key, value in values.items())
        == (truth["node_property_types"])
    )
    with_text = [any(type(value) is str for value in values.values()) for _, values in known]
    assert with_text.count(False) == truth["nodes_without_string_property"]
    joined = {
        end for e in graph.edges.values() for end in ((e.source_space, e.source), (e.target_space, e.target))
    }
    assert len(graph.memories.keys() - joined) == truth["isolated_nodes"]


def _check_relationships(graph: Found, truth: dict[str, Any]) -> None:
    edges = list(graph.edges.values())
    assert len(edges) == truth["relationships"]
    assert Counter(edge.type for edge in edges) == truth["rel_types"]
    assert Counter(_pattern(graph, edge) for edge in edges) == truth["endpoint_patterns"]
    assert (
        _types(
            (f"{edge.type}.{key}", value)
            for edge in edges
            for key, value in json.loads(edge.properties or "{}").items()
        )
        == (truth["rel_property_types"])
    )
    ends = Counter((_start(edge), edge.type, _end(edge)) for edge in edges)
    assert sum(_start(edge) == _end(edge) for edge in edges) == truth["self_loops"]
    assert sum(ends.values()) - len(ends) == truth["parallel_same_type_extra"]
    assert max(ends.values()) == truth["parallel_max"]
    both = sum((end, type_, start) in ends for start, type_, end in ends if start < end)
    assert both == truth["reciprocal_same_type_pairs"]


def _start(edge: Edge) -> tuple[str, str]:
    return edge.source_space, edge.source


def _end(edge: Edge) -> tuple[str, str]:
    return edge.target_space, edge.target


def _pattern(graph: Found, edge: Edge) -> str:
    start, end = (kind.replace("(no label)", "") for kind in graph.kinds(edge))
    return f"({start})-[{edge.type}]->({end})"


def _types(values: Iterable[tuple[str, Any]]) -> dict[str, dict[str, int]]:
    types: dict[str, Counter[str]] = {}
    for name, value in values:
        types.setdefault(name, Counter())[_type(value)] += 1
    return {name: dict(counts) for name, counts in types.items()}


def _type(value: Any) -> str:
    if isinstance(value, list):
        return f"list<{'|'.join(sorted({_type(item) for item in value}))}>"
    if not isinstance(value, dict):
        return type(value).__name__
    if value["$type"] == "point":
        return "WGS84Point" if value["srid"] in _GEOGRAPHIC else "CartesianPoint"
    return _TYPES[value["$type"]]
