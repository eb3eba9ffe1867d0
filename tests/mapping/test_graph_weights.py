"""Weights of edges: ranges, defaults and age."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.mapping.graph_choices import GraphChoices, GraphMapping
from transforms.mapping.graph_weights import plan_weight

DAY = 86_400_000_000
AS_OF = 20_000 * DAY  # 2024-10-04


def weight(record: dict[str, Any], type_: str = "KNOWS", **choices: Any) -> float:
    mapping = GraphMapping(GraphChoices(**choices), AS_OF)
    return plan_weight(type_, list(record), mapping).weight(list(record.values()))


@pytest.mark.parametrize(
    ("value", "bounds", "found"),
    [
        (0.25, None, 0.25),
        (1, None, 1.0),
        (9, None, 1.0),
        (-3.5, None, 0.0),
        (math.inf, None, 1.0),
        (-math.inf, None, 0.0),
        (3, (1.0, 5.0), 0.5),
        (0, (-1.0, 1.0), 0.5),
        (2, (10.0, 0.0), 0.8),
        (2**63 - 1, (0.0, 1e300), pytest.approx(0.0)),
        (1.7e308, (-1.0, 1.0), 1.0),
        (3, (3.0, 3.0), 0.7),
        (math.nan, None, 0.7),
        ("0.5", None, 0.7),
        (True, None, 0.7),
        ([0.5], None, 0.7),
        ({"t": "2024-01-01"}, None, 0.7),
    ],
)
def test_weight_in_its_range(value: Any, bounds: tuple[float, float] | None, found: float) -> None:
    ranges = {} if bounds is None else {"KNOWS": bounds}
    assert weight({"w": value}, weight_properties={"KNOWS": "w"}, weight_ranges=ranges) == found


def test_which_property_and_range() -> None:
    record = {"w": 0.25, "strength": 8}
    assert weight(record) == 0.7
    assert weight(record, edge_weight=0.3) == 0.3
    assert weight(record, weight_properties={"*": "w"}) == 0.25
    assert weight(record, weight_properties={"LIKES": "w"}) == 0.7
    assert weight(record, weight_properties={"*": "missing"}) == 0.7
    both = {"*": "w", "KNOWS": "strength"}
    assert weight(record, weight_properties=both, weight_ranges={"*": (0.0, 10.0)}) == 0.8
    assert (
        weight(record, weight_properties=both, weight_ranges={"*": (0.0, 10.0), "KNOWS": (0.0, 16.0)}) == 0.5
    )
    assert weight(record, "LIKES", weight_properties=both) == 0.25


@pytest.mark.parametrize(
    ("since", "share"),
    [
        ({"t": "2024-10-04"}, 1.0),
        ({"t": "2024-09-24"}, 0.5),
        ({"t": "2024-09-14T00:00Z"}, 0.25),
        ("2024-09-29 00:00:00", 0.5**0.5),
        ((AS_OF - 10 * DAY) // 1_000_000, 0.5),
        ({"t": "2030-01-01"}, 1.0),
        ({"t": "1066-10-14"}, 0.0),
        ({"t": "-4713-01-01"}, 1.0),
        ({"t": "PT1H"}, 1.0),
        ("a while ago", 1.0),
        (None, 1.0),
    ],
)
def test_weight_halves_with_age(since: Any, share: float) -> None:
    choices: dict[str, Any] = {"age_properties": {"*": "since"}, "half_life_days": 10.0}
    assert weight({"since": since}, **choices) == pytest.approx(0.7 * share)
    chosen = {"weight_properties": {"*": "w"}, **choices}
    assert weight({"w": 0.5, "since": since}, **chosen) == pytest.approx(0.5 * share)


def test_no_age_without_property() -> None:
    assert weight({"since": {"t": "1999-01-01"}}) == 0.7
    assert weight({"since": {"t": "1999-01-01"}}, age_properties={"*": "missing"}) == 0.7


@given(st.integers(-(2**63), 2**63 - 1) | st.floats(), st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
def test_weight_is_a_weight_whatever_the_source_holds(value: float, low: float, high: float) -> None:
    found = weight({"w": value}, weight_properties={"*": "w"}, weight_ranges={"*": (low, high)})
    assert 0.0 <= found <= 1.0


@given(st.text() | st.integers(), st.floats(1e-300, 1e300))
def test_age_never_breaks_a_weight(since: Any, half_life: float) -> None:
    found = weight({"since": since}, age_properties={"*": "since"}, half_life_days=half_life)
    assert 0.0 <= found <= 0.7
