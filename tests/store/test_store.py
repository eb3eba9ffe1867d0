from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engram_store.errors import ConfigurationError, TargetTerminalError, TargetTransientError
from engram_store.store import Store

_HOLDER = """
import sys
from engram_store.store import Store
with Store.open(sys.argv[1]).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_new_store_opens_again(tmp_path: Path) -> None:
    Store.open(tmp_path / "a" / "b", create=True)
    assert Store.open(tmp_path / "a" / "b").runs() == []
    Store.open(str(tmp_path / "a" / "b"), create=True)


@pytest.mark.parametrize("create", [False, True])
def test_a_folder_of_other_things_is_no_store(tmp_path: Path, create: bool) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(ConfigurationError, match=r"is not an Engram store"):
        Store.open(tmp_path, create=create)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_no_store_at_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not an Engram store"):
        Store.open(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="is a file"):
        Store.open(tmp_path / "file", create=True)


def test_a_newer_format_is_refused(store: Store) -> None:
    (store.path / "STORE.json").write_text('{"format": 99}')
    with pytest.raises(ConfigurationError, match="has format 99"):
        Store.open(store.path)


def test_a_place_that_may_not_be_written() -> None:
    with pytest.raises(TargetTerminalError, match="may not be written"):
        Store.open("/proc/engram-store" if os.geteuid() else "/sys/engram-store", create=True)


def test_run_names(store: Store) -> None:
    store.create_run("a", {})
    with pytest.raises(ConfigurationError, match="already"):
        store.create_run("a", {})
    for name in ("", "../b", ".tmp-x", "a/b"):
        with pytest.raises(ConfigurationError, match="cannot name a run"):
            store.create_run(name, {})
        with pytest.raises(ConfigurationError, match="There is no run"):
            store.run(name)
    assert store.runs() == ["a"]


def test_an_unknown_run_is_answered_with_the_known_ones(store: Store) -> None:
    store.create_run("a", {})
    with pytest.raises(ConfigurationError, match="`a`"):
        store.undo("b")


def test_a_run_that_was_not_created_to_the_end_can_be_created(store: Store) -> None:
    (store.path / "runs" / "a" / "memories").mkdir(parents=True)
    assert store.runs() == []
    store.create_run("a", {})
    assert store.runs() == ["a"]


def test_one_writer_at_a_time(store: Store) -> None:
    command = [sys.executable, "-c", _HOLDER, str(store.path)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(TargetTransientError, match=f"process {holder.pid}"), store.lock():
            pass
        with pytest.raises(TargetTransientError, match=f"process {holder.pid}"):
            store.finalize()
        holder.kill()
        holder.wait()
    with store.lock():
        pass


def test_the_lock_may_be_nested_but_not_shared(store: Store) -> None:
    with store.lock(), store.lock():
        store.finalize()
        with pytest.raises(TargetTransientError, match=f"process {os.getpid()}"):
            Store.open(store.path).finalize()
    Store.open(store.path).finalize()


def test_a_clock_that_was_set_back_does_not_make_a_newer_run_the_older_one(store: Store) -> None:
    first = store.create_run("first", {"started_at": "2999-01-01T00:00:00Z"})
    second = store.create_run("second", {})
    assert first.started_at < second.started_at < store.create_run("third", {}).started_at
