"""Python's search for garbage in cycles, made rare while pages are read."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: New objects after which Python looks for cycles among them.
_OBJECTS_BETWEEN_LOOKS = 200_000


class _Readers:
    """The readers at work in this process, in threads, and what they found set."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at_work = 0
        self._found = gc.get_threshold()

    def begin(self) -> None:
        with self._lock:
            if not self._at_work:
                self._found = gc.get_threshold()
                gc.set_threshold(_OBJECTS_BETWEEN_LOOKS, *self._found[1:])
            self._at_work += 1

    def end(self) -> None:
        with self._lock:
            self._at_work -= 1
            if not self._at_work:
                gc.set_threshold(*self._found)


_readers = _Readers()


@contextmanager
def rare_collections() -> Iterator[None]:
    """Makes searches for cycles rare in this process while the block, or one in another thread, lasts.

    A page is tens of thousands of small lists without cycles, all new and all gone together. Python
    would look through them for cycles after every 700 that are made: that was 10 of the 14 µs of
    reading a node, and 16 of 19 of a relationship. Later it must look again: the metadata of Parquet
    files are cycles, of 18 KB a page.
    """
    _readers.begin()
    try:
        yield
    finally:
        _readers.end()
