"""The file of computed vectors, shared by the processes of a machine: SQLite in WAL mode."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from engram_store.errors import ConfigurationError

_PATIENCE = 60.0
#: Keys of one query: below SQLite's limit of variables.
_AT_ONCE = 500
_TABLE = "CREATE TABLE IF NOT EXISTS vector (key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID"


class CacheFile:
    """Vectors by key.

    Args:
        path: The file; made with its folder if it is not there.

    Raises:
        ConfigurationError: It cannot be made, or is something else.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        with self._errors():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=_PATIENCE, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            # A power cut may cost the last vectors, which are then computed again.
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute(_TABLE)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The vectors that are there."""
        found: dict[bytes, bytes] = {}
        with self._lock, self._errors():
            for first in range(0, len(keys), _AT_ONCE):
                some = keys[first : first + _AT_ONCE]
                marks = ",".join("?" * len(some))
                query = f"SELECT key, vector FROM vector WHERE key IN ({marks})"
                found.update(self._connection.execute(query, some))
        return found

    def put(self, vectors: Mapping[bytes, bytes]) -> None:
        """Keeps vectors; those that are there already stay as they are."""
        with self._lock, self._errors(), self._connection:
            self._connection.executemany("INSERT OR IGNORE INTO vector VALUES (?, ?)", vectors.items())

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise ConfigurationError(
                f"the cache of embeddings `{self._path}` cannot be used",
                why=str(error),
                suggestion="name another file, or do without",
                example="--embedding-cache off",
            ) from error
