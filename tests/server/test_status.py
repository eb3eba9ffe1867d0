"""How runs stand: half-way, while their target is held, and at the end; of a store and of a server."""

from __future__ import annotations

import time

import pytest

from io_connectors.engram.home import RunHome
from pipelines.report import REPORT
from pipelines.run_state import note_attempt, note_state
from pipelines.status import Status, status
from tests.server.mapped import letter, mapped

_MANIFEST = {"model": "local/lexical-1", "state": "unfinished", "source_shown": "postgresql://somewhere"}


def test_a_run_half_way_says_how_far_it_is(home: RunHome, capsys: pytest.CaptureFixture[str]) -> None:
    with home.lock():
        run = home.create_run("shop-1", _MANIFEST)
        note_attempt(run, "", 4)
        target = home.target("shop-1", "float16").open()
        target.write(mapped("old", ["x"]))
        run.plan_pages(["a", "b", "c", "d"])
        target.write(mapped("a", ["1", "2"], [("1", "2")]))
        target.write(mapped("b", ["3"], letters=[letter("b", "4")]))
        assert status(home, None) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "shop-1  unfinished"
    assert "  pages:     2 of 4 (50.0 %)" in lines
    assert "  records:   3 memories, 1 edges, 1 refused" in lines
    assert any(line.startswith("  attempts:  1, the last begun 20") for line in lines)
    assert any(line in (f"  last page: 0:00:0{n} ago" for n in range(10)) for line in lines)
    assert not any("✓" in line or "✗" in line for line in lines)


def test_a_finished_run_shows_its_checks(home: RunHome) -> None:
    with home.lock():
        run = home.create_run("shop-1", _MANIFEST)
        note_attempt(run, "", 1)
        run.plan_pages(["a"])
        home.target("shop-1", "float16").open().write(mapped("a", ["1"]))
        run.commit_pages(["a"])
        check = {"name": "every record arrived", "passed": False, "found": "1 of 2", "details": []}
        run.save_finding(REPORT, {"checks": [check]})
        note_state(run, "invalid")
    lines = Status.of(home.run("shop-1")).lines(time.time())
    assert lines[0] == "shop-1  invalid"
    assert "  pages:     1 of 1 (100.0 %)" in lines
    assert lines[-1] == "  ✗ every record arrived: 1 of 2"


def test_a_run_that_has_not_begun(home: RunHome) -> None:
    home.create_run("shop-1", _MANIFEST)
    assert Status.of(home.run("shop-1")).lines(0.0) == [
        "shop-1  unfinished",
        "  source:    postgresql://somewhere",
        "  pages:     0",
        "  records:   none yet",
    ]


def test_only_the_run_that_was_named(home: RunHome, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        home.create_run(name, _MANIFEST)
    status(home, "two")
    assert capsys.readouterr().out.startswith("two  unfinished\n")
