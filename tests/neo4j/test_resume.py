"""Stopped at any point, a migration goes on: nothing is lost, nothing that was finished is done again."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random

import pytest

from tests.neo4j.migrations import migrate, started
from tests.neo4j.town import PAGE, make_town
from tests.pipelines.command import stopped
from tests.pipelines.stored import Stored, kept, page_files, report, stored, temporaries
from tests.servers.neo4j import Neo4jServer

KILLS = 6
#: Some 400 pages: on a fast machine many are written between two looks.
SMALL = ("--batch-size", "25")


@pytest.fixture(scope="module")
def town(neo4j_server: Neo4jServer) -> Iterator[Neo4jServer]:
    """A town to be read only."""
    neo4j_server.empty()
    make_town(neo4j_server)
    yield neo4j_server
    neo4j_server.empty()


@pytest.fixture(scope="module")
def undisturbed(town: Neo4jServer, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Stored]:
    """What the town's store holds after a run that nothing stopped."""

    @cache
    def read() -> Stored:
        target = tmp_path_factory.mktemp("undisturbed") / "store"
        migrate(town, target).succeeded()
        return stored(target)

    return read


@pytest.mark.slow
def test_killed_many_times_loses_and_repeats_nothing(
    town: Neo4jServer, undisturbed: Callable[[], Stored], target: Path
) -> None:
    random = Random(4)
    pages: dict[str, tuple[int, int]] = {}
    for attempt in range(KILLS):
        process = started(
            town, target, random.randint(1, 12), *SMALL, "--parallel-workers", str(1 + attempt % 2)
        )
        assert stopped(process, signal.SIGKILL).code == -signal.SIGKILL
        assert kept(pages, page_files(target))
        pages = page_files(target)
    migrate(town, target, *SMALL).succeeded()
    assert kept(pages, page_files(target))
    assert stored(target).differences(undisturbed()) == []
    assert not temporaries(target)
    assert report(target)["valid"]


@pytest.mark.parametrize("rows", ["100", "10000"])
@pytest.mark.parametrize("workers", ["1", "2", "4"])
def test_other_number_of_workers_goes_on(
    town: Neo4jServer, undisturbed: Callable[[], Stored], target: Path, workers: str, rows: str
) -> None:
    stopped(started(town, target, 15, *PAGE, "--parallel-workers", "2"), signal.SIGKILL)
    pages = page_files(target)
    migrate(town, target, "--batch-size", rows, "--parallel-workers", workers).succeeded()
    assert kept(pages, page_files(target))
    assert stored(target).differences(undisturbed()) == []


@pytest.mark.parametrize(
    ("how", "code", "word"), [(signal.SIGTERM, 75, "SIGTERM"), (signal.SIGINT, 130, "Ctrl-C")]
)
def test_told_to_stop_it_says_how_to_go_on(
    town: Neo4jServer, target: Path, how: signal.Signals, code: int, word: str
) -> None:
    process = started(town, target, 5, *PAGE)
    stopped(process, how).failed(code, word, "run the same command again")
