"""Reading: the rows of one span of a dump file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from engram_store.errors import SourceError
from io_connectors.redis.rdb.broken import FAULTS, BrokenFile, reason_of
from io_connectors.redis.rdb.dialect import Dialect, dialect_of
from io_connectors.redis.rdb.entry import Entries, Held, behind_entry
from io_connectors.redis.rdb.opened import opened
from io_connectors.redis.rdb.spans import Span, new_digest
from io_connectors.redis.rdb.window import WINDOW_BYTES, Window, read_at
from io_connectors.redis.rows import KeyRow

#: Bytes of an entry that is kept as it is.
MOST_KEPT = 64 * 1024


class Undecodable(NamedTuple):
    """A key whose value cannot be read, though it is known where it ends.

    Attributes:
        db: Its database.
        key: Its name.
        type: Its type; that of an unknown module by the module's name for it.
        expire_at: As ``KeyRow.expire_at``.
        reason: Why its value cannot be read.
        size: Bytes of the whole entry in the file: what stands in front of the key, and all of it.
        entry: These bytes, if they are no more than ``MOST_KEPT``; else none.
    """

    db: int
    key: bytes
    type: str
    expire_at: int | None
    reason: str
    size: int
    entry: bytes

    @classmethod
    def of(
        cls, db: int, key: bytes, type_: str, expire_at: int | None, reason: str, entry: bytes
    ) -> Undecodable:
        """One whose entry may be of any size."""
        kept = entry if len(entry) <= MOST_KEPT else b""
        return cls(db, key, type_, expire_at, reason, len(entry), kept)


def read_span(
    path: Path, magic: str, span: Span, window: int = WINDOW_BYTES
) -> Iterator[KeyRow | Undecodable]:
    """The keys of one span, in the file's order, whatever the window's size.

    Memory is bounded by the window and the largest value.

    Args:
        path: The file.
        magic: What its index says.
        span: One of its index.
        window: Bytes to decode at once.

    Raises:
        SourceError: The file is not what was indexed. This may show after the last key only.
    """
    with opened(path) as file:
        try:
            yield from _Span(file, dialect_of(magic.encode()), span, window).rows()
        except (BrokenFile, *FAULTS) as fault:
            raise SourceError(
                f"`{path}` has changed since it was indexed",
                why=f"bytes {span.start} to {span.stop}: {reason_of(fault)}",
                suggestion="leave the file as it is while it is migrated, then run the same command again",
            ) from fault


class _Span:
    def __init__(self, file: int, dialect: Dialect, span: Span, window: int) -> None:
        self._file = file
        self._dialect = dialect
        self._span = span
        self._window = window
        self._entries = Entries(dialect, span.db)
        self._digest = new_digest()
        self._used = 0

    def rows(self) -> Iterator[KeyRow | Undecodable]:
        """All rows; then it is checked that they come from the bytes that were indexed."""
        offset, stop = self._span.start, self._span.stop
        while offset < stop:
            buffer = read_at(self._file, offset, min(self._window, stop - offset))
            yield from self._whole_entries(buffer)
            if not self._used:
                buffer = self._first_entry(offset)
                yield from self._whole_entries(buffer)
            if not self._used:
                raise BrokenFile(offset, "an entry does not end where it should")
            self._digest.update(memoryview(buffer)[: self._used])
            offset += self._used
        if self._digest.hexdigest() != self._span.digest:
            raise BrokenFile(stop, "these bytes are not those that were indexed")

    def _whole_entries(self, buffer: bytes) -> Iterator[KeyRow | Undecodable]:
        """The entries of a buffer, up to the first that is not whole in it."""
        entry_at, position, size = self._entries.entry_at, 0, len(buffer)
        row: KeyRow | Undecodable | None
        while position < size:
            try:
                row, behind = entry_at(buffer, position)
            except FAULTS as fault:
                row, behind = self._undecodable(buffer, position, reason_of(fault))
            if behind > size:
                break
            position = behind
            if row is not None:
                yield row
        self._used = position

    def _undecodable(self, buffer: bytes, position: int, reason: str) -> tuple[Undecodable | None, int]:
        """An entry that cannot be decoded, and the position behind it: its end may be missing only."""
        try:
            behind = behind_entry(Held(buffer), position, self._dialect)
        except FAULTS:
            return None, len(buffer) + 1
        if behind > len(buffer):
            return None, behind
        entry = buffer[position:behind]
        key, kind, expire_at = self._entries.describe(entry)
        return Undecodable.of(self._entries.db, key, kind, expire_at, reason, entry), behind

    def _first_entry(self, offset: int) -> bytes:
        """The whole entry at an offset, larger than the window."""
        window = Window(self._file, offset, self._span.stop, self._window)
        position = window.seek(behind_entry(window, 0, self._dialect))
        return read_at(self._file, offset, window.base + position - offset)
