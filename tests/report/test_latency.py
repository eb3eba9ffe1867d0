"""The check of speed tells a slow target from a fast one, and what cannot be compared from both."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, cast

import pytest

from engram_store.reader import Neighbour, Reader
from engram_store.store import Store
from pipelines.latency import latency_check
from pipelines.traced import Place
from tests.store.synthetic import Link, memories, write


class Source:
    """Answers after some milliseconds; ``None`` for a kind of look-up that it has not."""

    def __init__(self, by_key: float | None, related: float | None, first: float | None) -> None:
        self._milliseconds = {"by_key": by_key, "related": related, "first": first}
        self.asked: list[str] = []

    def by_key(self, kind: str, key: str) -> int | None:
        return self._answer("by_key")

    def related(self, kind: str, key: str) -> int | None:
        return self._answer("related")

    def first(self, kind: str, limit: int) -> int | None:
        return self._answer("first")

    def _answer(self, name: str) -> int | None:
        self.asked.append(name)
        milliseconds = self._milliseconds[name]
        if milliseconds is None:
            return None
        time.sleep(milliseconds / 1e3)
        return 1


class SlowNeighbours:
    """A reader that needs 40 ms for neighbours."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def neighbours(self, *question: Any) -> list[Neighbour]:
        time.sleep(0.04)
        return self._reader.neighbours(*question)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.open(tmp_path / "store", create=True)
    run = store.create_run("first", {"model": "m"})
    write(run, "p", memories([f"a{n}" for n in range(20)]), [Link("e", "a1", "a2")])
    store.finalize()
    return store


def places(store: Store) -> list[Place]:
    run: Any = store.run("first")
    return [Place(run, "p", "users", f"a{n}", "users", f"a{n}") for n in range(5)]


def test_a_target_that_is_as_fast_passes(store: Store) -> None:
    with store.reader() as reader:
        check = latency_check(Source(20, 20, 20), reader, places(store))
    assert check.passed and check.details == ()
    assert [part.split(" ")[0] for part in check.found.split("; ")] == ["by", "neighbours", "filter"]
    assert "×)" in check.found and " ms, source 2" in check.found


def test_a_target_that_is_slower_fails_by_name(store: Store) -> None:
    with store.reader() as reader:
        check = latency_check(Source(10, 10, 10), cast(Any, SlowNeighbours(reader)), places(store))
    assert not check.passed
    assert [line.split(" ")[0] for line in check.details] == ["neighbours"]


def test_what_the_source_has_not_is_not_compared(store: Store) -> None:
    source = Source(20, None, 20)
    with store.reader() as reader:
        check = latency_check(source, reader, places(store))
    assert check.passed and "neighbours" not in check.found
    assert source.asked.count("by_key") == 10


@pytest.mark.parametrize("source", [None, Source(1, 1, 1)])
def test_nothing_to_compare_is_no_failure(store: Store, source: Source | None) -> None:
    with store.reader() as reader:
        check = latency_check(source, reader, places(store) if source is None else [])
        nobody = latency_check(Source(None, None, None), reader, places(store))
    assert check.passed and check.found.startswith("not compared: ")
    assert nobody.passed and nobody.found == "no record could be asked for by its key"
