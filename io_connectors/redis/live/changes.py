"""How a keyspace changed between two listings, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from io_connectors.redis.live.census import Part


def changes_of(before: Mapping[str, Part], after: Mapping[str, Part]) -> tuple[str, ...]:
    """One sentence a database that changed.

    Args:
        before: By names that change with the keys.
        after: The same, of a later listing.
    """
    was, now = _keys(before.values()), _keys(after.values())
    planned = Counter(part.db for part in before.values())
    other = Counter(before[name].db for name in before.keys() - after.keys())
    come = Counter(after[name].db for name in after.keys() - before.keys())
    return tuple(
        f"database {db}: keys {was[db]:,} → {now[db]:,}; other keys in {other[db]:,} of {planned[db]:,} pages"
        for db in sorted(was | now)
        if other[db] or come[db]
    )


def _keys(parts: Iterable[Part]) -> Counter[int]:
    found: Counter[int] = Counter()
    for part in parts:
        found[part.db] += part.rows
    return found
