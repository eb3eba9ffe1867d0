"""Every memory is read back, and each of the ways in which one can go amiss is found, by id."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from engram_store.errors import (
    ConfigurationError,
)
from io_connectors.engram.public import delivery
from pipelines.delivered import delivery_checks
from tests.engram_double.double import EngramDouble
from tests.engram_double.spaces import Remembered
from tests.engram_public.staging import IDS, finalized, home_of, near, outcomes, samples, staged, unit


def test_all_arrives_with_its_edges(double: EngramDouble, tmp_path: Path) -> None:
    home = home_of(tmp_path, double)
    run = staged(home, [*IDS, "a/b?c=d&é ..\n😀"], [(IDS[0], IDS[1]), (IDS[1], "nobody")])
    finalized(home)
    assert outcomes(run) == {"stored": 41}
    check, vectors = delivery_checks(run)
    assert check.passed and check.found.startswith("41 stored, 0 identical")
    assert vectors.passed and vectors.found == "41 equal, 0 differing, 0 not listed"
    with home.reader() as reader, home._staging.reader() as own:
        assert reader.spaces() == {"users": 41} and reader.count("nothing") == 0
        for id in ("users_0", "a/b?c=d&é ..\n😀"):
            at = None
            mine, theirs = own.get("users", id, at), reader.get("users", id, at)
            assert mine is not None and theirs is not None
            assert theirs.activation == pytest.approx(mine.activation, abs=1e-6)
            assert (theirs.content, theirs.created_at, theirs.source, theirs.page, theirs.confidence) == (
                mine.content, mine.created_at, mine.source, mine.page, mine.confidence,
            )  # fmt: skip
        assert [edge.target for edge in reader.edges("users", IDS[0])] == [IDS[1]]
        assert reader.get("users", "nobody") is None and reader.get("elsewhere", "users_0") is None
    sent = double.spaces["users"].memories[IDS[0]]
    assert '"target":"users_1"' in sent.content and sent.timestamp == "2023-11-14T22:13:20.123456+00:00"
    assert "elsewhere" not in double.spaces and "nothing" not in double.spaces


def test_nothing_is_sent_twice(double: EngramDouble, tmp_path: Path) -> None:
    home = home_of(tmp_path, double)
    run = staged(home, IDS)
    finalized(home)
    finalized(home_of(tmp_path, double))
    assert len(double.state.written) == len(IDS)
    assert outcomes(run) == {"stored": 40}


def test_absorbed_memories_are_named(double: EngramDouble, tmp_path: Path) -> None:
    home = home_of(tmp_path, double, "report")
    run = staged(home, ["a", "b", "c", "d"], vectors=np.vstack([near(unit(1)[0]), unit(2)]))
    finalized(home)
    assert outcomes(run) == {"stored": 2, "absorbed": 2}
    gone = {f"users/{id}" for id in {"a", "b", "c", "d"} - double.ids("users")}
    assert set(samples(run, "absorbed")) == gone and len(gone) == 2
    check, _ = delivery_checks(run)
    assert check.passed and "accepted" in check.found
    named = [json.loads(line)["id"] for line in (run.path / "undelivered.jsonl").read_text().splitlines()]
    assert {f"users/{id}" for id in named} == gone


def test_a_memory_that_a_surer_one_replaced_is_named(double: EngramDouble, tmp_path: Path) -> None:
    with patch.object(delivery, "_AT_ONCE", 1):
        home = home_of(tmp_path, double, "report")
        run = staged(home, ["a", "b"], vectors=near(unit(1)[0])[:2], confidence=[0.1, 0.9])
        finalized(home)
    assert double.ids("users") == {"b"}
    assert samples(run, "absorbed") == ["users/a"]


def test_moved_apart_nothing_is_absorbed(double: EngramDouble, tmp_path: Path) -> None:
    vectors = np.vstack([near(unit(1)[0]), np.zeros((2, 768), dtype=np.float32)])
    run = staged(home_of(tmp_path, double), list("abcde"), vectors=vectors)
    # Asked for once, the choice holds for `engram-migrate finalize` too.
    finalized(home_of(tmp_path, double, "disambiguate"))
    finalized(home_of(tmp_path, double))
    assert outcomes(run) == {"stored": 5}
    held = double.spaces["users"].memories
    assert (held["a"].vector == vectors[0]).all() and '"moved":true' not in held["a"].content
    assert float(held["b"].vector @ vectors[1]) == pytest.approx(0.94, abs=1e-4)
    assert '"moved":true' in held["b"].content
    # A later page gives way to what is there, which stays as it was sent.
    staged(home_of(tmp_path, double), ["f"], page="p0", vectors=vectors[:1])
    finalized(home_of(tmp_path, double))
    assert outcomes(run) == {"stored": 6} and (held["a"].vector == vectors[0]).all()
    assert '"moved":true' in held["f"].content and len(double.state.written) == 6


def test_accepted_losses_are_sent_when_they_are_to_be_moved(double: EngramDouble, tmp_path: Path) -> None:
    run = staged(home_of(tmp_path, double), ["a", "b"], vectors=near(unit(1)[0])[:2], confidence=[0.1, 0.9])
    finalized(home_of(tmp_path, double, "report"))
    assert outcomes(run) == {"stored": 1, "absorbed": 1}
    finalized(home_of(tmp_path, double, "disambiguate"))
    assert outcomes(run) == {"stored": 2}
    assert double.ids("users") == {"a", "b"}


def test_a_memory_that_is_always_lost_is_named(double: EngramDouble, tmp_path: Path) -> None:
    double.quirks.loses |= {IDS[3]}
    home = home_of(tmp_path, double)
    run = staged(home, IDS)
    finalized(home)
    assert outcomes(run) == {"stored": 39, "lost": 1}
    assert samples(run, "lost") == ["users/users_3"]
    check, _ = delivery_checks(run)
    assert not check.passed and "lost: users/users_3" in check.details
    double.quirks.loses.clear()
    finalized(home)
    assert outcomes(run) == {"stored": 40} and delivery_checks(run)[0].passed


def test_an_evicted_memory_is_named(double: EngramDouble, tmp_path: Path) -> None:
    home = home_of(tmp_path, double)
    run = staged(home, IDS)
    double.quirks.most = 35
    finalized(home)
    # Five of forty have no room, whichever they are.
    assert outcomes(run)["lost"] == 5 and not delivery_checks(run)[0].passed


def test_the_same_memory_that_was_there_before_is_identical(double: EngramDouble, tmp_path: Path) -> None:
    first = staged(home_of(tmp_path / "1", double), IDS)
    finalized(home_of(tmp_path / "1", double))
    assert outcomes(first) == {"stored": 40}
    second = staged(home_of(tmp_path / "2", double), [*IDS, "new"])
    finalized(home_of(tmp_path / "2", double))
    assert outcomes(second) == {"identical": 40, "stored": 1}
    assert len(double.state.written) == 41


@pytest.mark.parametrize("same_vector", [True, False])
def test_another_memory_under_the_same_id_is_a_conflict(
    double: EngramDouble, tmp_path: Path, same_vector: bool
) -> None:
    home = home_of(tmp_path, double)
    run = staged(home, IDS)
    finalized(home)
    held = double.spaces["users"].memories
    vector = held[IDS[5]].vector if same_vector else unit(7)[0]
    held[IDS[5]] = Remembered("another", vector, 0.9, held[IDS[5]].timestamp, 0.9)
    finalized(home)
    assert outcomes(run) == {"stored": 39, "conflict": 1}
    assert samples(run, "conflict") == ["users/users_5"]
    assert not delivery_checks(run)[0].passed
    with home.reader() as reader:
        shown = reader.get("users", IDS[5])
    assert shown is not None and shown.content == "another"


def test_a_record_that_changed_is_overwritten_or_a_conflict(double: EngramDouble, tmp_path: Path) -> None:
    home = home_of(tmp_path, double)
    run = staged(home, ["a", "b"], vectors=unit(1, 2))
    finalized(home)
    for content, vectors, expected in (
        ('{"name": "Bob"}', unit(2, 2), {"stored": 2}),
        ('{"name": "Cleo"}', unit(2, 2), {"conflict": 2}),
    ):
        staged(home, ["a", "b"], vectors=vectors, content=content)
        finalized(home)
        assert outcomes(run) == expected


def test_what_the_source_no_longer_has_is_counted(double: EngramDouble, tmp_path: Path) -> None:
    home = home_of(tmp_path, double)
    run = staged(home, ["a", "b"], vectors=unit(1, 2))
    finalized(home)
    staged(home, ["a"], vectors=unit(1, 2)[:1])
    finalized(home)
    assert outcomes(run) == {"stored": 1}
    assert run.finding("delivery")["left_behind"] == 1
    assert "1 that the source no longer has" in delivery_checks(run)[0].details[-1]


def test_long_contents_go_on_in_continuations(double: EngramDouble, tmp_path: Path) -> None:
    home = home_of(tmp_path, double)
    content = json.dumps({"text": "wörds " * 40_000}, ensure_ascii=False)
    run = staged(home, ["a", "b"], content=content)
    finalized(home)
    assert outcomes(run) == {"stored": 2}
    assert {"a", "b", "a~part2", "a~part3", "b~part3"} < double.ids("users")
    with home.reader() as reader:
        memory = reader.get("users", "b")
    assert memory is not None and memory.content == content


def test_a_delivered_run_is_not_undone_and_nothing_is_ever_deleted(
    double: EngramDouble, tmp_path: Path
) -> None:
    home = home_of(tmp_path, double)
    staged(home, IDS)
    finalized(home)
    with pytest.raises(ConfigurationError, match="cannot be taken back"):
        home.undo("first")
    assert home.runs() == ["first"] and double.ids("users") == set(IDS)
    assert {method for method, _ in double.state.asked} == {"GET", "POST"}
    assert not home.capabilities.undo and home.capabilities.most_per_space == 100_000
