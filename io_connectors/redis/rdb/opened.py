"""Dump files, opened; what is wrong with that is an error of the tree."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engram_store.errors import SourceError


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A file's descriptor, for the length of a block.

    Raises:
        SourceError: It cannot be opened or read.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield file
        finally:
            os.close(file)
    except OSError as error:
        raise SourceError(
            f"`{path}` cannot be read",
            why=error.strerror or str(error),
            suggestion="name a dump file that this user may read",
            example=f"ls -l {path}",
        ) from error
