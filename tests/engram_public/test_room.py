"""A plan that no space can hold is refused before anything is read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from engram_store.errors import PreflightError
from io_connectors.engram.embedded import EmbeddedHome
from io_connectors.engram.public.home import PublicHome
from io_connectors.engram.public.pace import seconds_for
from pipelines.planned import PlannedSource
from pipelines.room import check_room


def _planned(rows: int) -> PlannedSource:
    facts: Any = {
        "page_rows": {"p1": 60_000, "p2": rows, "p3": 900_000, "p4": 900_000},
        "page_tables": {"p1": "users", "p2": "people", "p3": "orders", "p4": "links"},
        "tables": {"users": "persons", "people": "persons", "orders": "", "links": ""},
    }
    return cast(PlannedSource, SimpleNamespace(**facts))


def test_a_plan_that_is_too_large_for_a_space_is_refused() -> None:
    check_room(_planned(40_000), PublicHome.capabilities)
    with pytest.raises(PreflightError, match="`persons` cannot hold 100,001"):
        check_room(_planned(40_001), PublicHome.capabilities)
    check_room(_planned(40_001), EmbeddedHome.capabilities)


def test_a_fuller_space_is_slower() -> None:
    assert seconds_for({}, {}) == 0
    assert seconds_for({"a": 300}, {}) == pytest.approx(0.33, rel=0.01)
    one_by_one = seconds_for({"a": 10_000}, {}) + seconds_for({"a": 10_000}, {"a": 10_000})
    assert seconds_for({"a": 20_000}, {}) == pytest.approx(one_by_one, rel=0.02)
    assert seconds_for({"a": 10_000, "b": 10_000}, {}) < 0.6 * one_by_one
    # In proportion beyond what was measured.
    assert seconds_for({"a": 1_000}, {"a": 99_000}) == pytest.approx(31.3 * 99_500 / 17_600, rel=0.01)
