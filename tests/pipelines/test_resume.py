"""Stopped at any point, a migration goes on: nothing is lost, nothing that was finished is done again."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.pipelines.command import Started, gone, migrate, migration, start, stopped, until, verb
from tests.pipelines.conftest import PAGE, make_shop
from tests.pipelines.stored import Stored, kept, page_files, report, stored, temporaries
from tests.servers.postgres import DebianPostgres

WORKERS = 2
KILLS = 5


def _started(source: str, target: Path, pages: int, *flags: str) -> Started:
    """A migration that has acknowledged some more pages."""
    before = len(page_files(target))
    process = start(*migration(source, target, *PAGE, *flags))
    until(lambda: len(page_files(target)) >= before + pages or not process.running())
    assert process.running(), process.end()
    return process


@pytest.mark.slow
def test_killed_several_times_loses_and_repeats_nothing(
    debian_postgres: DebianPostgres, target: Path, tmp_path: Path
) -> None:
    database = make_shop(debian_postgres, "killed_several_times", customers=1_500)  # 300 pages
    random = Random(3)
    pages: dict[str, tuple[int, int]] = {}
    for _ in range(KILLS):
        process = _started(database, target, random.randint(0, 50))
        assert stopped(process, signal.SIGKILL).code == -signal.SIGKILL
        now = page_files(target)
        assert kept(pages, now), "a finished page was written again"
        assert len(temporaries(target)) <= 2 * WORKERS  # a page's memories and its edges
        pages = now
    migrate(database, target, *PAGE).succeeded()
    migrate(database, tmp_path / "undisturbed", *PAGE).succeeded()
    assert kept(pages, page_files(target))
    assert stored(target).differences(stored(tmp_path / "undisturbed")) == []
    assert not temporaries(target)
    assert report(target)["valid"]


@pytest.mark.parametrize("killed", range(2))
def test_killed_worker_ends_the_run_resumably(
    shop_database: str, undisturbed: Callable[[], Stored], target: Path, killed: int
) -> None:
    process = _started(shop_database, target, 10 + 60 * killed)
    workers = process.workers()
    assert len(workers) == WORKERS
    family = process.family.children(recursive=True)
    workers[killed].kill()
    process.end(60).failed(75, "a worker process ended", "run the same command again")
    assert gone(family)
    pages = page_files(target)
    migrate(shop_database, target, *PAGE).succeeded()
    assert kept(pages, page_files(target))
    assert stored(target).differences(undisturbed()) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_worker_lost_while_it_begins_ends_the_run_resumably(
    shop_database: str, target: Path, how: signal.Signals
) -> None:
    """The runner waits for ever for a worker that never came, and for the others."""
    process = start(*migration(shop_database, target, *PAGE))
    until(process.workers)
    lost = process.workers()[0] if how == signal.SIGKILL else process.family
    lost.send_signal(how)
    process.end(60).failed(75, "run the same command again")


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("how", "code", "word"),
    [(signal.SIGTERM, 75, "SIGTERM"), (signal.SIGINT, 130, "Ctrl-C")],
)
def test_told_to_stop_it_says_how_to_go_on(
    shop_database: str, target: Path, how: signal.Signals, code: int, word: str, workers: str
) -> None:
    process = _started(shop_database, target, 5, "--parallel-workers", workers)
    stopped(process, how).failed(code, word, "run the same command again")
    pages = page_files(target)
    assert 5 <= len(pages) < 150, "it did not stop"
    again = _started(shop_database, target, 1, "--parallel-workers", "2")
    assert kept(pages, page_files(target))
    stopped(again, signal.SIGKILL)


@pytest.mark.parametrize(
    ("how", "code", "word"), [(signal.SIGTERM, 75, "SIGTERM"), (signal.SIGINT, 130, "Ctrl-C")]
)
def test_told_to_stop_while_finalizing(
    shop_database: str,
    undisturbed: Callable[[], Stored],
    target: Path,
    how: signal.Signals,
    code: int,
    word: str,
) -> None:
    process = start(*migration(shop_database, target, *PAGE))
    until(lambda: any(target.glob("serving/.tmp-*")) or not process.running())
    stopped(process, how).failed(code, word, "run the same command again")
    pages = page_files(target)
    migrate(shop_database, target, *PAGE).succeeded()
    assert page_files(target) == pages
    assert stored(target).differences(undisturbed()) == []


def test_other_number_of_workers_goes_on(
    shop_database: str, undisturbed: Callable[[], Stored], target: Path
) -> None:
    process = _started(shop_database, target, 40, "--parallel-workers", "1")
    stopped(process, signal.SIGKILL)
    pages = page_files(target)
    migrate(shop_database, target, "--batch-size", "1000", "--parallel-workers", "2").succeeded()
    assert kept(pages, page_files(target))
    assert stored(target).differences(undisturbed()) == []


def test_complete_run_given_again_reads_nothing_again(shop_database: str, target: Path) -> None:
    migrate(shop_database, target, "--batch-size", "1000").succeeded()
    pages, before = page_files(target), stored(target)
    migrate(shop_database, target, "--batch-size", "1000").succeeded()
    assert page_files(target) == pages
    assert report(target)["new_records"] == 0
    assert stored(target).differences(before) == []


def test_stopped_run_is_listed_and_serves_nothing(shop_database: str, target: Path) -> None:
    stopped(_started(shop_database, target, 5), signal.SIGKILL)
    listed = verb("runs", "--target", str(target))
    listed.succeeded()
    assert "unfinished" in listed.out
    verb("spaces", "--target", str(target)).failed(4, "has nothing to read yet")
