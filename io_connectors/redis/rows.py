"""What a fetched row's columns mean: the agreement between the readers and the mapper.

All three ways of reading (RDB, AOF, live) give the same rows: a live key is read as its DUMP
payload, by the codec that also reads dump files. Keys, members and values are bytes as Redis
holds them; what they look like as text is the mapper's business.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias


class StreamEntry(NamedTuple):
    """One entry of a stream.

    Attributes:
        id: ``milliseconds-sequence``.
        fields: Field and value pairs, in order; a field may come twice.
    """

    id: str
    fields: list[tuple[bytes, bytes]]


class Pending(NamedTuple):
    """An entry that a consumer was given and has not acknowledged.

    Attributes:
        id: The entry's id; the entry itself may be deleted.
        consumer: The consumer's name.
        delivered_at: Milliseconds since 1970.
        deliveries: How often it was delivered.
    """

    id: str
    consumer: bytes
    delivered_at: int
    deliveries: int


class Group(NamedTuple):
    """A consumer group of a stream.

    Attributes:
        name: Its name.
        last_id: The last id that it delivered.
        entries_read: How many entries it has read, or None where the server does not know.
        consumers: Names of its consumers.
        pending: What was delivered and not acknowledged, by id.
    """

    name: bytes
    last_id: str
    entries_read: int | None
    consumers: list[bytes]
    pending: list[Pending]


class Stream(NamedTuple):
    """A stream.

    Attributes:
        entries: Its entries that are not deleted, by id.
        last_id: The last id that was ever given.
        max_deleted_id: The greatest id that was deleted, ``0-0`` for none or where not known.
        entries_added: How many were ever added.
        groups: Its consumer groups.
    """

    entries: list[StreamEntry]
    last_id: str
    max_deleted_id: str
    entries_added: int
    groups: list[Group]


class HashField(NamedTuple):
    """A field of a hash.

    Attributes:
        name: The field.
        value: Its value.
        expire_at: Milliseconds since 1970, or None for a field that stays.
    """

    name: bytes
    value: bytes
    expire_at: int | None


#: By type: string and json ``bytes``; list and set ``list[bytes]``; zset members with scores;
#: hash fields; a stream. Sets, hashes and zsets come in whatever order the source has them.
Value: TypeAlias = "bytes | list[bytes] | list[tuple[bytes, float]] | list[HashField] | Stream"

STRING, LIST, SET, ZSET, HASH, STREAM, JSON = "string", "list", "set", "zset", "hash", "stream", "json"


class KeyRow(NamedTuple):
    """One key.

    Attributes:
        db: Its database.
        key: Its name.
        type: ``string``, ``list``, ``set``, ``zset``, ``hash``, ``stream`` or ``json``.
        value: Its value; see ``Value``. JSON is the document's text.
        expire_at: Milliseconds since 1970, or None for a key that stays.
    """

    db: int
    key: bytes
    type: str
    value: Value
    expire_at: int | None
