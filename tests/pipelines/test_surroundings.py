"""What a command needs around it: room for its output, address space, and a terminal that may end."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engram_store.errors import Interrupted, PreflightError
from engram_store.store import Store
from pipelines import address_space, watch
from pipelines.address_space import check_address_space
from pipelines.guard import guarded
from pipelines.watch import Watch
from tests.pipelines.command import REPOSITORY


@pytest.mark.parametrize("size", [10, 100_000])
def test_output_that_finds_no_room_ends_clearly(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], size: int
) -> None:
    with open("/dev/full", "w") as full:
        monkeypatch.setattr("sys.stdout", full)

        def work() -> int:
            print("x" * size)
            return 0

        assert guarded(work) == 4
    assert "error: The disk is full" in capfd.readouterr().err


def test_threads_left_by_a_stopped_run_are_not_waited_for() -> None:
    script = """
import threading
from engram_store.errors import ConfigurationError
from pipelines.guard import guarded, leave
def work():
    print("said")
    threading.Thread(target=threading.Event().wait).start()
    raise ConfigurationError("stopped")
leave(guarded(work))
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "said\n")


@pytest.fixture
def heard() -> Iterator[None]:
    """The end of the terminal is heard, though these tests may run under ``nohup``."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def test_hang_up_is_an_end_like_any_other(heard: None, capfd: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        signal.raise_signal(signal.SIGHUP)
        return 0

    assert guarded(work) == 75
    assert "told to stop (SIGHUP)" in capfd.readouterr().err


@pytest.fixture
def nohup() -> Iterator[None]:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGHUP, before)


def test_hang_up_is_not_heeded_under_nohup(nohup: None) -> None:
    def work() -> int:
        with Watch():
            signal.raise_signal(signal.SIGHUP)
        return 0

    assert guarded(work) == 0


def test_interrupt_that_is_swallowed_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_INSIST_SECONDS", 0.1)
    reason, told = Interrupted("enough"), 0
    with pytest.raises(KeyboardInterrupt), Watch() as watching:
        threading.Timer(0.1, watching.abort, [reason]).start()
        while told < 3:
            try:
                time.sleep(30)
            except KeyboardInterrupt:
                told += 1
        time.sleep(30)
    assert watching.reason is reason
    # And none comes after the end.
    time.sleep(0.3)


@pytest.fixture
def limited() -> Iterator[int]:
    """This process has a limit of address space, though one that it will not meet."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    soft = 1 << 45
    resource.setrlimit(resource.RLIMIT_AS, (soft, before[1]))
    yield soft
    resource.setrlimit(resource.RLIMIT_AS, before)


def test_too_little_address_space_is_refused(limited: int, monkeypatch: pytest.MonkeyPatch) -> None:
    check_address_space()
    monkeypatch.setattr(address_space, "NEEDED_BYTES", limited + 1)
    with pytest.raises(PreflightError, match="address space") as refused:
        check_address_space()
    assert "ulimit -v" in refused.value.example


def test_store_that_is_removed_is_said_to_be_gone(tmp_path: Path) -> None:
    run = Store.open(tmp_path / "store", create=True).create_run("one", {})
    (tmp_path / "store").rename(tmp_path / "away")

    def work() -> int:
        run.save_finding("something", {})
        return 0

    assert guarded(work) == 4
