"""What killed attempts leave is gone once the run is finished."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.pipelines.stored import only_run
from tests.redis.migrations import in_process


def test_what_a_killed_attempt_left_goes_though_there_is_nothing_more_to_do(shop: Path, target: Path) -> None:
    """Killed after the commit, an attempt had no time to tidy up, and the next finds all pages there."""
    arguments = ("--use-rdb", shop, "--target", target, "--no-validate")
    assert in_process(*arguments) == 0
    left = [only_run(target).path / folder / ".tmp-left" for folder in ("memories", "edges")]
    for path in left:
        path.touch()
    assert in_process(*arguments) == 0
    assert not any(path.exists() for path in left)


def test_nothing_stays_in_the_temporary_folder(
    shop: Path, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    assert in_process("--use-rdb", shop, "--target", target) == 0
    assert list((tmp_path / "tmp").iterdir()) == []
