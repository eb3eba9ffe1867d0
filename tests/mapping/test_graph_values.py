"""Property values as JSON: decoded again, they are the values that the driver gave."""

from __future__ import annotations

import base64
import json
import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from neo4j.spatial import CartesianPoint, Point, WGS84Point

from engram_store.errors import MappingError
from io_connectors.neo4j.rows import TEMPORAL
from transforms.mapping.graph_values import edge_properties, json_value, node_content, record_json, temporal

TEMPORAL_TEXTS = {
    "zoned_datetime": [
        "2024-10-27T02:30+01:00[Europe/Paris]",
        "2024-10-27T02:30:00.123456789+01:00[Europe/Paris]",
        "2024-01-02T03:04:05.000000001+05:30",
        "1890-01-01T00:00+00:09:21[Europe/Paris]",
        "2015-06-24T12:50:35.556Z[Etc/UTC]",
        "-4713-01-01T00:00Z",
        "+12345-06-07T08:09:10-18:00",
        "-999999999-01-01T00:00Z",
    ],
    "local_datetime": ["2024-01-02T03:04:05.123456789", "2024-01-02T03:04", "-4713-01-01T00:00"],
    "date": ["1984-02-29", "-0001-01-01", "+12345-01-01", "0000-12-31"],
    "zoned_time": ["12:00+02:00", "12:00:00.5Z", "23:59:59.999999999-03:30"],
    "local_time": ["23:59:59.999999999", "12:00", "00:00:01"],
    "duration": ["P1Y2M3DT4H5M6.789S", "PT-0.999999995S", "PT0S", "P-1D", "-P1D", "P0M0DT-1S"],
}  # fmt: skip

finite = st.floats(allow_nan=False, allow_infinity=False)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats()
temporals = st.sampled_from([text for texts in TEMPORAL_TEXTS.values() for text in texts]).map(
    lambda text: {TEMPORAL: text}
)
points = st.one_of(
    st.tuples(st.floats(), st.floats()).map(WGS84Point),
    st.tuples(finite, finite, finite).map(CartesianPoint),
)
single = st.one_of(st.text(), st.booleans(), numbers, temporals, points, st.binary())
values = single | st.lists(single)


def decoded(value: Any) -> Any:
    """What a reader of the JSON makes of a property's value."""
    if isinstance(value, list):
        return [decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value["$type"]
    if kind == "float":
        return float(value["value"])
    if kind == "point":
        shape = WGS84Point if value["srid"] in (4326, 4979) else CartesianPoint
        return shape(decoded(value["coordinates"]))
    if kind == "bytes":
        return base64.b64decode(value["base64"])
    assert value["value"] in TEMPORAL_TEXTS[kind]
    return {TEMPORAL: value["value"]}


def exact(value: Any) -> Any:
    """A value in a form that tells −0.0 from 0.0, 1 from 1.0 and True, and NaN from nothing."""
    if isinstance(value, Point):
        return (type(value).__name__, value.srid, [exact(x) for x in value])
    if isinstance(value, list):
        return [exact(item) for item in value]
    return (type(value).__name__, repr(value))


@given(st.dictionaries(st.text(), values), st.lists(st.text(), unique=True))
def test_content_gives_every_value_back(properties: dict[str, Any], labels: list[str]) -> None:
    content = json.loads(node_content(labels, list(properties), list(properties.values())))
    assert content.keys() == {"labels", "properties"}
    assert content["labels"] == sorted(labels)
    assert content["properties"].keys() == properties.keys()
    for name, value in properties.items():
        assert exact(decoded(content["properties"][name])) == exact(value)


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, texts in TEMPORAL_TEXTS.items() for text in texts]
)
def test_type_of_a_temporal_text(kind: str, text: str) -> None:
    assert temporal(text) == {"$type": kind, "value": text}


@pytest.mark.parametrize(
    "text", ["", "P", "T12:00", "2024-01-01T", "2024-01", "12", "2024-01-01T12:00[Z", "now"]
)
def test_temporal_text_of_unknown_form(text: str) -> None:
    with pytest.raises(MappingError, match="unknown form"):
        temporal(text)


def test_content_does_not_depend_on_the_order_of_properties() -> None:
    assert (
        node_content(["B", "A"], ["y", "x"], [1, 2.5]) == '{"labels":["A","B"],"properties":{"x":2.5,"y":1}}'
    )
    assert node_content(["A", "B"], ["x", "y"], [2.5, 1]) == node_content(["B", "A"], ["y", "x"], [1, 2.5])


def test_names_that_look_like_ours_collide_with_nothing() -> None:
    keys = ["labels", "id", "_id", "properties", "$type"]
    content = json.loads(node_content(["L"], keys, ["a", "b", "c", "d", "date"]))
    assert content == {
        "labels": ["L"],
        "properties": dict(zip(keys, ["a", "b", "c", "d", "date"], strict=True)),
    }


@pytest.mark.parametrize("many", [[math.nan, 1.0], [1, 2.0, -math.inf], [math.inf]])
def test_no_float_becomes_null(many: list[float]) -> None:
    assert "null" not in node_content([], ["v"], [many])
    assert "null" not in node_content([], ["a", "b"], ["x", many[-1]])


def test_point_of_an_unknown_reference_system() -> None:
    point = Point((1.0, 2.0))
    point.srid = 4711
    assert json_value(point) == {"$type": "point", "srid": 4711, "coordinates": [1.0, 2.0]}


def test_vector() -> None:
    vector = pytest.importorskip("neo4j.vector")
    found = json_value(vector.Vector([0.5, math.nan], "f32"))
    assert found == {"$type": "vector", "dtype": "f32", "values": [0.5, {"$type": "float", "value": "NaN"}]}
    assert json_value(vector.Vector([-128, 127], "i8")) == {
        "$type": "vector",
        "dtype": "i8",
        "values": [-128, 127],
    }


@pytest.mark.parametrize(
    "value", [timedelta(1), {"a": 1}, {TEMPORAL: "12:00", "x": 1}, {}, (1, 2), {1}, [object()]]
)
def test_unknown_type_is_refused_by_name(value: object) -> None:
    with pytest.raises(MappingError, match=type(value[0] if isinstance(value, list) else value).__name__):
        node_content([], ["v"], [value])


@pytest.mark.parametrize("value", ["\ud800", ["a", "\udfff"], 2**64])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(MappingError, match="cannot be written as JSON"):
        edge_properties(["v"], [value])


def test_no_properties() -> None:
    assert edge_properties([], []) is None
    assert edge_properties(["a"], [-0.0]) == '{"a":-0.0}'


def test_record_of_a_refused_row_can_always_be_written() -> None:
    text = record_json({"id": 1}, ["a", "b", "c"], ["\ud800", timedelta(1), math.nan])
    record = json.loads(text.encode("ascii"))
    assert record["properties"]["b"]["python"] == "timedelta"
    assert record["properties"]["c"] == {"$type": "float", "value": "NaN"}
