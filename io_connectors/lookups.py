"""Look-ups in a source, to be compared with those in a target: single questions, as users put them.

Each is answered whole. ``kind`` and ``key`` are those that a memory keeps of its source.
"""

from __future__ import annotations

from typing import Protocol

#: Records that a look-up of related records gives at most, as a memory's neighbours are limited.
MOST_RELATED = 1_000


class SourceLookups(Protocol):
    """Look-ups over one open connection. None stands for what cannot be asked of this record."""

    def by_key(self, kind: str, key: str) -> int | None:
        """Reads one record; gives how many were found."""

    def related(self, kind: str, key: str) -> int | None:
        """Reads the records that it refers to, and those that refer to it; gives how many there are."""

    def first(self, kind: str, limit: int) -> int | None:
        """Reads some records of its kind; gives how many were read."""
