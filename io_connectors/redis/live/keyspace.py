"""A live server as a keyspace: ``--source redis://…``.

The keys are listed once, into a file beside the store, and a page is a stretch of that list; see
``census`` for why pages are not made of SCAN's cursors. What comes or goes after that shows when the
keys are listed again at the end.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from engram_store.scratch import scratch_folder
from io_connectors.redis.keyspace import KeyPage, KeyspacePlan, Recounted, Selection
from io_connectors.redis.live.address import RedisAddress
from io_connectors.redis.live.census import Listing, Part, listing
from io_connectors.redis.live.changes import changes_of
from io_connectors.redis.live.cluster import Nodes, open_nodes
from io_connectors.redis.live.lookups import KeyLookups
from io_connectors.redis.live.reader import LivePageReader
from io_connectors.redis.live.refusals import resumable, translating
from io_connectors.redis.live.session import PATIENT, Abilities, databases_of
from io_connectors.redis.live.sizes import mean_bytes
from io_connectors.redis.live.spool import Slice, append
from io_connectors.retry import ONCE, retrying

#: The list of keys, in the folder of the run.
_LIST = "keys"

#: Bytes of values that a page is meant to hold.
_PAGE_BYTES = 16 * 1024 * 1024

#: Page id → part.
Parts = dict[str, Part]


@dataclass(frozen=True, slots=True)
class LiveKeyspace:
    """A server, looked at; see ``Keyspace``.

    Attributes:
        address: Where it is.
        selection: Which keys are read.
        page_keys: Keys a page, about.
        folder: Where the list of keys is kept meanwhile.
        nodes: Sessions with its nodes.
        abilities: What can be done there.
        closing: Undoes what is done, at the end.
    """

    address: RedisAddress
    selection: Selection
    page_keys: int
    folder: Path
    nodes: Nodes
    abilities: Abilities
    closing: ExitStack

    @property
    def identity(self) -> str:
        """As ``Keyspace.identity``."""
        return self.address.identity

    @property
    def display(self) -> str:
        """As ``Keyspace.display``."""
        return self.address.display

    def plan(self, saved: Mapping[str, Any], anew: bool) -> KeyspacePlan:
        """Lists the keys, and cuts the list into pages."""
        if anew or not saved:
            saved = self._begun(saved.get("reading", 0) + 1)
        self._clear_folder()
        self.folder.mkdir(parents=True)
        self.closing.callback(self._clear_folder)
        ranges = {int(db): count for db, count in saved["ranges"].items()}
        parts: Parts = {}
        pages: dict[str, KeyPage] = {}
        bytes_ = 0.0
        for db in databases_in(self.nodes, self.selection):
            with listing(self.nodes, db, self.selection.match, self.folder / "listing") as listed:
                each = mean_bytes(self.nodes, db, listed, self.abilities)
                ranges.setdefault(db, self._ranges(listed, each))
                for part, place in _kept(listed, ranges[db], self.folder / f"keys-{db}"):
                    name = _page_id(part, ranges[db], saved["reading"])
                    parts[name], pages[name] = part, KeyPage(part.rows, place)
                    bytes_ += each * part.rows
        return KeyspacePlan(
            boundaries={**saved, "ranges": {str(db): count for db, count in ranges.items()}},
            pages=pages,
            counts=_counts(parts.values()),
            as_of=saved["as_of"],
            bytes=int(bytes_),
            open_reader=partial(LivePageReader, self.address, self.selection, self.abilities),
            shown={"server": self.display},
            notes=_notes(self.abilities),
            recount=lambda: self._recount(parts, ranges, saved["reading"]),
            lookups=self._lookups(),
        )

    def _lookups(self) -> KeyLookups | None:
        """Look-ups of single keys; a cluster would be asked through a client that knows its slots."""
        if self.nodes.spans:
            return None
        databases = self.selection.databases
        db = databases[0] if databases and not self.selection.several else None
        return KeyLookups(self.nodes.any, db)

    def _begun(self, reading: int) -> dict[str, Any]:
        """The boundaries of a reading that begins."""
        with translating("asking for the server's clock"):
            return {"reading": reading, "as_of": self.nodes.any.clock(), "ranges": {}}

    def _clear_folder(self) -> None:
        """Removes the list; an attempt that was killed left one."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _ranges(self, listed: Listing, each: float) -> int:
        """How many pages a database is cut into."""
        page_keys = max(1, min(self.page_keys, int(_PAGE_BYTES / max(1.0, each))))
        return max(1, -(-listed.about // page_keys))

    def _recount(self, before: Parts, ranges: Mapping[int, int], reading: int) -> Recounted:
        with resumable():
            after = retrying(lambda: self._counted(ranges, reading), PATIENT)
        keys = sum(part.rows for part in after.values())
        return Recounted(keys, changes_of(before, after), frozenset(before.keys() - after.keys()))

    def _counted(self, ranges: Mapping[int, int], reading: int) -> Parts:
        """The parts that there are now; the sessions of the planning may be over."""
        nodes = open_nodes(self.address, ONCE)
        found: Parts = {}
        try:
            for db in databases_in(nodes, self.selection):
                with listing(nodes, db, self.selection.match, self.folder / "listing") as listed:
                    count = ranges.get(db) or self._ranges(listed, 1)
                    found.update({_page_id(part, count, reading): part for part, _ in listed.parts(count)})
        finally:
            nodes.close()
        return found


@contextmanager
def open_live(
    address: RedisAddress, selection: Selection, page_keys: int, folder: Path | None
) -> Iterator[LiveKeyspace]:
    """Opens a server.

    Args:
        address: Where it is.
        selection: Which keys are read.
        page_keys: Keys a page, about.
        folder: The run's folder, which every worker sees and which need not be there yet: the list
            of keys is kept in it until the end. None for a temporary one.

    Raises:
        SourceError: It cannot be reached, or the user may not read it.
    """
    with ExitStack() as closing:
        nodes = open_nodes(address)
        closing.callback(nodes.close)
        databases = databases_in(nodes, selection)
        with translating(f"looking at `{address.display}`"):
            for session in nodes.sessions.values():
                for db in databases:
                    session.select(db)
            abilities = nodes.any.abilities()
        if folder is None:
            folder = closing.enter_context(scratch_folder("engram-keys-"))
        yield LiveKeyspace(address, selection, page_keys, folder / _LIST, nodes, abilities, closing)


def databases_in(nodes: Nodes, selection: Selection) -> Sequence[int]:
    """The databases to read: those asked for, or all that hold keys.

    Raises:
        SourceError: The user may not ask which there are.
    """
    if selection.databases is not None:
        return selection.databases
    with translating("asking for the databases that hold keys"):
        return sorted({db for session in nodes.sessions.values() for db in databases_of(session.wire)})


def _kept(listed: Listing, ranges: int, path: Path) -> Iterator[tuple[Part, Slice]]:
    """The parts of a listing, with the places in a file that their keys are written to."""
    with path.open("wb") as file:
        for part, keys in listed.parts(ranges):
            yield part, Slice(str(path), part.db, *append(file, keys))


def _page_id(part: Part, ranges: int, reading: int) -> str:
    """A name that changes with the keys that are in the page, and with each reading."""
    digest = hashlib.blake2b(repr((part, ranges, reading)).encode(), digest_size=6).hexdigest()
    return f"keys-{part.db}-{part.number:08d}-{digest}"


def _counts(parts: Iterable[Part]) -> dict[tuple[int, str], int]:
    counts: dict[tuple[int, str], int] = {}
    for part in parts:
        counts[part.db, ""] = counts.get((part.db, ""), 0) + part.rows
    return counts


def _notes(abilities: Abilities) -> tuple[str, ...]:
    if abilities.dump:
        return ()
    return ("the user may not call DUMP: values are read by the commands of their types, which takes longer",)
