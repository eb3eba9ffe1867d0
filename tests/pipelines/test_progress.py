"""Progress is told from the ledger, which workers write while it is read."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from engram_store.errors import IntegrityError
from engram_store.run import Run
from engram_store.store import Store
from pipelines import progress
from pipelines.progress import LedgerWatcher, State
from tests.pipelines.command import until
from tests.store.synthetic import Link, memories, write

_SOON = 0.01


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run with a page that is to be written again, looked at often."""
    monkeypatch.setattr(progress, "_INTERVAL", _SOON)
    made = Store.open(tmp_path / "store", create=True).create_run("first", {})
    write(made, "p", memories(["a"]), [Link("e", "a", "a")])
    return made


def test_a_page_that_is_being_replaced_is_read_when_it_is_whole(run: Run) -> None:
    states: list[State] = []
    with LedgerWatcher(run, {"p": 1}, {}, states.append) as ledger:
        run.edges_path("p").unlink()
        time.sleep(10 * _SOON)
        assert [state for state in states if state.done] == []
        write(run, "p", memories(["a"]))
        until(lambda: any(state.done for state in states))
    assert ledger.receipts["p"].edges == {}


def test_a_page_that_stays_damaged_is_told_in_the_end(run: Run) -> None:
    with pytest.raises(IntegrityError, match="lost its edges"), LedgerWatcher(run, {"p": 1}, {}, print):
        run.edges_path("p").unlink()
