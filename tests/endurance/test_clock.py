"""The clock jumps a year back or forth, between attempts and during one: nothing depends on it.

With one worker only: under libfaketime Python's ``sleep`` fails in the threads of local worker processes.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from engram_store.store import Store
from tests.endurance.conftest import MADE_AT, PAGE
from tests.pipelines.command import Started, stopped, until, verb
from tests.pipelines.stored import Stored, kept, page_files, report, stored
from tests.redis.migrations import as_of, migrate, start_migration

pytestmark = pytest.mark.endurance

ONE = (*PAGE, "--parallel-workers", "1")


class Clock:
    """A clock that a test sets, for the commands that it starts.

    Args:
        file: Says by how much it is wrong.
        library: libfaketime's.
    """

    def __init__(self, file: Path, library: str) -> None:
        self._file = file
        self._library = library
        self.set("+0")

    def set(self, offset: str) -> None:
        """Sets it: ``-1y``, ``+1y``; a running command sees it at once."""
        self._file.write_text(offset)

    @property
    def environment(self) -> Mapping[str, str]:
        """What gives a command this clock; the time since the start is always right."""
        return {
            "LD_PRELOAD": self._library,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    listed = subprocess.run(["dpkg", "-L", "libfaketime"], check=False, capture_output=True, text=True)
    library = [line for line in listed.stdout.splitlines() if line.endswith("libfaketimeMT.so.1")]
    if not library:
        pytest.skip("no libfaketime; on Debian: apt-get install faketime")
    clock = Clock(tmp_path / "clock", library[0])
    clock.set("-1y")
    told = subprocess.run(
        ["date", "+%s"], env={**os.environ, **clock.environment}, capture_output=True, text=True, check=True
    )
    assert int(told.stdout) < _now() - 300 * 86_400, "the clock is not wrong"
    clock.set("+0")
    return clock


def _now() -> int:
    return int(subprocess.run(["date", "+%s"], capture_output=True, text=True, check=True).stdout)


def _started(clock: Clock, target: Path, *flags: str | Path) -> Started:
    """A migration that has acknowledged some more pages, by a clock of its own."""
    before = len(page_files(target))
    process = start_migration(target, *flags, environment=clock.environment)
    until(lambda: len(page_files(target)) > before + 10 or not process.running())
    return process


@pytest.mark.parametrize("offsets", [("-1y", "+1y", "+0"), ("+1y", "-1y", "+0")])
def test_between_attempts(
    clock: Clock,
    dump: Path,
    undisturbed: Callable[[], Stored],
    target: Path,
    offsets: tuple[str, ...],
) -> None:
    flags = ("--use-rdb", dump, *ONE)
    pages: dict[str, tuple[int, int]] = {}
    for offset in offsets:
        clock.set(offset)
        stopped(_started(clock, target, *flags), signal.SIGKILL)
        assert kept(pages, page_files(target))
        pages = page_files(target)
    assert as_of(target) == MADE_AT * 1000
    ended = migrate(target, *flags, environment=clock.environment)
    ended.succeeded()
    assert kept(pages, page_files(target))
    assert stored(target).differences(undisturbed()) == []
    _no_negative_numbers(report(target))


@pytest.mark.parametrize("offset", ["-1y", "+1y"])
def test_in_the_middle_of_one(
    clock: Clock, dump: Path, undisturbed: Callable[[], Stored], target: Path, offset: str
) -> None:
    flags = ("--use-rdb", dump, *ONE)
    process = _started(clock, target, *flags)
    clock.set(offset)
    other = migrate(target, *flags, environment=clock.environment)
    other.failed(4, "is in use by process")
    ended = process.end()
    ended.succeeded()
    assert "ETA -" not in ended.err and ", -" not in ended.err
    assert stored(target).differences(undisturbed()) == []
    _no_negative_numbers(report(target))


def test_a_later_run_replaces_an_earlier_one_though_the_clock_was_set_back(
    clock: Clock, dump: Path, target: Path
) -> None:
    flags = ("--use-rdb", dump, *ONE)
    migrate(target, *flags, "--run", "first", environment=clock.environment).succeeded()
    clock.set("-1y")
    migrate(target, *flags, "--run", "second", environment=clock.environment).succeeded()
    told = verb("status", "--target", str(target), environment=clock.environment)
    told.succeeded()
    store = Store.open(target)
    with store.reader() as reader:
        served = {run: sum(reader.run_counts(run).values()) for run in store.runs()}
    assert served["first"] == 0 < served["second"]


def _no_negative_numbers(document: Any, path: str = "") -> None:
    """Durations, rates and counts of a report; only levels of correlation may be below zero."""
    if isinstance(document, Mapping):
        for name, value in document.items():
            _no_negative_numbers(value, f"{path}.{name}")
    elif isinstance(document, list):
        for value in document:
            _no_negative_numbers(value, path)
    elif isinstance(document, (int, float)):
        assert document >= 0, path
