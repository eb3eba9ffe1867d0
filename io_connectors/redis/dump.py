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
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from engram_store.errors import SourceError
from io_connectors.pages import DeadLetter, SourcePage
from io_connectors.redis.by_rdbtools import check_readable, read_by_rdbtools
from io_connectors.redis.dump_notes import notes_of
from io_connectors.redis.dump_pages import content_digest, counted, pages, takes_all
from io_connectors.redis.kept_index import KeptIndex
from io_connectors.redis.keyspace import KEYS, KeyspacePlan, Selection
from io_connectors.redis.rdb import Index, Span, Undecodable, index_file, read_span
from io_connectors.redis.rdb.opened import opened
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


class Written(NamedTuple):
    """When what is in a file was written.

    Attributes:
        at: Milliseconds since 1970.
        untold: Why only the file's date of change tells it; empty if the file itself does.
    """

    at: int
    untold: str = ""


@dataclass(frozen=True, slots=True)
class DumpKeyspace:
    """A dump file, indexed; see ``Keyspace``.

    Attributes:
        identity: As ``Keyspace.identity``.
        display: As ``Keyspace.display``.
        path: The file.
        choices: How it is read.
        index: What is in it.
        written: When that was written.
        kept: Where the index is kept.
    """

    identity: str
    display: str
    path: Path
    choices: DumpChoices
    index: Index
    written: Written
    kept: KeptIndex

    def plan(self, saved: Mapping[str, Any], anew: bool) -> KeyspacePlan:
        """The pages; a file with the keys that the boundaries were saved for has the same ones.

        Whether it is read anew does not matter: pages that have changed have other names.
        """
        self.kept.save(self.index)
        page_keys = saved.get("page_keys", self.choices.page_keys)
        index = self.index
        if _span_keys(page_keys, self.choices) != _span_keys(self.choices.page_keys, self.choices):
            index = _indexed(self.path, page_keys, self.choices)
        content = content_digest(index.spans)
        same = saved.get("content") == content
        as_of = saved["as_of"] if same else self._clock()
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
            open_reader=partial(
                _PageReader, self.path, index.magic, self.choices, takes_all(index, self.choices.selection)
            ),
            shown={"file": self.display},
            state=content,
            notes=(*notes_of(index, self.choices.selection, size), *self._clock_notes()),
        )

    def _clock(self) -> int:
        """When times to live are counted from, in milliseconds since 1970."""
        return time.time_ns() // 1_000_000 if self.choices.counted_from_now else self.written.at

    def _clock_notes(self) -> Iterator[str]:
        if self.written.untold and _something_expires(self.index) and not self.choices.counted_from_now:
            yield f"{self.written.untold}: times to live are counted from the file's date of change"


def open_dump(
    path: Path,
    choices: DumpChoices,
    folder: Path | None,
    identity: str = "",
    display: str = "",
    written: Written | None = None,
) -> DumpKeyspace:
    """Indexes a dump file, unless an earlier attempt at the run has done so.

    Args:
        path: The file.
        choices: How it is read.
        folder: The run's folder, which need not be there yet; None to keep nothing.
        identity: What tells the source from others; by default that it is this file.
        display: What it is called; by default its path.
        written: When what is in it was written; by default what the file itself tells.

    Raises:
        SourceError: It is no whole dump file, or not one that the engine reads.
        ConfigurationError: The engine is not installed.
    """
    path = Path(os.path.abspath(path))
    _check_no_commands(path, 0)
    kept = KeptIndex(path, _span_keys(choices.page_keys, choices), folder)
    index = kept.load() or _indexed(path, choices.page_keys, choices)
    if choices.engine == RDBTOOLS:
        check_readable(path, index)
    if not index.loss:
        # Servers do not look at what comes behind a dump; but if it is commands, these belong to it.
        _check_no_commands(path, index.stop)
    told = written or _written(path, index)
    return DumpKeyspace(
        identity or dump_identity(path), display or str(path), path, choices, index, told, kept
    )


def dump_identity(path: Path) -> str:
    """What tells a dump file from other sources."""
    return f"rdb:{os.path.abspath(path)}"


def _written(path: Path, index: Index) -> Written:
    seconds = index.aux.get("ctime", "")
    if seconds.isdecimal():
        return Written(int(seconds) * 1000)
    return Written(path.stat().st_mtime_ns // 1_000_000, "the dump does not tell when it was made")


def _check_no_commands(path: Path, offset: int) -> None:
    with opened(path) as file:
        first = os.pread(file, 1, offset)
    if first in (b"*", b"#"):
        raise SourceError(
            f"`{path}` is an append-only file",
            why=f"commands, not keys, stand at byte {offset}",
            suggestion="migrate it as one: its commands are replayed",
            example=f"--use-aof {path}",
        )


def _indexed(path: Path, page_keys: int, choices: DumpChoices) -> Index:
    return index_file(path, span_keys=_span_keys(page_keys, choices), salvage=choices.salvage)


def _span_keys(page_keys: int, choices: DumpChoices) -> int:
    # rdbtools cannot find the next key behind one that it cannot read.
    return 1 if choices.engine == RDBTOOLS else page_keys


def _something_expires(index: Index) -> bool:
    """Whether there are times to live; hashes since version 12, and Valkey's, may have them inside."""
    fields = index.magic.startswith("VALKEY") or int(index.magic[5:]) >= 12
    return any(tally.expiring or (fields and HASH in tally.types) for tally in index.databases.values())


class _PageReader:
    """Reads pages of a dump file."""

    def __init__(self, path: Path, magic: str, choices: DumpChoices, takes_all: bool) -> None:
        self._path = path
        self._magic = magic
        self._selection = choices.selection
        self._takes_all = takes_all
        self._engine = choices.engine

    def read(self, page_id: str, place: tuple[Span, ...]) -> SourcePage:
        """The selected keys of some spans; keys that cannot be decoded become dead letters."""
        rows: list[KeyRow] = []
        letters: list[DeadLetter] = []
        for row in chain.from_iterable(map(self._selected, place)):
            if isinstance(row, KeyRow):
                rows.append(row)
            else:
                letters.append(unreadable(page_id, row, self._selection, self._suggestion()))
        return SourcePage(page_id, KEYS, rows, tuple(letters))

    def _selected(self, span: Span) -> Iterator[KeyRow | Undecodable]:
        found = _ENGINES[self._engine](self._path, self._magic, span)
        if self._takes_all:
            return found
        return (row for row in found if self._selection.takes(row.db, row.key))

    def close(self) -> None:
        """Nothing is kept open."""

    def _suggestion(self) -> str:
        if self._engine == RDBTOOLS:
            return "take the run back and read the file by --rdb-engine native"
        return "repair the key in the source, or read it by the program that wrote it; dump and migrate again"
