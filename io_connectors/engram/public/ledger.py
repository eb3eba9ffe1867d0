"""What was sent of a run, and what was found of it since: kept beside the run, so that a delivery goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from engram_store.files import database_errors

#: Sent and acknowledged, which promises nothing; every other outcome was read back.
SENT = "sent"
STORED = "stored"
IDENTICAL = "identical"
ABSORBED = "absorbed"
CONFLICT = "conflict"
LOST = "lost"
#: In the order in which they are shown.
OUTCOMES = (STORED, IDENTICAL, ABSORBED, CONFLICT, LOST)

#: Of what only the server's listing shows: another vector, none, the same record under a further id.
DIFFERING = "differing"
NOT_COMPARED = "not_compared"
DOUBLED = "doubled"
AMISS = (DIFFERING, NOT_COMPARED, DOUBLED)

_FILE = "delivery.sqlite"
_TABLE = """
CREATE TABLE IF NOT EXISTS memory (
    space TEXT, id TEXT, digest BLOB, moved INTEGER, outcome TEXT, verified INTEGER,
    PRIMARY KEY (space, id)
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a memory.

    Attributes:
        digest: Of what was sent.
        moved: Whether its vector was moved; see ``disambiguate``.
        outcome: ``sent``, or one of ``OUTCOMES``.
    """

    digest: bytes
    moved: bool
    outcome: str


class DeliveryLedger:
    """The ledger of one run; for one thread.

    Args:
        run: The run's folder.
    """

    def __init__(self, run: Path) -> None:
        self._path = run / _FILE
        with database_errors(self._path):
            self._connection = sqlite3.connect(self._path, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute(_TABLE)

    def close(self) -> None:
        """Lets go of the file."""
        self._connection.close()

    def entry(self, space: str, id: str) -> Entry | None:
        """What is known of a memory, or None."""
        row = self._connection.execute(
            "SELECT digest, moved, outcome FROM memory WHERE space = ? AND id = ?", (space, id)
        ).fetchone()
        return None if row is None else Entry(row[0], bool(row[1]), row[2])

    def note_sent(self, rows: Iterable[tuple[str, str, bytes, bool, str]]) -> None:
        """Keeps (space, id, digest, moved, outcome) of what was sent, or was there already; all or none."""
        self._write("INSERT OR REPLACE INTO memory VALUES (?, ?, ?, ?, ?, 0)", rows)

    def note_found(self, verification: int, rows: Iterable[tuple[str, str, str]]) -> None:
        """Keeps (space, id, outcome) as a verification found them; all or none."""
        sql = f"UPDATE memory SET outcome = ?3, verified = {verification} WHERE space = ?1 AND id = ?2"
        self._write(sql, rows)

    def next_verification(self) -> int:
        """The number of the next verification."""
        return int(self._one("SELECT coalesce(max(verified), 0) + 1 FROM memory"))

    def counts(self, verification: int) -> dict[str, dict[str, int]]:
        """Space → outcome → memories, as a verification found them."""
        counts: dict[str, dict[str, int]] = {}
        sql = (
            "SELECT space, outcome, count(*) FROM memory WHERE verified = ?"
            " GROUP BY space, outcome ORDER BY space"
        )
        for space, outcome, count in self._connection.execute(sql, (verification,)):
            counts.setdefault(space, dict.fromkeys(OUTCOMES, 0))[outcome] = count
        return counts

    def with_outcome(self, verification: int, outcome: str) -> Iterator[tuple[str, str]]:
        """(space, id) of the memories that a verification found so, in their order."""
        sql = "SELECT space, id FROM memory WHERE verified = ? AND outcome = ? ORDER BY space, id"
        yield from self._connection.execute(sql, (verification, outcome))

    def there(self, verification: int, space: str) -> Iterator[str]:
        """The ids of a space that a verification found on the server, as they were sent or otherwise."""
        sql = "SELECT id FROM memory WHERE verified = ? AND space = ? AND outcome IN (?, ?, ?)"
        for (id,) in self._connection.execute(sql, (verification, space, STORED, IDENTICAL, CONFLICT)):
            yield id

    def left_behind(self, verification: int) -> int:
        """Memories that were delivered and that the run no longer has."""
        return int(self._one("SELECT count(*) FROM memory WHERE verified <> ?", verification))

    def _one(self, sql: str, *values: object) -> int:
        return int(self._connection.execute(sql, values).fetchone()[0])

    def _write(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:
        with database_errors(self._path), closing(self._connection.cursor()) as cursor:
            cursor.execute("BEGIN")
            cursor.executemany(sql, rows)
            cursor.execute("COMMIT")
