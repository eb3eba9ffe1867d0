"""What the server could not hold is refused before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import patch

import pytest

from engram_store.errors import (
    ConfigurationError,
    PreflightError,
)
from io_connectors.engram.public import preflight
from io_connectors.secrets import SecretRef
from tests.engram_double.double import EngramDouble
from tests.engram_double.spaces import Quirks
from tests.engram_public.staging import IDS, finalized, home_of, near, outcomes, staged, unit


def test_what_would_be_absorbed_stops_it_before_anything_is_sent(
    double: EngramDouble, tmp_path: Path
) -> None:
    home = home_of(tmp_path, double)
    run = staged(home, ["a", "b", "c"], vectors=near(unit(1)[0]))
    with pytest.raises(PreflightError, match="absorb 2 of 3") as raised:
        finalized(home)
    assert "`users/b` by `a`" in raised.value.why and "--on-absorbed disambiguate" in raised.value.example
    assert double.state.written == [] and double.spaces == {}
    # Nothing was sent, so the run can still be taken back.
    assert run.finding("delivery") is None
    home.undo("first")
    assert home.runs() == []


def test_an_id_that_a_continuation_needs_is_refused(double: EngramDouble, tmp_path: Path) -> None:
    home = home_of(tmp_path, double)
    staged(home, ["a", "a~part2"], content=json.dumps({"text": "x" * 100_000}))
    with pytest.raises(PreflightError, match="`a~part2` of space `users` is also"):
        finalized(home)
    assert double.spaces == {}


def test_a_space_that_is_too_full_is_refused(double: EngramDouble, tmp_path: Path) -> None:
    home = home_of(tmp_path, double)
    run = staged(home, IDS)
    with patch.object(preflight, "MOST_PER_SPACE", 39), pytest.raises(PreflightError, match="more than"):
        finalized(home)
    assert double.spaces == {}
    with patch.object(preflight, "MOST_PER_SPACE", 40):
        finalized(home)
        staged(home, ["one more"], page="p2")
        with pytest.raises(PreflightError, match="more than"):
            finalized(home)
    # The server's own count is what counts, whoever wrote.
    other = home_of(tmp_path / "other", double)
    staged(other, ["another"])
    with patch.object(preflight, "MOST_PER_SPACE", 40), pytest.raises(PreflightError) as raised:
        finalized(other)
    assert "it holds 40, and 1 are to come" in raised.value.why
    assert len(double.state.written) == 40 and outcomes(run) == {"stored": 40}


@pytest.mark.parametrize("id", ["search", "recall", ".", "..", "x" * 10_001])
def test_an_id_that_cannot_be_fetched_is_refused(double: EngramDouble, tmp_path: Path, id: str) -> None:
    home = home_of(tmp_path, double)
    staged(home, ["a", id])
    with pytest.raises(PreflightError, match="never be fetched"):
        finalized(home)
    assert double.spaces == {}


@pytest.mark.parametrize("space", ["ab", "Users", "a.b", "ä" * 3])
def test_a_space_that_cannot_be_made_is_refused(double: EngramDouble, tmp_path: Path, space: str) -> None:
    home = home_of(tmp_path, double)
    staged(home, ["a"], space=space)
    with pytest.raises(PreflightError, match="cannot have a space"):
        finalized(home)
    assert double.spaces == {}


def test_the_key_is_shown(tmp_path: Path) -> None:
    with EngramDouble(Quirks(key="secret")) as double:
        home = home_of(tmp_path, double, key=SecretRef.keep("TARGET_KEY", "wrong"))
        staged(home, IDS[:2])
        with pytest.raises(ConfigurationError, match="does not take the key"):
            finalized(home)
        right = home_of(tmp_path, double, key=SecretRef.keep("TARGET_KEY", "secret"))
        finalized(right)
        assert double.ids("users") == set(IDS[:2])


def test_the_time_it_takes_is_said(double: EngramDouble, tmp_path: Path) -> None:
    said: list[str] = []
    home = home_of(tmp_path, double, say=said.append)
    staged(home, IDS)
    finalized(home)
    assert said == [f"{double.url}, version 0.1.0: 40 memories to send to 1 spaces, about 0:00:00"]
