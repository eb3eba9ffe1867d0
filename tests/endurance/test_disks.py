"""Disks that fill up, run out of names or go away: a clear end, and the same command goes on."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demo import cache
from tests.endurance.attempts import Moment, Target
from tests.endurance.conftest import MADE_AT, PAGE
from tests.endurance.disks import SmallDisk
from tests.pipelines.command import Started, until
from tests.pipelines.stored import Stored, report, stored
from tests.redis.migrations import migrate, start_migration

pytestmark = pytest.mark.endurance

_PAGES = 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with SmallDisk.mounted(tmp_path / "disk", "size=300m") as disk:
        yield disk


@pytest.fixture
def few_names(tmp_path: Path) -> Iterator[SmallDisk]:
    with SmallDisk.mounted(tmp_path / "few", "size=300m,nr_inodes=3000") as disk:
        yield disk


def _started(store: Path, temporary: Path, dump: Path, phase: str, workers: str) -> Started:
    """A migration that has come to a phase."""
    target = Target(store, temporary)
    pages, begun = target.pages(), time.time_ns()
    flags = ("--use-rdb", dump, *PAGE, "--parallel-workers", workers)
    process = start_migration(store, *flags, environment={"TMPDIR": str(temporary)})
    until(lambda: target.reached(Moment(phase, _PAGES, 0.0), begun, pages) or not process.running())
    return process


@pytest.mark.parametrize(
    ("phase", "workers"),
    [("plan", "1"), ("pages", "1"), ("pages", "2"), ("commit", "1"), ("finalize", "1"), ("check", "1")],
)
def test_disk_fills(
    disk: SmallDisk, dump: Path, undisturbed: Callable[[], Stored], tmp_path: Path, phase: str, workers: str
) -> None:
    """The newer dump goes into a store that serves an older one, which goes on being served."""
    store, mine = disk.folder / "store", tmp_path / "shop.rdb"
    (tmp_path / "tmp").mkdir()
    cache.build(mine, products=100, made_at=MADE_AT)
    migrate(store, "--use-rdb", mine, *PAGE, "--parallel-workers", "1").succeeded()
    served = Target(store, tmp_path / "tmp").served()
    shutil.copy(dump, mine)
    process = _started(store, tmp_path / "tmp", mine, phase, workers)
    disk.fill()
    process.end().failed(4, "The disk is full", str(store), "give the same command again", "df -h")
    now = Target(store, tmp_path / "tmp").served()
    # The new generation is whole once it is served.
    assert now == served or phase in ("finalize", "check")
    disk.make_room()
    migrate(store, "--use-rdb", mine, *PAGE).succeeded()
    assert Target(store, tmp_path / "tmp").left() == []
    assert stored(store).differences(undisturbed()) == []
    assert report(store)["valid"]


def test_disk_of_the_temporary_folder_fills(
    disk: SmallDisk, dump: Path, undisturbed: Callable[[], Stored], target: Path
) -> None:
    """What is read again to be checked lies there."""
    process = _started(target, disk.folder, dump, "check", "1")
    disk.fill()
    ended = process.end()
    # Python looks for another temporary folder if the disk was full before it was chosen.
    if ended.code:
        ended.failed(4, "The disk is full", str(disk.folder))
    disk.make_room()
    migrate(target, "--use-rdb", dump, *PAGE).succeeded()
    assert stored(target).differences(undisturbed()) == []


def test_disk_of_the_report_is_full(
    disk: SmallDisk, dump: Path, undisturbed: Callable[[], Stored], target: Path
) -> None:
    disk.fill()
    flags = ("--use-rdb", dump, *PAGE, "--report-dir", str(disk.folder))
    migrate(target, *flags).failed(4, "The disk is full", "report.html")
    disk.make_room()
    migrate(target, *flags).succeeded()
    assert (disk.folder / "report.html").exists()
    assert stored(target).differences(undisturbed()) == []


def test_disk_of_the_checkpoint_is_full(disk: SmallDisk, dump: Path, target: Path) -> None:
    disk.fill()
    checkpoint = disk.folder / "checkpoint.json"
    flags = ("--use-rdb", dump, *PAGE, "--checkpoint-file", str(checkpoint))
    migrate(target, *flags).failed(4, "The disk is full", str(checkpoint))
    disk.make_room()
    migrate(target, *flags).succeeded()


def test_disk_runs_out_of_names(
    few_names: SmallDisk, dump: Path, undisturbed: Callable[[], Stored], tmp_path: Path
) -> None:
    store = few_names.folder / "store"
    process = _started(store, tmp_path, dump, "pages", "1")
    few_names.fill_names()
    process.end().failed(4, "The disk is full", "df -i")
    few_names.make_room()
    migrate(store, "--use-rdb", dump, *PAGE).succeeded()
    assert stored(store).differences(undisturbed()) == []


def test_store_cannot_be_written(disk: SmallDisk, dump: Path) -> None:
    store = disk.folder / "store"
    migrate(store, "--use-rdb", dump, *PAGE, "--parallel-workers", "1").succeeded()
    disk.read_only(True)
    migrate(store, "--use-rdb", dump, *PAGE).failed(4, "may not be written", "--target")
    assert Target(store, store).served()
    disk.read_only(False)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_store_is_removed_in_the_middle(
    dump: Path, undisturbed: Callable[[], Stored], target: Path, tmp_path: Path, workers: str
) -> None:
    process = _started(target, tmp_path, dump, "pages", workers)
    target.rename(tmp_path / "away")
    ended = process.end()
    ended.failed(ended.code, str(target))
    assert ended.code in (2, 4)
    migrate(target, "--use-rdb", dump, *PAGE).succeeded()
    assert stored(target).differences(undisturbed()) == []
