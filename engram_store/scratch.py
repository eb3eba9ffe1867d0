"""Folders for work in progress outside the store; what killed processes left of them is removed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engram_store.files import disk_errors


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """A folder in the system's temporary folder, gone at the end of the block.

    Killed processes cannot remove theirs: whoever comes next does, known by the lock that nobody holds.

    Args:
        prefix: How its name begins; all folders of one kind have the same.

    Raises:
        TargetTerminalError: The temporary folder is full or may not be written.
    """
    parent = Path(tempfile.gettempdir())
    for left in parent.glob(f"{prefix}*"):
        _remove_abandoned(left)
    with disk_errors(parent / prefix):
        made = tempfile.TemporaryDirectory(prefix=prefix)
    with made as name, _locked(Path(name)):
        yield Path(name)


def _remove_abandoned(folder: Path) -> None:
    # One that is empty may have been made at this moment. One of another user is theirs to remove.
    with suppress(OSError):
        if any(folder.iterdir()):
            with _locked(folder):
                shutil.rmtree(folder)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds a folder's lock, which ends with the process."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
