"""Whole pages: the edge cases of the sample, mirrors, and records that are refused."""

from __future__ import annotations

import base64
import json
import math
from datetime import timedelta
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that
from neo4j.spatial import CartesianPoint, WGS84Point

from io_connectors.neo4j.rows import NODES, RELATIONSHIPS, NodeRow, RelationshipRow
from io_connectors.pages import DeadLetter, EdgePage, MappedPage, SourcePage
from transforms.mapping.graph_choices import GraphChoices, GraphMapping
from transforms.mapping.neo4j import SYSTEM, MapNeo4j, map_page, mirror_origin

AS_OF = 1_700_000_000_000_000


def node(number: int, labels: list[str], record: dict[str, Any], *identities: str | None) -> NodeRow:
    return NodeRow(number, labels, list(record), list(record.values()), list(identities))


def relationship(
    number: int, type_: str, start: NodeRow, end: NodeRow, record: dict[str, Any], one_way: bool = False
) -> RelationshipRow:
    return RelationshipRow(
        *(number, type_, start.id, start.labels, start.identities, end.id, end.labels, end.identities),
        *(list(record), list(record.values()), one_way),
    )


def page_of(*rows: Any, **choices: Any) -> MappedPage:
    kind = RELATIONSHIPS if rows and isinstance(rows[0], RelationshipRow) else NODES
    return map_page(SourcePage("p", kind, rows), GraphMapping(GraphChoices(**choices), AS_OF))


ZOE = node(0, ["Person", "Employee", "Weird Label!"], {
    "name": "Zoë — 测试 😀", "born": {"t": "1984-02-29"}, "lt": {"t": "23:59:59.999999999"},
    "at": {"t": "2024-10-27T02:30:00.123456789+01:00[Europe/Paris]"}, "t": {"t": "12:00+02:00"},
    "ldt": {"t": "2024-01-02T03:04:05.123456789"}, "negdur": {"t": "PT-0.999999995S"},
})  # fmt: skip
ANN = node(1, ["Person"], {
    "name": "Ann", "big": 2**63 - 1, "neg": 1 - 2**63, "over53": 2**53 + 1,
    "nan": math.nan, "inf": math.inf, "ninf": -math.inf, "zero": -0.0,
})  # fmt: skip
NOTE = node(2, [], {"note": "no label at all"})
HQ = node(3, ["Place"], {"name": "HQ", "loc3": WGS84Point((12.5, 55.1, 9)), "xy": CartesianPoint((1, 2))})
EMPTY = node(4, ["Empty"], {})
LISTS = node(6, ["Lists"], {
    "ints": [1, 2, 3], "strs": ["a", "", "null"], "dates": [{"t": "2024-01-01"}, {"t": "2024-01-02"}],
    "pts": [CartesianPoint((1, 2))], "empty": [], "bools": [True, False], "durs": [{"t": "P1D"}],
    "bytes": b"\x00\xff",
})  # fmt: skip
TEXT = node(7, ["Text"], {
    "name": "", "content": 'line1\nline2\ttab "quote" \\ back', "key with space": "v",
    "_id": "clash", "id": "clash2", "labels": "clash3",
})  # fmt: skip
OLD = node(8, ["Old"], {"name": "bce", "at": {"t": "-4713-01-01T00:00Z"}, "d": {"t": "-0001-01-01"}})


def tag(kind: str, value: str) -> dict[str, str]:
    return {"$type": kind, "value": value}


def test_edge_cases_value_by_value() -> None:
    page = page_of(ZOE, ANN, NOTE, HQ, EMPTY, LISTS, TEXT, OLD)
    assert not page.dead_letters and not len(page.edges)
    memories = page.memories
    assert memories.ids == [f"neo4j_node_{n}" for n in (0, 1, 2, 3, 4, 6, 7, 8)]
    assert memories.spaces == ["employee", "person", "unlabelled", "place", "empty", "lists", "text", "old"]
    assert memories.kinds[:3] == ["Employee:Person:Weird Label!", "Person", "(no label)"]
    assert (memories.system, memories.keys[-1]) == (SYSTEM, "8")
    zoe, ann, _, hq, empty, lists, text, old = (json.loads(content) for content in memories.contents)
    assert zoe["labels"] == ["Employee", "Person", "Weird Label!"]
    assert zoe["properties"] == {
        "name": "Zoë — 测试 😀",
        "born": tag("date", "1984-02-29"),
        "lt": tag("local_time", "23:59:59.999999999"),
        "at": tag("zoned_datetime", "2024-10-27T02:30:00.123456789+01:00[Europe/Paris]"),
        "t": tag("zoned_time", "12:00+02:00"),
        "ldt": tag("local_datetime", "2024-01-02T03:04:05.123456789"),
        "negdur": tag("duration", "PT-0.999999995S"),
    }
    special = {name: ann["properties"].pop(name) for name in ("nan", "inf", "ninf")}
    assert special == {
        "nan": tag("float", "NaN"),
        "inf": tag("float", "Infinity"),
        "ninf": tag("float", "-Infinity"),
    }
    assert math.copysign(1, ann["properties"].pop("zero")) == -1
    assert ann["properties"] == {"name": "Ann", "big": 2**63 - 1, "neg": 1 - 2**63, "over53": 2**53 + 1}
    assert hq["properties"]["loc3"] == {"$type": "point", "srid": 4979, "coordinates": [12.5, 55.1, 9.0]}
    assert hq["properties"]["xy"] == {"$type": "point", "srid": 7203, "coordinates": [1.0, 2.0]}
    assert empty == {"labels": ["Empty"], "properties": {}}
    assert lists["properties"]["dates"] == [tag("date", "2024-01-01"), tag("date", "2024-01-02")]
    assert lists["properties"]["pts"] == [{"$type": "point", "srid": 7203, "coordinates": [1.0, 2.0]}]
    assert lists["properties"]["durs"] == [tag("duration", "P1D")]
    assert base64.b64decode(lists["properties"]["bytes"]["base64"]) == b"\x00\xff"
    plain = {"ints": [1, 2, 3], "strs": ["a", "", "null"], "empty": [], "bools": [True, False]}
    assert plain.items() <= lists["properties"].items()
    assert text == {"labels": ["Text"], "properties": dict(zip(TEXT.keys, TEXT.values, strict=True))}
    assert old["properties"]["at"] == tag("zoned_datetime", "-4713-01-01T00:00Z")


def test_edge_cases_texts_and_times() -> None:
    page = page_of(ZOE, ANN, NOTE, EMPTY, TEXT, OLD, time_properties={"*": "at"})
    assert page.memories.texts == [
        "name: Zoë — 测试 😀",
        "name: Ann",
        "note: no label at all",
        None,
        'labels: clash3 | content: line1\nline2\ttab "quote" \\ back',
        "name: bce",
    ]
    assert page.memories.created_at == [1_729_992_600_123_456, None, None, None, None, None]
    assert page.omitted_times == 1


def test_texts_and_times_go_by_the_primary_label() -> None:
    both = node(1, ["B", "A"], {"x": "from x", "y": "from y", "s": "2024-01-01", "t": "2024-01-02"})
    chosen = {
        "text_properties": {"A": ("x",), "B": ("y",)},
        "time_properties": {"A": "s", "B": "t"},
    }
    first = page_of(both, **chosen).memories
    second = page_of(both, **chosen, label_spaces={"B": "bees"}).memories
    assert (first.texts, first.spaces) == (["x: from x"], ["label_a"])
    assert (second.texts, second.spaces) == (["y: from y"], ["bees"])
    assert second.created_at[0] == first.created_at[0] + 86_400_000_000  # type: ignore[operator]


def test_records_get_the_values_chosen() -> None:
    memories = page_of(ANN, HQ, confidence=0.3, activation=0.4, decay_rate=0.2).memories
    assert (memories.confidence, memories.activation, memories.decay_rate) == (
        [0.3] * 2,
        [0.4] * 2,
        [0.2] * 2,
    )


def test_edges_keep_parallels_and_self_loops_apart() -> None:
    rows = [
        relationship(0, "KNOWS", ZOE, ANN, {"since": {"t": "2001-01-01"}, "weight": 0.5}),
        relationship(2, "KNOWS", ZOE, ANN, {"weight": 9}),
        relationship(3, "LIKES", ZOE, ZOE, {}),
        relationship(4, "LIKES", ZOE, ZOE, {}),
        relationship(6, "weird type-é", NOTE, EMPTY, {"raw": math.nan, "createdAt": "2024-01-01"}),
        relationship(9, "KNOWS", OLD, ANN, {"at": {"t": "-4713-01-01T00:00Z"}}),
    ]
    page = page_of(*rows, weight_properties={"KNOWS": "weight"}, time_properties={"KNOWS": "at"})
    assert not len(page.memories) and not page.dead_letters
    zoe, ann = "neo4j_node_0", "neo4j_node_1"
    assert page.edges == EdgePage(
        ids=[f"neo4j_rel_{n}" for n in (0, 2, 3, 4, 6, 9)],
        sources=[zoe, zoe, zoe, zoe, "neo4j_node_2", "neo4j_node_8"],
        source_spaces=["employee"] * 4 + ["unlabelled", "old"],
        targets=[ann, ann, zoe, zoe, "neo4j_node_4", ann],
        target_spaces=["person", "person", "employee", "employee", "empty", "person"],
        types=["KNOWS", "KNOWS", "LIKES", "LIKES", "weird type-é", "KNOWS"],
        origins=["KNOWS", "KNOWS", "LIKES", "LIKES", "weird type-é", "KNOWS"],
        weights=[0.5, 1.0, 0.7, 0.7, 0.7, 0.7],
        created_at=[None, None, None, None, 1_704_067_200_000_000, None],
        properties=[
            '{"since":{"$type":"date","value":"2001-01-01"},"weight":0.5}',
            '{"weight":9}',
            None,
            None,
            '{"createdAt":"2024-01-01","raw":{"$type":"float","value":"NaN"}}',
            '{"at":{"$type":"zoned_datetime","value":"-4713-01-01T00:00Z"}}',
        ],
    )
    assert page.omitted_times == 1


def test_ends_are_the_ids_and_spaces_of_their_nodes() -> None:
    ann = node(1, ["Person", "Author"], {"email": "a@b:c"}, "a@b:c", None)
    bob = node(2, ["Author", "Person"], {}, None, None)
    acme = node(3, ["Company"], {"name": "Acme"}, None, "Acme")
    chosen: dict[str, Any] = {
        "id_properties": {"Person": "email", "Company": "name"},
        "label_spaces": {"Person": "people"},
        "space_prefix": "kb_",
    }
    nodes = page_of(ann, bob, acme, **chosen).memories
    assert nodes.ids == ["neo4j_Person:a@b:c", "neo4j_node_2", "neo4j_Company:Acme"]
    edges = page_of(relationship(1, "R", ann, bob, {}), relationship(2, "R", bob, acme, {}), **chosen).edges
    ends = list(zip(nodes.spaces, nodes.ids, strict=True))
    assert list(zip(edges.source_spaces, edges.sources, strict=True)) == ends[:2]
    assert list(zip(edges.target_spaces, edges.targets, strict=True)) == ends[1:]


def test_mirrors_go_back_where_the_reader_found_none() -> None:
    rows = [
        relationship(5, "KNOWS", ZOE, ANN, {"weight": 0.25, "created": {"t": "2024-01-01"}}, one_way=True),
        relationship(6, "LIKES", ANN, ZOE, {}),
    ]
    edges = page_of(*rows, weight_properties={"*": "weight"}).edges
    assert edges.ids == ["neo4j_rel_5", "neo4j_rel_6", "neo4j_rel_5_mirror"]
    assert edges.origins == ["KNOWS", "LIKES", "KNOWS (mirror)"]
    assert mirror_origin("KNOWS") == "KNOWS (mirror)"
    assert edges.types[2] == "KNOWS"
    assert (edges.sources[2], edges.source_spaces[2]) == ("neo4j_node_1", "person")
    assert (edges.targets[2], edges.target_spaces[2]) == ("neo4j_node_0", "employee")
    for column in (edges.weights, edges.created_at, edges.properties):
        assert len(column) == 3 and column[2] == column[0] != column[1]


def test_time_left_out_is_counted_once_with_its_mirror() -> None:
    row = relationship(5, "KNOWS", ZOE, ANN, {"created": {"t": "+12345-01-01"}}, one_way=True)
    page = page_of(row)
    assert (page.omitted_times, page.edges.created_at) == (1, [None, None])


def test_refused_nodes_leave_the_others_alone() -> None:
    rows = [
        EMPTY,
        node(10, ["B", "A"], {"v": timedelta(1), "at": {"t": "2024-01-01"}}),
        node(11, [], {"v": "\ud800"}),
        node(12, ["Big"], {"v": "ä" * 200}),
        node(13, ["C"], {"v": {"t": "soon"}, "created": {"t": "-4713-01-01"}}),
        HQ,
    ]
    page = page_of(*rows, content_limit=300)
    assert page.memories.ids == ["neo4j_node_4", "neo4j_node_3"]
    assert page.omitted_times == 0
    letters = {letter.key: letter for letter in page.dead_letters}
    assert list(letters) == ["10", "11", "12", "13"]
    assert all(
        letter.stage == "map" and letter.page_id == "p" and letter.suggestion for letter in letters.values()
    )
    assert {key: letter.kind for key, letter in letters.items()} == {
        "10": "A:B", "11": "(no label)", "12": "Big", "13": "C",
    }  # fmt: skip
    assert "`timedelta`" in letters["10"].reason
    assert "surrogates" in letters["11"].reason
    assert "and the limit is 300" in letters["12"].reason
    assert "`soon`" in letters["13"].reason
    assert json.loads(letters["10"].record) == {
        "id": 10,
        "labels": ["A", "B"],
        "properties": {
            "v": {"$type": "unknown", "python": "timedelta", "repr": "datetime.timedelta(days=1)"},
            "at": tag("date", "2024-01-01"),
        },
    }
    assert json.loads(letters["12"].record)["properties"] == {"v": "ä" * 200}


def test_refused_relationships_leave_the_others_alone() -> None:
    rows = [
        relationship(1, "R", ZOE, ANN, {"v": timedelta(1)}, one_way=True),
        relationship(2, "R", ZOE, ANN, {"v": "x" * 100}, one_way=True),
        relationship(3, "R", ZOE, ANN, {"v": "x"}, one_way=True),
        relationship(4, "R", ZOE, ANN, {}),
    ]
    page = page_of(*rows, content_limit=50)
    assert page.edges.ids == ["neo4j_rel_3", "neo4j_rel_4", "neo4j_rel_3_mirror"]
    assert [(letter.kind, letter.key) for letter in page.dead_letters] == [("R", "1"), ("R", "2")]
    record = json.loads(page.dead_letters[1].record)
    assert record == {"id": 2, "type": "R", "start": 0, "end": 1, "properties": {"v": "x" * 100}}


@pytest.mark.parametrize("kind", [NODES, RELATIONSHIPS])
def test_page_without_rows_keeps_its_dead_letters(kind: str) -> None:
    letter = DeadLetter("read", "p", "nodes", "7", "too much", "", "{}")
    page = map_page(SourcePage("p", kind, (), (letter,)), GraphMapping(GraphChoices(), AS_OF))
    assert page == MappedPage("p", page.memories, EdgePage(), (letter,))
    assert page.memories.system in ("", SYSTEM) and not len(page)


def test_transform() -> None:
    def check(found: list[MappedPage]) -> None:
        assert sorted(page.page_id for page in found) == ["n", "r"]
        assert {len(page.memories) + len(page.edges) for page in found} == {1, 2}

    mapping = GraphMapping(GraphChoices(), AS_OF)
    nodes = SourcePage("n", NODES, (ANN, HQ))
    edges = SourcePage("r", RELATIONSHIPS, (relationship(1, "R", ANN, HQ, {}),))
    with beam.Pipeline() as pipeline:
        assert_that(pipeline | beam.Create([nodes, edges]) | MapNeo4j(mapping), check)
