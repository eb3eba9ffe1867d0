"""A dump file as a keyspace: ``--use-rdb``.

The index pass, made before anything is written, finds whether the file is whole, what is in it and
where it can be read in parts. Workers check that they read the very bytes that were indexed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from engram_store.errors import SourceError
from io_connectors.pages import DeadLetter, SourcePage
from io_connectors.redis.by_rdbtools import check_readable, read_by_rdbtools
from io_connectors.redis.dump_notes import notes_of
from io_connectors.redis.dump_pages import content_digest, counted, pages, span_keys
from io_connectors.redis.keyspace import KEYS, KeyspacePlan, Selection
from io_connectors.redis.rdb import Index, Span, Undecodable, index_file, read_span
from io_connectors.redis.rows import HASH, KeyRow
from io_connectors.redis.unreadable import unreadable

NATIVE, RDBTOOLS = "native", "rdbtools"

ReadSpan = Callable[[Path, str, Span], Iterator[KeyRow | Undecodable]]

_ENGINES: Mapping[str, ReadSpan] = {NATIVE: read_span, RDBTOOLS: read_by_rdbtools}


@dataclass(frozen=True, slots=True)
class DumpChoices:
    """What the user said about reading a dump file.

    Attributes:
        selection: Which keys are read.
        page_keys: Keys a page at most.
        counted_from_now: Whether times to live are counted from now, not from when the dump was made.
        salvage: Whether to read what can be read of a damaged file.
        engine: ``native`` or ``rdbtools``.
    """

    selection: Selection
    page_keys: int
    counted_from_now: bool = False
    salvage: bool = False
    engine: str = NATIVE


@dataclass(frozen=True, slots=True)
class DumpKeyspace:
    """A dump file, indexed; see ``Keyspace``.

    Attributes:
        identity: As ``Keyspace.identity``.
        display: As ``Keyspace.display``.
        path: The file.
        choices: How it is read.
        index: What is in it.
    """

    identity: str
    display: str
    path: Path
    choices: DumpChoices
    index: Index

    def plan(self, saved: Mapping[str, Any], anew: bool) -> KeyspacePlan:
        """The pages; a file with the keys that the boundaries were saved for has the same ones.

        Whether it is read anew does not matter: pages that have changed have other names.
        """
        page_keys = saved.get("page_keys", self.choices.page_keys)
        index = self.index
        if span_keys(page_keys) != span_keys(self.choices.page_keys):
            index = _indexed(self.path, page_keys, self.choices)
        content = content_digest(index.spans)
        same = saved.get("content") == content
        as_of, taken = (saved["as_of"], "") if same else self._clock()
        spans, counts = counted(self.path, index, self.choices.selection)
        salt = repr((self.choices.engine, as_of if _something_expires(index) else None))
        selected = pages(spans, page_keys, salt)
        size = self.path.stat().st_size
        return KeyspacePlan(
            boundaries={"page_keys": page_keys, "content": content, "as_of": as_of},
            pages=selected,
            counts=counts,
            as_of=as_of,
            bytes=size * sum(counts.values()) // max(1, index.keys),
            open_reader=partial(_PageReader, self.path, index.magic, self.choices),
            shown={"file": self.display},
            notes=(*notes_of(index, self.choices.selection, size), *filter(None, [taken])),
        )

    def _clock(self) -> tuple[int, str]:
        """When times to live are counted from, and what is to be said about that."""
        if self.choices.counted_from_now:
            return time.time_ns() // 1_000_000, ""
        written = self.index.aux.get("ctime", "")
        if written.isdecimal():
            return int(written) * 1000, ""
        note = "the file does not tell when it was made: times to live are counted from its date of change"
        return self.path.stat().st_mtime_ns // 1_000_000, note if _something_expires(self.index) else ""


def open_dump(path: Path, choices: DumpChoices, identity: str = "", display: str = "") -> DumpKeyspace:
    """Indexes a dump file.

    Args:
        path: The file.
        choices: How it is read.
        identity: What tells the source from others; by default that it is this file.
        display: What it is called; by default its path.

    Raises:
        SourceError: It is no whole dump file, or not one that the engine reads.
        ConfigurationError: The engine is not installed.
    """
    path = Path(os.path.abspath(path))
    index = _indexed(path, choices.page_keys, choices)
    if index.stop < path.stat().st_size and not index.loss and not choices.salvage:
        raise SourceError(
            f"`{path}` goes on behind the end of the dump",
            why=f"the dump ends at byte {index.stop}; an append-only file that begins with a dump looks so",
            suggestion="give an append-only file as one; if the rest is of no use, migrate without it",
            example=f"--use-aof {path}   # or: --use-rdb {path} --salvage",
        )
    if choices.engine == RDBTOOLS:
        check_readable(path, index)
    return DumpKeyspace(identity or f"rdb:{path}", display or str(path), path, choices, index)


def _indexed(path: Path, page_keys: int, choices: DumpChoices) -> Index:
    # rdbtools cannot find the next key behind one that it cannot read.
    keys = 1 if choices.engine == RDBTOOLS else span_keys(page_keys)
    return index_file(path, span_keys=keys, salvage=choices.salvage)


def _something_expires(index: Index) -> bool:
    """Whether there are times to live; hashes since version 12, and Valkey's, may have them inside."""
    fields = index.magic.startswith("VALKEY") or int(index.magic[5:]) >= 12
    return any(tally.expiring or (fields and HASH in tally.types) for tally in index.databases.values())


class _PageReader:
    """Reads pages of a dump file."""

    def __init__(self, path: Path, magic: str, choices: DumpChoices) -> None:
        self._path = path
        self._magic = magic
        self._selection = choices.selection
        self._engine = choices.engine

    def read(self, page_id: str, place: tuple[Span, ...]) -> SourcePage:
        """The selected keys of some spans; keys that cannot be decoded become dead letters."""
        rows: list[KeyRow] = []
        letters: list[DeadLetter] = []
        for row in self._rows(place):
            if not self._selection.takes(row.db, row.key):
                continue
            if isinstance(row, KeyRow):
                rows.append(row)
            else:
                letters.append(unreadable(page_id, row, self._selection, self._suggestion()))
        return SourcePage(page_id, KEYS, rows, tuple(letters))

    def close(self) -> None:
        """Nothing is kept open."""

    def _rows(self, spans: tuple[Span, ...]) -> Iterator[KeyRow | Undecodable]:
        for span in spans:
            yield from _ENGINES[self._engine](self._path, self._magic, span)

    def _suggestion(self) -> str:
        if self._engine == RDBTOOLS:
            return "take the run back and read the file by --rdb-engine native"
        return "repair the key in the source, or read it by the program that wrote it; dump and migrate again"
