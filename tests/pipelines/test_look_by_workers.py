"""Several processes look at what is served, where that is much."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from engram_store.errors import Interrupted
from engram_store.store import Store
from pipelines.validation import look as looking
from pipelines.validation.look import look_by
from tests.corruption.made import RUN, make
from tests.pipelines.command import until, workers_of
from transforms.validation.served import Served, look


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store in which a memory is found by no look-up, and another has lost its content."""
    store = tmp_path / "store"
    make(store)
    (file,) = store.glob("serving/*/index.sqlite")
    with closing(sqlite3.connect(file)) as index, index:
        index.execute("DELETE FROM memory_key WHERE id = 'users_85'")
        index.execute("UPDATE memory SET content = NULL WHERE id = 'users_86'")
    return store


@pytest.fixture
def _much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "_MANY", 1)


@pytest.mark.usefixtures("_much")
def test_workers_see_what_one_process_sees(store: Path) -> None:
    seen = _seen(store, workers=2)
    with Store.open(store).reader() as reader:
        alone = look(reader.parts(), RUN)
    assert (seen.memories, seen.edges, seen.runs) == (alone.memories, alone.edges, alone.runs)
    assert seen.memories["", ""].count == 1
    assert (seen.vectors.seen, seen.vectors.zeros) == (alone.vectors.seen, alone.vectors.zeros)


@pytest.mark.parametrize(("workers", "many"), [(2, 1_000_000), (1, 1)])
def test_workers_are_only_started_for_much(
    store: Path, workers: int, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "_MANY", many)
    monkeypatch.setattr(looking, "run_pipeline", lambda *_: pytest.fail("workers were started"))
    assert _seen(store, workers).spaces(RUN).total() == 319


@pytest.mark.usefixtures("_much")
def test_a_lost_worker_ends_the_look_resumably(store: Path) -> None:
    killer = threading.Thread(target=_kill_a_worker)
    killer.start()
    with pytest.raises(Interrupted, match="a worker process ended"):
        _seen(store, workers=2)
    killer.join()


def _seen(store: Path, workers: int) -> Served:
    with Store.open(store).reader() as reader:
        return look_by(reader, RUN, workers)


def _kill_a_worker() -> None:
    until(lambda: workers_of(psutil.Process()))
    workers_of(psutil.Process())[0].kill()
