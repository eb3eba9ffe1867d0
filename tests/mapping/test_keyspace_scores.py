"""Scores as activations."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.mapping.keyspace_scores import activations


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([], []),
        ([7.0], [0.5]),
        ([3.0, 3.0], [0.5, 0.5]),
        ([0.0, 25.0, 100.0], [0.0, 0.25, 1.0]),
        ([-10.0, 0.0], [0.0, 1.0]),
        ([-inf, 1.0, 2.0, 3.0, inf], [0.0, 0.0, 0.5, 1.0, 1.0]),
        ([-inf, 5.0, inf], [0.0, 0.5, 1.0]),
        ([inf, inf], [1.0, 1.0]),
        ([1.0, nan, 2.0], [0.0, 0.5, 1.0]),
        ([-1.7e308, 0.0, 1.7e308], [0.0, 0.5, 1.0]),
        ([0.0, 5e-324], [0.0, 1.0]),
    ],
)
def test_activations_by_hand(scores: list[float], expected: list[float]) -> None:
    assert activations(scores, 0.5) == expected


@given(st.lists(st.floats(allow_nan=False)))
def test_activations_lie_between_0_and_1_and_follow_the_scores(scores: list[float]) -> None:
    found = activations(sorted(scores), 0.5)
    assert all(0.0 <= share <= 1.0 for share in found)
    assert found == sorted(found)


def test_the_default_stands_where_scores_say_nothing() -> None:
    assert activations([2.0, 2.0, nan], 0.25) == [0.25] * 3
