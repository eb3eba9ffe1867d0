"""The index of a large dump file, kept beside the run, so that to go on need not read all of the file.

It holds as long as nobody has touched the file, which its inode, size and dates of change tell. Workers
check the digest of every span that they read, whichever way the index came.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson

from engram_store.files import write_bytes
from io_connectors.redis.rdb import Index, Span, Tally
from io_connectors.redis.rdb.opened import opened

_NAME = "dump-index.json"
_FORMAT = 1

#: A smaller file is indexed in about a second.
_LEAST_BYTES = 100_000_000

#: A file may change once more within one tick of its system's clock. None is as slow as this.
_SETTLED_SECONDS = 3


class KeptIndex:
    """Where the index of a file is kept.

    Args:
        dump: The file, as it is now: what is made of it from here on may be saved.
        span_keys: Keys a span at most.
        folder: The run's folder, which need not be there yet; None to keep nothing.

    Raises:
        SourceError: The file cannot be opened.
    """

    def __init__(self, dump: Path, span_keys: int, folder: Path | None) -> None:
        self._dump = dump
        self._span_keys = span_keys
        self._path = folder / _NAME if folder else None
        self._facts = self._facts_now()
        self._loaded = False

    def load(self) -> Index | None:
        """The index, if one is kept that holds."""
        try:
            document = orjson.loads(self._path.read_bytes()) if self._path else {}
            if document.pop("facts", None) != self._facts:
                return None
            index = _index_of(document)
        # What an older version or a failing disk left is made anew.
        except (OSError, ValueError, TypeError, LookupError, AttributeError):
            return None
        self._loaded = True
        return index

    def save(self, index: Index) -> None:
        """Keeps an index, unless it is kept already, lacks something, or the run's folder is not there.

        Raises:
            TargetTerminalError: The disk is full or may not be written.
        """
        if self._path is None or self._loaded or index.loss or not self._path.parent.is_dir():
            return
        if self._facts[2] >= _LEAST_BYTES and self._facts == self._facts_now() and self._settled():
            write_bytes(self._path, orjson.dumps(_document(index, self._facts)))
            self._loaded = True

    def _settled(self) -> bool:
        changed = max(self._facts[3:5]) / 1e9
        return time.time() - changed > _SETTLED_SECONDS

    def _facts_now(self) -> list[int]:
        with opened(self._dump) as file:
            found = os.fstat(file)
        place = [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]
        return [*place, self._span_keys, _FORMAT]


def _document(index: Index, facts: list[int]) -> dict[str, Any]:
    return {
        "facts": facts,
        "magic": index.magic,
        "spans": [list(span) for span in index.spans],
        "databases": [[db, tally.types, tally.expiring] for db, tally in index.databases.items()],
        "announced": list(index.announced.items()),
        "aux": index.aux,
        "functions": index.functions,
        "module_data": index.module_data,
        "stop": index.stop,
        "checked": index.checked,
    }


def _index_of(document: dict[str, Any]) -> Index:
    made = {
        "spans": tuple(Span(*span) for span in document["spans"]),
        "databases": {db: Tally(Counter(types), n) for db, types, n in document["databases"]},
        "announced": dict(document["announced"]),
    }
    return Index(**{**document, **made})
