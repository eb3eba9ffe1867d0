"""One writer at a time: a lock on the store that ends with the process that holds it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engram_store.errors import TargetTransientError
from engram_store.files import disk_errors


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Holds the lock file ``path`` for the length of the block; it is never waited for.

    Raises:
        TargetTransientError: Another process holds it (named by its id).
        TargetTerminalError: The store may not be written.
    """
    with disk_errors(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _take(descriptor, path)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 20, 0).decode() or "unknown"
        raise TargetTransientError(
            f"The store `{path.parent}` is in use by process {holder}.",
            why="One migration at a time may write to a store.",
            suggestion="Wait until it has ended, or stop it; the lock ends with its process.",
            example=f"ps -p {holder}",
        ) from error
