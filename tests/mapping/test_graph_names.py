"""Primary labels, spaces and ids; what changes a digest."""

from __future__ import annotations

import itertools
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_store.errors import ConfigurationError
from transforms.mapping.graph_choices import GraphChoices, GraphMapping
from transforms.mapping.graph_names import NodeNames

LISTED = {"Zebra": "animals", "Company": "companies", "Person": "people"}


@pytest.mark.parametrize(
    ("labels", "listed", "primary"),
    [
        (("Person", "Employee"), {}, "Employee"),
        (("b", "B", "Ä", "a"), {}, "B"),
        (("Person", "Company"), LISTED, "Company"),
        (("Person", "Company", "Zebra"), LISTED, "Zebra"),
        (("Person", "Apple"), LISTED, "Person"),
        (("Apple", "Pear"), LISTED, "Apple"),
        ((), LISTED, None),
        (("",), {}, ""),
    ],
)
def test_primary_label(labels: tuple[str, ...], listed: dict[str, str], primary: str | None) -> None:
    for order in itertools.permutations(labels):
        assert GraphChoices(label_spaces=listed).primary_label(order) == primary


@pytest.mark.parametrize(
    ("labels", "choices", "space"),
    [
        (("Person",), {}, "person"),
        (("Person",), {"space_prefix": "kb_"}, "kb_person"),
        (("Person",), {"label_spaces": LISTED, "space_prefix": "kb_"}, "people"),
        (("Person",), {"label_spaces": LISTED, "memory_space": "all"}, "all"),
        ((), {}, "unlabelled"),
        ((), {"unlabelled_space": "misc"}, "misc"),
        ((), {"memory_space": "all"}, "all"),
        (("Weird Label!",), {}, "weird_label"),
        (("TV",), {}, "label_tv"),
    ],
)
def test_space(labels: tuple[str, ...], choices: dict[str, Any], space: str) -> None:
    assert GraphChoices(**choices).space_of(labels) == space
    assert NodeNames(GraphChoices(**choices)).of(labels).space == space


@pytest.mark.parametrize(
    ("choices", "named"),
    [
        ({"memory_space": "No Space"}, "`No Space`"),
        ({"label_spaces": {"Person": "No Space"}}, "`No Space`"),
        ({"unlabelled_space": ""}, "``"),
        ({"half_life_days": 0}, "half-life"),
        ({"half_life_days": float("nan")}, "half-life"),
        ({"weight_ranges": {"KNOWS": (0.0, float("inf"))}}, "`KNOWS`"),
        ({"weight_ranges": {"*": (-1e308, 1e308)}}, "`*`"),
    ],
)
def test_choice_that_cannot_be_meant(choices: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        GraphChoices(**choices)
    assert named in refused.value.what
    assert refused.value.suggestion


def test_kinds_and_ids() -> None:
    choices = GraphChoices(id_properties={"Person": "email", "A:b%": "name"})
    assert choices.identity_properties == ("email", "name")
    names = NodeNames(choices)
    assert names.of(["Person"]).id(5, ["ann@example.org", None]) == "neo4j_Person:ann@example.org"
    assert names.of(["Person"]).id(5, [None, "Ann"]) == "neo4j_node_5"
    assert names.of(["Person"]).id(5, ["", "Ann"]) == "neo4j_Person:"
    assert names.of(["A:b%"]).id(5, [None, "c:d%"]) == "neo4j_A%3Ab%25:c:d%"
    # Employee is the primary one, and has no property for ids.
    assert names.of(["Person", "Employee"]).id(5, ["ann", None]) == "neo4j_node_5"
    assert names.of(["Person", "Employee"]).kind == "Employee:Person"
    assert names.of([]).kind == "(no label)"
    assert NodeNames(GraphChoices()).of(["Person"]).id(5, []) == "neo4j_node_5"


label_names = st.text("ab:%_Node25A3node", min_size=1, max_size=4)
named_nodes = st.tuples(label_names, st.none() | st.text(":%_ab5", max_size=4), st.integers(0, 99))


@given(st.lists(named_nodes, min_size=2))
def test_ids_of_different_nodes_differ(nodes: list[tuple[str, str | None, int]]) -> None:
    """Two nodes share an id only if they share label and value, or are the same node."""
    choices = GraphChoices(id_properties=dict.fromkeys((label for label, _, _ in nodes), "p"))
    names = NodeNames(choices)
    seen: dict[str, object] = {}
    for label, value, number in nodes:
        what = number if value is None else (label, value)
        assert seen.setdefault(names.of([label]).id(number, [value]), what) == what
    assert len(seen) == len(set(seen.values()))


CHANGES: list[tuple[dict[str, Any], set[str]]] = [
    ({"memory_space": "all"}, {"nodes", "relationships"}),
    ({"label_spaces": {"A": "one"}}, {"nodes", "relationships"}),
    ({"space_prefix": "kb_"}, {"nodes", "relationships"}),
    ({"unlabelled_space": "misc"}, {"nodes", "relationships"}),
    ({"id_properties": {"A": "p"}}, {"nodes", "relationships"}),
    ({"time_properties": {"*": "at"}}, {"nodes", "relationships"}),
    ({"text_properties": {"A": ("p",)}}, {"nodes"}),
    ({"confidence": 0.9}, {"nodes"}),
    ({"activation": 0.9}, {"nodes"}),
    ({"decay_rate": 0.9}, {"nodes"}),
    ({"edge_weight": 0.9}, {"relationships"}),
    ({"weight_properties": {"*": "w"}}, {"relationships"}),
    ({"weight_ranges": {"*": (0.0, 9.0)}}, {"relationships"}),
    ({"age_properties": {"*": "since"}}, {"relationships"}),
    ({"half_life_days": 9.0}, {"relationships"}),
    ({"content_limit": 9}, set()),
]


@pytest.mark.parametrize(("change", "changed"), CHANGES)
def test_digests_know_what_decides(change: dict[str, Any], changed: set[str]) -> None:
    before, after = GraphChoices().digests(), GraphChoices(**change).digests()
    assert {kind for kind in before if before[kind] != after[kind]} == changed


def test_every_choice_is_tried_above() -> None:
    assert {name for change, _ in CHANGES for name in change} == set(GraphChoices.__dataclass_fields__)


def test_digests_and_the_order_of_what_was_said() -> None:
    def digests(name: str, *pairs: tuple[str, str]) -> dict[str, str]:
        return GraphChoices(**{name: dict(pairs)}).digests()  # type: ignore[arg-type]

    one, two = ("A", "one"), ("B", "two")
    assert digests("id_properties", one, two) == digests("id_properties", two, one)
    assert digests("label_spaces", one, two) != digests("label_spaces", two, one)


def test_mapping_travels_in_the_pipeline_graph() -> None:
    mapping = GraphMapping(GraphChoices(label_spaces=LISTED, weight_ranges={"*": (0.0, 5.0)}), 17)
    packed = pickle.dumps(mapping)
    assert pickle.loads(packed) == mapping
    assert len(packed) < 2000
