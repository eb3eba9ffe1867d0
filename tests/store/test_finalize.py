from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engram_store.errors import IntegrityError, TargetTerminalError, TargetTransientError
from engram_store.run import Run
from engram_store.store import Store
from tests.store.synthetic import Link, memories, write

_ROOT = Path(__file__).parents[2]
_LIMITED = """
import resource, sys
from engram_store.store import Store
from engram_store.errors import TargetTerminalError
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    Store.open(sys.argv[1]).finalize()
except TargetTerminalError as error:
    print(error.what)
"""
# Kills itself at the n-th of the calls that make something durable or visible.
_KILLED_AT = """
import os, sys, signal
from engram_store.store import Store
left = int(sys.argv[2])
def dying(call):
    def counted(*arguments):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments)
    return counted
for name in ("fsync", "rename", "replace"):
    setattr(os, name, dying(getattr(os, name)))
Store.open(sys.argv[1]).finalize()
print("done")
"""
_FINALIZE = "import sys; from engram_store.store import Store; Store.open(sys.argv[1]).finalize()"


def test_what_is_there_is_served(store: Store, run: Run) -> None:
    write(run, "p1", memories(["a", "b"]), [Link("e1", "a", "b"), Link("e2", "a", None, "rel")])
    write(run, "p2", memories(["c"], space="other"))
    write(run, "p3", memories([]), [Link("e3", "b", "a"), Link("e4", "b", "x")])
    result = store.finalize()
    assert result.memories == {"other": 1, "users": 2}
    assert result.edges == {"fk": 2}
    assert result.orphans == {"fk": 1, "rel": 1}
    with store.reader() as reader:
        assert reader.spaces() == result.memories
        assert reader.edge_counts() == result.edges


def test_nothing_changed_nothing_done(store: Store, run: Run) -> None:
    write(run, "p1", memories(["a"]))
    first = store.finalize()
    published = (store.path / "CURRENT").stat().st_mtime_ns
    second = store.finalize()
    assert (store.path / "CURRENT").stat().st_mtime_ns == published
    assert (first.rebuilt, second.rebuilt) == (True, False)
    assert first.generation == second.generation
    assert first.memories == second.memories
    write(run, "p2", memories(["b"]))
    assert store.finalize().memories == {"users": 2}
    assert len(list((store.path / "serving").iterdir())) == 1


def test_only_what_readers_see_of_a_manifest_counts(store: Store, run: Run) -> None:
    write(run, "p1", memories(["a"]))
    store.finalize()
    run.save_manifest({**run.manifest, "ended_at": "2025-01-02"})
    assert not store.finalize().rebuilt
    run.save_manifest({**run.manifest, "started_at": "2025-01-03T00:00:00Z"})
    assert store.finalize().rebuilt


def test_an_empty_store(store: Store) -> None:
    assert store.finalize().memories == {}
    with store.reader() as reader:
        assert reader.spaces() == {}
        assert reader.get("users", "a") is None


def test_an_id_in_two_pages_is_refused(store: Store, run: Run) -> None:
    write(run, "p1", memories(["a", "b"]))
    write(run, "p2", memories(["c", "a"]))
    with pytest.raises(IntegrityError) as caught:
        store.finalize()
    for name in ("memory `a`", "space `users`", "page `p1` of run `first`", "page `p2` of run `first`"):
        assert name in str(caught.value)
    assert not list((store.path / "serving").iterdir())


def test_an_id_twice_in_a_page_of_one_run_of_two_is_refused(store: Store, run: Run, later: Run) -> None:
    write(run, "p1", memories(["a"]))
    write(later, "p1", memories(["a", "a"]))
    with pytest.raises(IntegrityError, match="memory `a`"):
        store.finalize()


@pytest.mark.parametrize("place", ["memories", "edges"])
def test_a_page_damaged_inside_is_named(store: Store, run: Run, place: str) -> None:
    write(
        run,
        "p1",
        memories([f"m{row}" for row in range(50)]),
        [Link(f"e{row}", "m1", "m2") for row in range(50)],
    )
    path = run.path / place / "p1.parquet"
    data = bytearray(path.read_bytes())
    data[4:60] = bytes(56)
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match=rf"{place}/p1\.parquet` is damaged"):
        store.finalize()


def test_one_id_in_two_spaces_is_two_memories(store: Store, run: Run) -> None:
    write(run, "p1", memories(["a", "a"], space=["users", "orders"]))
    assert store.finalize().memories == {"orders": 1, "users": 1}


def test_an_edge_id_twice_is_refused(store: Store, run: Run) -> None:
    write(run, "p1", memories(["a"]), [Link("e1", "a", "a"), Link("e1", "a", "a", "other")])
    store.finalize()
    write(run, "p2", memories(["b"]), [Link("e1", "b", "a")])
    with pytest.raises(IntegrityError, match="edge `e1` of origin `fk`"):
        store.finalize()


def test_the_newest_run_wins_and_undo_brings_the_earlier_back(store: Store, later: Run, run: Run) -> None:
    write(run, "p1", memories(["a", "b"], content='"old"'), [Link("e1", "a", "b"), Link("e2", "b", "a")])
    before = store.finalize()
    write(later, "p1", memories(["a", "c"], content='"new"'), [Link("e1", "a", "c"), Link("e3", "c", "b")])
    result = store.finalize()
    assert (result.superseded_memories, result.superseded_edges) == (1, 1)
    assert result.memories == {"users": 3}
    with store.reader() as reader:
        assert {memory.id: memory.content for memory in reader.scan("users")} == {
            "a": '"new"',
            "b": '"old"',
            "c": '"new"',
        }
        assert _targets(store, "a") == [("e1", "c")]
        assert _targets(store, "b") == [("e2", "a")]
        a = reader.get("users", "a")
        assert a is not None
        assert a.run == "again"
    undone = store.undo("again")
    assert (undone.memories, undone.edges) == (before.memories, before.edges)
    assert store.runs() == ["first"]
    assert _targets(store, "a") == [("e1", "b")]
    with store.reader() as reader:
        assert {memory.content for memory in reader.scan("users")} == {'"old"'}


def test_undo_that_was_killed_is_completed_by_finalize(store: Store, run: Run, later: Run) -> None:
    write(run, "p1", memories(["a"]))
    write(later, "p1", memories(["b"]))
    store.finalize()
    later.path.rename(later.path.with_name(".tmp-again"))
    assert store.runs() == ["first"]
    assert store.finalize().memories == {"users": 1}
    assert [path.name for path in (store.path / "runs").iterdir()] == ["first"]


def test_an_open_reader_keeps_what_it_saw(store: Store, run: Run, later: Run) -> None:
    write(run, "p1", memories(["a"], content='"old"'), [Link("e1", "a", "a")])
    store.finalize()
    with store.reader() as reader:
        write(later, "p1", memories(["a"], content='"new"'))
        store.finalize()
        seen = reader.get("users", "a")
        assert seen is not None
        assert seen.content == '"old"'
        assert [edge.id for edge in reader.edges("users", "a")] == ["e1"]
        assert reader.embedding("users", "a") is not None
        store.undo("first")
        assert reader.count("users") == 1
        with pytest.raises(TargetTransientError, match="no longer in the store"):
            reader.embedding("users", "a")
        with pytest.raises(TargetTransientError, match="no longer in the store"):
            reader.recall([1.0] * 768)


def test_many_spaces_and_windows(store: Store, run: Run, later: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engram_store.workspace._WINDOW", 3)
    for page in range(6):
        ids = [f"m{page}{row}" for row in range(5)]
        write(
            run,
            f"p{page}",
            memories(ids),
            [Link(f"e{id}", id, id if row % 2 else None) for row, id in enumerate(ids)],
        )
        write(later, f"p{page}", memories(ids[:2]), [Link(f"e{id}", id, id) for id in ids[1:2]])
    result = store.finalize()
    assert result.memories == {"users": 30}
    assert result.edges == {"fk": 12}
    assert result.orphans == {"fk": 18}
    with store.reader() as reader:
        assert sum(memory.run == "again" for memory in reader.scan("users")) == 12
        assert sum(len(reader.edges("users", memory.id)) for memory in reader.scan("users")) == 12


def test_kill_9_leaves_the_old_generation_serving(store: Store, run: Run, later: Run) -> None:
    write(run, "p1", memories(["old"]))
    before = store.finalize()
    for page in range(10):
        ids = [f"m{page}-{row}" for row in range(500)]
        write(later, f"p{page}", memories(ids), [Link(f"e{id}", id, id) for id in ids])
    for attempt in range(4):
        killed = subprocess.Popen([sys.executable, "-c", _FINALIZE, str(store.path)], cwd=_ROOT)
        _wait_for(store.path / "serving", attempt * 0.05)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        with store.reader() as reader:
            whole = reader.count("users")
            assert whole in (1, 5001)
            assert (reader.generation == before.generation) == (whole == 1)
    assert store.finalize().memories == {"users": 5001}
    assert len(list((store.path / "serving").iterdir())) == 1


def test_killed_at_every_step_of_publishing(store: Store, run: Run, later: Run) -> None:
    write(run, "p1", memories(["old"]))
    store.finalize()
    write(later, "p1", memories(["new"]), [Link("e1", "new", "old")])
    seen = []
    for step in range(1, 40):
        command = [sys.executable, "-c", _KILLED_AT, str(store.path), str(step)]
        ended = subprocess.run(command, cwd=_ROOT, capture_output=True, check=False)
        with store.reader() as reader:
            seen.append((reader.count("users"), sum(reader.edge_counts().values())))
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL
        if seen[-1] == (2, 1):
            break
    assert len(seen) >= 5
    assert set(seen[:-1]) == {(1, 0)}
    assert seen[-1] == (2, 1)


def test_a_file_size_limit_is_said_and_nothing_is_half_visible(store: Store, run: Run) -> None:
    write(run, "p1", memories(["a"]))
    before = store.finalize()
    write(run, "p2", memories([f"m{row}" for row in range(2000)], content="x" * 500))
    command = [sys.executable, "-c", _LIMITED, str(store.path)]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=_ROOT, check=True).stdout
    assert "could not be written" in answer
    with store.reader() as reader:
        assert reader.generation == before.generation
    assert len(list((store.path / "serving").iterdir())) == 1
    assert store.finalize().memories == {"users": 2001}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    store = Store.open(small_disk / "store", create=True)
    run = store.create_run("first", {})
    batch = memories([f"m{row}" for row in range(1500)])
    write(run, "p1", batch)
    with pytest.raises(TargetTerminalError, match=r"The disk is full.*memories"):
        write(run, "p2", batch)
    assert run.page_ids() == {"p1"}
    assert not list(small_disk.rglob(".tmp-*"))
    disk = os.statvfs(small_disk)
    (small_disk / "filler").write_bytes(bytes(disk.f_bavail * disk.f_frsize - 50_000))
    with pytest.raises(TargetTerminalError, match="The disk is full"):
        store.finalize()
    assert not list(small_disk.rglob(".tmp-*"))
    (small_disk / "filler").unlink()
    assert store.finalize().memories == {"users": 1500}


def _targets(store: Store, id: str) -> list[tuple[str, str]]:
    with store.reader() as reader:
        return [(edge.id, edge.target) for edge in reader.edges("users", id)]


def _wait_for(serving: Path, more: float) -> None:
    deadline = time.monotonic() + 20
    while not list(serving.glob(".tmp-*")) and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(more)
