"""Which pages of a source are read again."""

from __future__ import annotations

import pytest

from transforms.validation.samples import choose


@pytest.mark.parametrize(
    ("pages", "rows", "chosen", "share"),
    [
        (0, 0, 0, 0),
        (3, 1_000, 3, 334),
        (500, 100, 50, 20),
        (500, 1_000, 20, 50),
        (500, 10_000, 10, 100),
        (4, 10_000, 4, 250),
    ],
)
def test_pages_are_taken_until_they_hold_enough(pages: int, rows: int, chosen: int, share: int) -> None:
    picks = choose({f"page-{number}": rows for number in range(pages)}, (), 1_000, 7)
    assert len(picks) == chosen
    assert set(picks.values()) == ({share} if chosen else set())


def test_a_seed_chooses_the_same_and_another_does_not() -> None:
    pages = {f"page-{number}": 1_000 for number in range(500)}
    assert choose(pages, (), 1_000, 7) == choose(dict(reversed(pages.items())), (), 1_000, 7)
    assert choose(pages, (), 1_000, 7) != choose(pages, (), 1_000, 8)


def test_pages_in_doubt_are_read_as_a_whole() -> None:
    picks = choose({"sound": 10, "doubtful": 10}, ("doubtful",), 4, 7)
    assert picks == {"sound": 2, "doubtful": None}


def test_no_more_pages_than_samples() -> None:
    assert len(choose({f"page-{number}": 1 for number in range(500)}, (), 3, 7)) == 3
