"""Folders for work in progress: gone at the end, and what killed processes left goes with the next one."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from engram_store.scratch import scratch_folder

_HOLDS = """
import signal
from engram_store.scratch import scratch_folder
with scratch_folder("engram-test-") as folder:
    (folder / "work").touch()
    print(folder, flush=True)
    signal.pause()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_nothing_is_left(temporary: Path) -> None:
    with scratch_folder("engram-test-") as folder:
        (folder / "work").touch()
        assert folder.parent == temporary
    assert not any(temporary.iterdir())


def test_another_process_keeps_its_folder_until_it_is_killed(temporary: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", _HOLDS], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    theirs = Path(holder.stdout.readline().strip())
    with scratch_folder("engram-test-"):
        assert (theirs / "work").exists()
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert theirs.exists()
    with scratch_folder("engram-test-") as ours:
        assert list(temporary.iterdir()) == [ours]
