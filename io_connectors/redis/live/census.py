"""Listing a keyspace: which keys there are, by SCAN, and in which parts by the hash of their names.

SCAN gives every key that is there from its beginning to its end, some more than once. Its cursor
belongs to one process of the server: after a restart, and on another node, the same cursor means
other keys. So parts are made by a hash of ours, and one cursor a node lists all keys: that costs
the server 0.2 µs a key, a hundredth of what reading the values does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

from io_connectors.redis.live.buckets import KeyBuckets, hash_of, key_of
from io_connectors.redis.live.cluster import Nodes
from io_connectors.redis.live.refusals import translating
from io_connectors.redis.live.session import Session

_SCAN_COUNT = 1000
_HASHES = 1 << 64


@dataclass(frozen=True, slots=True)
class Part:
    """The keys of a database whose hashes are in one of equal ranges.

    Attributes:
        db: The database.
        number: The range's number.
        rows: Keys that there are.
        fingerprint: An order-free sum over their hashes.
    """

    db: int
    number: int
    rows: int
    fingerprint: int


class Listing:
    """The keys of one database, listed."""

    def __init__(self, db: int, buckets: KeyBuckets) -> None:
        self._db = db
        self._buckets = buckets

    @property
    def about(self) -> int:
        """How many there are, with what SCAN gave twice."""
        return self._buckets.added

    def sample(self, size: int) -> list[bytes]:
        """Some of the keys: those with the lowest hashes, so any."""
        return [key_of(entry) for entry in islice(self._buckets.entries(), size)]

    def parts(self, ranges: int) -> Iterator[tuple[Part, list[bytes]]]:
        """The keys in so many ranges of equal width, without the empty ones."""
        for number, group in groupby(
            self._buckets.entries(), lambda entry: hash_of(entry) * ranges // _HASHES
        ):
            entries = list(group)
            fingerprint = sum(map(hash_of, entries)) % _HASHES
            yield Part(self._db, number, len(entries), fingerprint), [key_of(entry) for entry in entries]


@contextmanager
def listing(nodes: Nodes, db: int, match: str, folder: Path) -> Iterator[Listing]:
    """Lists the keys of a database that match.

    Args:
        nodes: The nodes that hold keys.
        db: The database.
        match: A pattern, or empty.
        folder: A folder that is not there yet, for the keys meanwhile.

    Raises:
        SourceError: The server refused, or the cluster changed.
    """
    with KeyBuckets(folder) as buckets:
        nodes.check_settled()
        for session in nodes.sessions.values():
            with translating(f"listing the keys of database {db}"):
                for keys in _scan(session, db, match):
                    buckets.add(keys)
        nodes.check_settled()
        yield Listing(db, buckets)


def _scan(session: Session, db: int, match: str) -> Iterator[Sequence[bytes]]:
    wire, cursor = session.select(db), b"0"
    pattern = ("MATCH", match.encode(errors="surrogateescape")) if match else ()
    while True:
        cursor, keys = wire.call("SCAN", cursor, *pattern, "COUNT", _SCAN_COUNT)
        yield keys
        if cursor == b"0":
            return
