"""Which pages of a source are read again."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest

from transforms.validation.samples import Picks, choose


@pytest.mark.parametrize(
    ("pages", "rows", "chosen", "share"),
    [
        (0, 0, 0, 0),
        (3, 1_000, 3, 334),
        (500, 100, 50, 20),
        (500, 1_000, 20, 50),
        (500, 10_000, 5, 200),
        (4, 10_000, 4, 250),
    ],
)
def test_pages_are_taken_until_they_hold_enough(pages: int, rows: int, chosen: int, share: int) -> None:
    picks = _chosen({f"page-{number}": rows for number in range(pages)}, 1_000)
    assert len(picks) == chosen
    assert set(picks.values()) == ({share} if chosen else set())


def test_a_seed_chooses_the_same_and_another_does_not() -> None:
    pages = {f"page-{number}": 1_000 for number in range(500)}
    assert _chosen(pages, 1_000) == _chosen(dict(reversed(pages.items())), 1_000)
    assert _chosen(pages, 1_000) != _chosen(pages, 1_000, seed=8)


def test_pages_in_doubt_are_read_as_a_whole() -> None:
    picks = _chosen({"sound": 10, "doubtful": 10}, 4, whole=("doubtful",))
    assert picks == {"sound": 2, "doubtful": None}


def test_no_more_pages_than_samples() -> None:
    assert len(_chosen({f"page-{number}": 1 for number in range(500)}, 3)) == 3


@pytest.mark.parametrize("seed", range(20))
def test_small_tables_are_not_left_out(seed: int) -> None:
    pages = {f"page-{number}": 1_000 for number in range(500)}
    small = {"page-17": "settings", "page-18": "colours"}
    assert small.keys() <= _chosen(pages, 1_000, seed=seed, tables=small).keys()


def test_of_many_tables_not_always_the_same_are_chosen() -> None:
    tables = {f"page-{number}": f"table-{number // 2}" for number in range(400)}
    pages = dict.fromkeys(tables, 1_000)
    chosen = [{tables[page] for page in _chosen(pages, 1_000, seed=seed, tables=tables)} for seed in (7, 8)]
    assert len(chosen[0]) == len(chosen[1]) == 20 and chosen[0] != chosen[1]


def _chosen(
    pages: Mapping[str, int],
    samples: int,
    seed: int = 7,
    whole: Collection[str] = (),
    tables: Mapping[str, str] | None = None,
) -> Picks:
    return choose(pages, dict.fromkeys(pages, "others") | dict(tables or {}), whole, samples, seed)
