"""Every value of the sample `edgecases` reads back from the store as it was written in Cypher."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from engram_store.model import CONFIDENCE, Memory
from tests.neo4j.migrations import Found, found, migrate
from tests.servers.neo4j_samples import Neo4jSamples


class Number(NamedTuple):
    """A number as the JSON spells it: −0.0 is not 0.0, and 9 is not 9.0."""

    text: str


def _tagged(kind: str, value: str) -> dict[str, str]:
    return {"$type": kind, "value": value}


def _point(srid: int, *coordinates: float) -> dict[str, Any]:
    return {"$type": "point", "srid": Number(str(srid)), "coordinates": [Number(str(x)) for x in coordinates]}


MEDIUM, LOW = CONFIDENCE["MEDIUM"], CONFIDENCE["LOW"]

#: What the nodes must read as, by a property that tells them apart; written by hand.
_NODES: Mapping[str, tuple[list[str], Mapping[str, Any]]] = {
    "Zoë — 测试 😀": (
        ["Employee", "Person", "Weird Label!"],
        {
            "name": "Zoë — 测试 😀",
            "born": _tagged("date", "1984-02-29"),
            "at": _tagged("zoned_datetime", "2024-10-27T02:30:00.123456789+01:00[Europe/Paris]"),
            "off": _tagged("zoned_datetime", "2024-01-02T03:04:05.000000001+05:30"),
            "ldt": _tagged("local_datetime", "2024-01-02T03:04:05.123456789"),
            "lt": _tagged("local_time", "23:59:59.999999999"),
            "t": _tagged("zoned_time", "12:00:00+02:00"),
            "dur": _tagged("duration", "P1Y2M3DT4H5M6.789S"),
            "negdur": _tagged("duration", "PT-0.999999995S"),
        },
    ),
    "Ann": (
        ["Person"],
        {
            "name": "Ann",
            "big": Number("9223372036854775807"),
            "neg": Number("-9223372036854775808"),
            "over53": Number("9007199254740993"),
            "nan": _tagged("float", "NaN"),
            "inf": _tagged("float", "Infinity"),
            "ninf": _tagged("float", "-Infinity"),
            "zero": Number("-0.0"),
        },
    ),
    "no label at all": ([], {"note": "no label at all"}),
    "HQ": (
        ["Place"],
        {
            "name": "HQ",
            "loc": _point(4326, 12.5, 55.1),
            "loc3": _point(4979, 12.5, 55.1, 9.0),
            "xy": _point(7203, 1.0, 2.0),
            "xyz": _point(9157, 1.0, 2.0, 3.0),
        },
    ),
    "Lists": (
        ["Lists"],
        {
            "ints": [Number("1"), Number("2"), Number("3")],
            "strs": ["a", "", "null"],
            "dates": [_tagged("date", "2024-01-01"), _tagged("date", "2024-01-02")],
            "pts": [_point(7203, 1.0, 2.0), _point(7203, 3.0, 4.0)],
            "empty": [],
            "bools": [True, False],
            "durs": [_tagged("duration", "P1D")],
            "bytes": {"$type": "bytes", "base64": "AAH/"},
        },
    ),
    "clash": (
        ["Text"],
        {
            "name": "",
            "content": 'line1\nline2\ttab "quote" \\ back',
            "key with space": "v",
            "_id": "clash",
            "id": "clash2",
            "labels": "clash3",
        },
    ),
    "bce": (
        ["Old"],
        {
            "name": "bce",
            "at": _tagged("zoned_datetime", "-4713-01-01T00:00:00Z"),
            "d": _tagged("date", "-0001-01-01"),
        },
    ),
}

#: Relationships with properties: type, names or kinds of their ends → what they hold.
_RELATIONSHIPS: Mapping[str, list[Mapping[str, Any]]] = {
    "KNOWS": [
        {},
        {"since": _tagged("date", "2001-01-01"), "weight": Number("0.5")},
        {"since": _tagged("date", "2001-01-01"), "weight": Number("0.5")},
        {"since": _tagged("date", "2020-01-01"), "weight": Number("9")},
    ],
    "LIKES": [{}, {}],
    "LOCATED_IN": [{"strength": Number("-3.5"), "n": Number("10"), "pct": Number("250.0")}],
    "weird type-é": [{"raw": _tagged("float", "NaN")}],
    "REL": [
        {
            "at": _tagged("zoned_datetime", "2024-01-01T00:00:00Z"),
            "dur": _tagged("duration", "PT1H"),
            "loc": _point(7203, 1.0, 2.0),
        }
    ],
}


@pytest.fixture(scope="module")
def migrated(neo4j_sample: Neo4jSamples, tmp_path_factory: pytest.TempPathFactory) -> Found:
    target = tmp_path_factory.mktemp("edgecases") / "store"
    migrate(neo4j_sample("edgecases"), target, "--parallel-workers", "1").succeeded()
    return found(target)


def _exact(text: str) -> Any:
    return json.loads(text, parse_float=Number, parse_int=Number)


def _node(graph: Found, name: str) -> Memory:
    (memory,) = (m for m in graph.memories.values() if f'"{name}"' in m.content)
    return memory


@pytest.mark.parametrize("name", _NODES)
def test_node_is_as_written_by_hand(migrated: Found, name: str) -> None:
    labels, values = _NODES[name]
    content = _exact(_node(migrated, name).content)
    assert content == {"labels": labels, "properties": values}


def test_nodes_without_properties_are_there(migrated: Found) -> None:
    empty = [m for m in migrated.memories.values() if _exact(m.content)["properties"] == {}]
    assert sorted(_exact(memory.content)["labels"] for memory in empty) == [[], ["Empty"]]


@pytest.mark.parametrize("type_", _RELATIONSHIPS)
def test_relationships_are_as_written_by_hand(migrated: Found, type_: str) -> None:
    edges = [edge for edge in migrated.edges.values() if edge.type == type_]
    held = sorted((_exact(edge.properties or "{}") for edge in edges), key=str)
    assert held == sorted(_RELATIONSHIPS[type_], key=str)


def test_self_loops_and_parallels_stay_apart(migrated: Found) -> None:
    likes = [edge for edge in migrated.edges.values() if edge.type == "LIKES"]
    zoe = _node(migrated, "Zoë — 测试 😀").id
    assert [(edge.source, edge.target) for edge in likes] == [(zoe, zoe)] * 2
    ann = _node(migrated, "Ann").id
    knows = sorted((e.source, e.target) for e in migrated.edges.values() if e.type == "KNOWS")
    assert knows == sorted([(zoe, ann), (zoe, ann), (ann, zoe), (_node(migrated, "bce").id, ann)])


def test_text_decides_over_confidence_and_labels_over_spaces(migrated: Found) -> None:
    memories = migrated.memories.values()
    assert {(m.space, m.source.kind, round(m.confidence, 3)) for m in memories} == {
        ("employee", "Employee:Person:Weird Label!", MEDIUM),
        ("person", "Person", MEDIUM),
        ("place", "Place", MEDIUM),
        ("old", "Old", MEDIUM),
        ("text", "Text", MEDIUM),
        ("lists", "Lists", LOW),
        ("empty", "Empty", LOW),
        ("unlabelled", "(no label)", MEDIUM),
        ("unlabelled", "(no label)", LOW),
    }
    assert {round(edge.weight, 6) for edge in migrated.edges.values()} == {0.7}
