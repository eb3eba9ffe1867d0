from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engram_store import pages
from engram_store.errors import IntegrityError
from engram_store.pages import read_footer
from engram_store.run import Run
from tests.store.synthetic import Link, memories, write

_WRITER = """
import sys, itertools
from pathlib import Path
from engram_store.run import Run
from tests.store.synthetic import Link, memories, write
run = Run(Path(sys.argv[1]))
ids = [f"m{row}" for row in range(300)]
batch, links = memories(ids), [Link(f"e{id}", id, id) for id in ids]
for number in itertools.count():
    write(run, f"p{number % 3}", batch, links)
    if not number:
        print("first page written", flush=True)
"""

_KILLED_AT = """
import os, sys, signal
from pathlib import Path
from engram_store.run import Run
from tests.store.synthetic import Link, memories, write
left = int(sys.argv[2])
def dying(call):
    def counted(*arguments):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments)
    return counted
for name in ("fsync", "replace"):
    setattr(os, name, dying(getattr(os, name)))
write(Run(Path(sys.argv[1])), f"p{left}", memories(["a"]), [Link("e", "a", "a")])
"""


def test_a_run_pickles_as_a_path(run: Run) -> None:
    copy = pickle.loads(pickle.dumps(run))
    assert copy.path == run.path
    assert len(pickle.dumps(run)) < 400


def test_receipts_are_the_ledger(run: Run) -> None:
    assert run.page_ids() == set()
    written = [write(run, page, memories([page]), [Link(f"e{page}", page, page)]) for page in ("b", "a.1")]
    assert run.page_ids() == {"a.1", "b"}
    assert list(run.receipts()) == written[::-1]
    assert written[0].memories == {"users": 1}
    assert written[0].edges == {"fk": 1}
    assert abs(written[0].written_at - time.time()) < 3600
    assert (run.has_page("b"), run.has_page("c")) == (True, False)


def test_receipt_of_a_page_that_is_replaced_meanwhile(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a page to be written again goes by the time: an old receipt must have the old file's."""
    old = write(run, "p", memories(["a"]))

    def replaced(path: Path) -> pq.FileMetaData:
        footer = read_footer(path)
        write(run, "p", memories(["a", "b"]))
        return footer

    monkeypatch.setattr(pages, "read_footer", replaced)
    assert run.receipt("p") == old


@pytest.mark.parametrize("page_id", ["shop.users/0", "…", ".tmp-1", "a b", "%2E", "[x]*?"])
def test_odd_page_names(run: Run, page_id: str) -> None:
    write(run, page_id, memories(["a"]), [Link("e", "a", "a")])
    run.keep_only({page_id})
    assert run.page_ids() == {page_id}
    assert run.edges(page_id).num_rows == 1


def test_manifest(run: Run) -> None:
    run.save_manifest({"model": "m", "started_at": "2025-01-01T00:00:00+00:00", "mapping": {"a": [1]}})
    assert run.manifest["mapping"] == {"a": [1]}
    assert run.model == "m"
    assert run.started_at == 1735689600.0
    (run.path / "MANIFEST.json").write_text("{")
    with pytest.raises(IntegrityError, match="manifest of run `first`"):
        _ = run.manifest


def test_dead_letters(run: Run) -> None:
    assert run.write_dead_letters("map", "p1", iter([{"key": "1"}, {"key": "2"}])) == 2
    run.write_dead_letters("read", "p1", [{"key": "3"}])
    run.write_dead_letters("map", "p0", [{"key": "0"}])
    assert [letter["key"] for letter in run.dead_letters()] == ["0", "1", "2", "3"]
    run.write_dead_letters("map", "p1", [{"key": "4"}])
    run.write_dead_letters("read", "p1", [])
    assert [letter["key"] for letter in run.dead_letters()] == ["0", "4"]


def test_keep_only(run: Run) -> None:
    for page in ("p1", "p2"):
        write(run, page, memories([page]), [Link(f"e{page}", page, page)])
        run.write_dead_letters("map", page, [{"page": page}])
    run.memories_path("p1").with_name(".tmp-left").write_text("x")
    write(run, "p3", memories(["p3"]), [Link("e3", "p3", "p3")])
    run.memories_path("p3").unlink()
    run.keep_only({"p1", "p3"})
    assert run.page_ids() == {"p1"}
    assert [path.name for path in (run.path / "edges").iterdir()] == ["p1.parquet"]
    assert [path.name for path in (run.path / "memories").iterdir()] == ["p1.parquet"]
    assert list(run.dead_letters()) == [{"page": "p1"}]


def test_kill_9_leaves_whole_pages_only(run: Run) -> None:
    for delay in (0.01, 0.03, 0.05, 0.08):
        command = [sys.executable, "-c", _WRITER, str(run.path)]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
        assert writer.stdout is not None
        with writer.stdout:
            writer.stdout.readline()
            time.sleep(delay)
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        for receipt in run.receipts():
            assert run.memories(receipt.page_id).num_rows == 300
            assert run.edges(receipt.page_id).num_rows == 300
    run.keep_only(run.page_ids())
    assert run.page_ids()
    assert not list(run.path.rglob(".tmp-*"))


def test_killed_at_every_step_of_writing_a_page(run: Run) -> None:
    # Two files; each is fsynced, renamed, and its folder fsynced.
    for step in range(1, 7):
        command = [sys.executable, "-c", _KILLED_AT, str(run.path), str(step)]
        ended = subprocess.run(command, cwd=Path(__file__).parents[2], check=False)
        assert ended.returncode == -signal.SIGKILL
        assert run.edges_path(f"p{step}").exists() == (step > 2)
        assert run.has_page(f"p{step}") == (step > 5)
