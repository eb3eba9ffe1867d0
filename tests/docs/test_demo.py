"""``make demo`` ends well, and says what was moved and where to look."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.markdown import ALL, REPOSITORY


@pytest.mark.slow
def test_demo_migrates_recalls_and_names_its_report(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "ENGRAM_MIGRATE_PARALLEL_WORKERS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--customers", "40"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (report,) = re.findall(r"^The report: +(\S+)$", done.stdout, re.MULTILINE)
    assert "checks passed" in (tmp_path / report).read_text(encoding="utf-8")
    assert json.loads((tmp_path / report).with_suffix(".json").read_bytes())["valid"]
    recalled = re.findall(r"^0\.\d+  customers/customers_\d+ .*$", done.stdout, re.MULTILINE)
    assert len(recalled) == 5
    assert "garden chair" in recalled[0]
    assert "orders_customer_fkey" in done.stdout.partition("The database is gone")[2]
    assert json.loads((tmp_path / "demo-data/runs/demo-redis/report.json").read_bytes())["valid"]
    cached = done.stdout.partition("The shop's cache")[2]
    assert "3 records had expired" in cached
    assert re.search(
        r"^0\.\d+  leaderboard/redis_leaderboard:bestsellers%#.*garden chair", cached, re.MULTILINE
    )


def test_documents_name_targets_of_the_makefile_only() -> None:
    targets = set(re.findall(r"^(\w+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {
        name for document in ALL for name in re.findall(r"(?:`|^)make (\w+)", document.text, re.MULTILINE)
    }
    assert named <= targets
    assert {"demo", "test", "setup"} <= named
