"""A keyspace to migrate, whichever way it is read: a dump file, an append-only file, a live server.

A way of reading is a context manager that yields a ``Keyspace``: found, checked, and not planned
yet. What can be wrong with a source shows when it is opened, before anything is written. The
pipeline then asks for a ``KeyspacePlan`` under the boundaries that an earlier attempt saved, reads
its pages, and counts again where the source may have changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from io_connectors.lookups import SourceLookups
from io_connectors.planned_pages import PageReader
from io_connectors.redis.globs import glob
from io_connectors.redis.spelling import spelled

#: The relation of source pages of keys, as the mapper knows it.
KEYS = "keys"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which keys are to be read.

    Attributes:
        databases: Their databases; None for all that there are.
        match: The pattern that they match; empty for all.
    """

    databases: tuple[int, ...] | None = (0,)
    match: str = ""

    @property
    def several(self) -> bool:
        """Whether names must tell the database: by what was asked for, not by what is there today."""
        return self.databases is None or len(self.databases) > 1

    def takes_db(self, db: int) -> bool:
        """Whether keys of a database are to be read."""
        return self.databases is None or db in self.databases

    def takes(self, db: int, key: bytes) -> bool:
        """Whether a key is to be read."""
        if self.databases is not None and db not in self.databases:
            return False
        return not self.match or glob(self.match).fullmatch(key) is not None

    def name(self, db: int, key: bytes) -> str:
        """What names a key in dead letters: as its memory's id does, without ``redis_``."""
        return f"{db}_{spelled(key)}" if self.several else spelled(key)


@dataclass(frozen=True, slots=True)
class KeyPage:
    """One page of keys.

    Attributes:
        rows: Selected keys counted in it.
        place: Where it is; only the page reader knows what this means. It is pickled.
    """

    rows: int
    place: Any


@dataclass(frozen=True, slots=True)
class Recounted:
    """A keyspace that is not frozen, counted again after it was read.

    Attributes:
        keys: Selected keys that there are now.
        changes: What differs from the plan, in words; empty if nothing does.
        changed_pages: Pages in which keys came, went or were replaced: what was read of them may
            be their state before, after or between.
    """

    keys: int
    changes: tuple[str, ...]
    changed_pages: frozenset[str]


@dataclass(frozen=True, slots=True)
class KeyspacePlan:
    """How a keyspace is read.

    Attributes:
        boundaries: All that later attempts need to make the same pages again, as JSON can hold it;
            with ``as_of``. It is saved before the first page is read.
        pages: Page id → page, in the order of reading. A page id stands for what the page holds and
            becomes: under the same id nothing is read again, also by later runs of the command.
        counts: (database, type) → selected keys, types named as in ``KeyRow``. Where types are not
            known before reading, the type is empty.
        as_of: Milliseconds since 1970 that times to live are counted from, the same in all attempts
            whose pages are to be in one store.
        bytes: Bytes that the selected keys take, about; to reckon the disk by.
        open_reader: Opens a reader of pages in a worker. It is pickled: no connection, no secret.
        shown: What a runner's page shows of the reading, without secrets.
        state: What names the state that is read; empty where it may change while it is read.
        notes: What is not migrated, was lost or was taken for granted: sentences for the report.
        recount: Counts again; None where what is read cannot change unnoticed.
        lookups: Looks up single keys; None where nothing answers single questions.
    """

    boundaries: Mapping[str, Any]
    pages: Mapping[str, KeyPage]
    counts: Mapping[tuple[int, str], int]
    as_of: int
    bytes: int
    open_reader: Callable[[], PageReader[Any]]
    shown: Mapping[str, str]
    state: str = ""
    notes: tuple[str, ...] = ()
    recount: Callable[[], Recounted] | None = None
    lookups: SourceLookups | None = None


class Keyspace(Protocol):
    """A keyspace, opened.

    Attributes:
        identity: What tells this source from every other one, in all attempts and all later runs:
            ``rdb:/var/lib/redis/dump.rdb``, or of a server what stays when it restarts. No secrets.
        display: Its address as shown to people, without secrets.
    """

    @property
    def identity(self) -> str: ...  # noqa: D102

    @property
    def display(self) -> str: ...  # noqa: D102

    def plan(self, saved: Mapping[str, Any], anew: bool) -> KeyspacePlan:
        """Cuts the pages, or finds those of an earlier attempt again.

        Args:
            saved: The ``boundaries`` that the last attempt saved, empty if there was none.
            anew: Whether a run on them was finished, so that what may have changed since is to be
                read again (under other page ids) and ``as_of`` begins anew.

        Raises:
            SourceError: The source is not what it was when it was opened.
        """
