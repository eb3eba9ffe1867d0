"""Flags that are nearly ours or Beam's, and the error's form in a JSON log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pipelines.command import migration, run


@pytest.mark.parametrize(
    ("flag", "meant"),
    [("--dry_run=true", "--dry-run"), ("--confg", "--config"), ("--target-spce=x", "--target-space")],
)
def test_misspelt_flag_starts_nothing(tmp_path: Path, flag: str, meant: str) -> None:
    target = tmp_path / "store"
    run(*migration("postgresql://localhost:1/none", target), flag).failed(2, f"`{flag}`", f"`{meant}`")
    assert not target.exists()


def test_error_is_a_json_line_too(tmp_path: Path) -> None:
    ended = run(*migration("postgresql://localhost:1/none", tmp_path / "store"), "--log-format", "json")
    assert ended.code == 3
    said = [json.loads(line) for line in ended.err.splitlines()]
    assert said[-1]["level"] == "error" and said[-1]["suggestion"]
