"""Whatever is damaged on a public server is found and named, and what is not damaged gives no alarm."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import patch

import pytest

from engram_store.store import Store
from io_connectors.engram.public import client
from io_connectors.engram.public.home import PublicHome
from pipelines.delivered import delivery_checks
from pipelines.report import Check
from pipelines.validation.validate import validate_target
from tests.corruption.made import RUN, commit, first_rows, page, run_manifest
from tests.engram_double.double import EngramDouble
from tests.engram_public.damage import LONG, Damage
from tests.engram_public.damages import DAMAGES
from tests.engram_public.staging import finalized, home_of

#: Few, since every one is read back after each damage.
_PAGES, _ROWS = 3, 15
_MEMORIES = _PAGES * _ROWS
#: Memories and continuations that have vectors.
_VECTORS = _MEMORIES + 2


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EngramDouble, PublicHome]]:
    """A delivery of three pages, one memory of which goes on in continuations."""
    folder = tmp_path_factory.mktemp("staging")
    store = Store.open(folder, create=True)
    run = store.create_run(RUN, run_manifest("2025-02-01T00:00:00+00:00"))
    pages = [first_rows(page(number), _ROWS) for number in range(_PAGES)]
    memories = pages[2].memories
    row = memories.ids.index(LONG)
    memories.contents[row] = f'{{"id":90,"text":"{"wörds " * 30_000}"}}'
    commit(store, run, pages)
    with EngramDouble() as double:
        home = home_of(folder, double)
        finalized(home)
        yield double, home


@pytest.fixture
def home(delivered: tuple[EngramDouble, PublicHome]) -> Iterator[PublicHome]:
    """The delivery, made whole again afterwards."""
    double, home = delivered
    whole = {name: dict(space.memories) for name, space in double.spaces.items()}
    yield home
    for name, memories in whole.items():
        double.spaces[name].memories = memories
    double.quirks.unlisted.clear()
    double.quirks.reorders = False


def read_back(home: PublicHome) -> list[Check]:
    """What validating says of the server; what it says of the staging store takes as long again."""
    with home.lock():
        home.read_back()
    return list(delivery_checks(home.run(RUN)))


def wrong(checks: list[Check]) -> str:
    """All that is said to be wrong."""
    failed = [check for check in checks if not check.passed]
    return "\n".join(line for check in failed for line in (check.name, check.found, *check.details))


@pytest.mark.parametrize("damage", DAMAGES, ids=[damage.name for damage in DAMAGES])
def test_damage_is_found_and_named(
    damage: Damage, delivered: tuple[EngramDouble, PublicHome], home: PublicHome
) -> None:
    damage.do(delivered[0].spaces)
    said = wrong(read_back(home))
    assert said, "nothing was found"
    assert [name for name in damage.named if name not in said] == [], said


def test_there_are_many_kinds() -> None:
    assert len({damage.name for damage in DAMAGES}) == len(DAMAGES) >= 80


def test_what_is_whole_gives_no_alarm(delivered: tuple[EngramDouble, PublicHome], home: PublicHome) -> None:
    double, sent = delivered[0], len(delivered[0].state.written)
    with home.lock():
        found = validate_target(home, home.run(RUN))
    assert found.valid, found.lines()
    for _ in range(5):
        assert wrong(read_back(home)) == ""
    assert found.checks[-1].found == f"{_VECTORS} equal, 0 differing, 0 not listed"
    assert len(double.state.written) == sent, "validating sends nothing"


def test_what_others_wrote_gives_no_alarm(
    delivered: tuple[EngramDouble, PublicHome], home: PublicHome
) -> None:
    held = delivered[0].spaces["users"].memories
    some = held["users_86"]
    held["a note"] = some._replace(content="somebody's own")
    # As of a record that the source had once, sent from a staging store that is gone.
    held["users_9999"] = some._replace(content=some.content.replace('"key":"86"', '"key":"9999"'))
    with home.lock():
        assert validate_target(home, home.run(RUN)).valid


def test_what_is_not_listed_is_asked_for_again_and_named(
    delivered: tuple[EngramDouble, PublicHome], home: PublicHome
) -> None:
    double = delivered[0]
    double.quirks.unlisted.add("users_3")
    with patch.object(client, "_MOST_LISTED", 20):
        before = len(double.state.asked)
        said = wrong(read_back(home))
    listings = [path for _, path in double.state.asked[before:]].count("/api/v1/memories")
    assert (
        f"{_VECTORS - 1} equal, 0 differing, 1 not listed" in said and "not compared: users/users_3" in said
    )
    # The posts on one page, and nothing beyond; the others on two, and all over again for the missing one.
    assert listings == 2 + 2 * 3


def test_pages_that_overlap_and_miss_some_are_read_again(
    delivered: tuple[EngramDouble, PublicHome], home: PublicHome
) -> None:
    delivered[0].quirks.reorders = True
    with patch.object(client, "_MOST_LISTED", 5):
        found = read_back(home)[-1]
    counts = [int(part.split()[0]) for part in found.found.split(", ")]
    # Never a false difference; and never fewer than there are.
    assert counts[0] + counts[2] == _VECTORS and counts[1] == 0
    assert counts[0] > 0.85 * _MEMORIES
    assert len([line for line in found.details if line.startswith("not compared")]) == min(counts[2], 20)
