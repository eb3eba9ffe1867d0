"""Streams: entries in listpacks, what the server knows of them, and consumer groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import Struct

from io_connectors.redis.rdb.broken import Broken
from io_connectors.redis.rdb.lengths import length_at, string_at
from io_connectors.redis.rdb.listpack import listpack
from io_connectors.redis.rows import Group, Pending, Stream, StreamEntry

_ID = Struct(">QQ")
_MILLISECONDS = Struct("<q").unpack_from

#: What an entry's first number says.
_DELETED, _SAME_FIELDS = 1, 2
#: A group that does not know how many entries it has read.
_UNKNOWN = (1 << 64) - 1
_NONE = "0-0"

Id = tuple[int, int]


def stream_at(version: int) -> Callable[[bytes, int], tuple[Stream, int]]:
    """A decoder of the forms of Redis 5 (1), 7.0 (2), 7.2 (3) and 8.6 (4)."""

    def decode(buffer: bytes, position: int) -> tuple[Stream, int]:
        entries, position = _entries(buffer, position)
        added, position = length_at(buffer, position)
        last, position = _id_at(buffer, position)
        deleted = _NONE
        if version >= 2:
            _, position = _id_at(buffer, position)
            deleted, position = _id_at(buffer, position)
            added, position = length_at(buffer, position)
        groups, position = _groups(buffer, position, version)
        if version >= 4:
            position = _behind_producers(buffer, position)
        return Stream(entries, last, deleted, added, groups), position

    return decode


def _entries(buffer: bytes, position: int) -> tuple[list[StreamEntry], int]:
    count, position = length_at(buffer, position)
    found: list[StreamEntry] = []
    for _ in range(count):
        key, position = string_at(buffer, position)
        packed, position = string_at(buffer, position)
        found += _node(_ID.unpack(key), listpack(packed))
    return found, position


def _node(first: Id, elements: list[bytes]) -> Iterator[StreamEntry]:
    """The entries of one listpack that are not deleted.

    It begins with a master entry: entries, deleted ones, the number of its field names, these,
    and 0. An entry is flags, its id's distance from the listpack's, its fields (those of the
    master entry, or its own with their number before them), and how many elements that were.
    """
    most = len(elements)
    entries = _count(elements[0], most) + _count(elements[1], most)
    width = _count(elements[2], most)
    names = elements[3 : 3 + width]
    position = 4 + width
    for _ in range(entries):
        flags = int(elements[position])
        at = (first[0] + int(elements[position + 1]), first[1] + int(elements[position + 2]))
        position += 3
        if flags & _SAME_FIELDS:
            behind = position + width
            fields = list(zip(names, elements[position:behind], strict=True))
        else:
            position, behind = position + 1, position + 1 + 2 * _count(elements[position], most)
            fields = list(zip(elements[position:behind:2], elements[position + 1 : behind : 2], strict=True))
        position = behind + 1
        if not flags & _DELETED:
            yield StreamEntry(_text(at), fields)
    if position != len(elements):
        raise Broken("a part of a stream has not as many entries as it claims")


def _count(element: bytes, most: int) -> int:
    count = int(element)
    if not 0 <= count <= most:
        raise Broken("a part of a stream claims more than it has")
    return count


def _groups(buffer: bytes, position: int, version: int) -> tuple[list[Group], int]:
    count, position = length_at(buffer, position)
    found = []
    for _ in range(count):
        name, position = string_at(buffer, position)
        last, position = _id_at(buffer, position)
        read = _UNKNOWN
        if version >= 2:
            read, position = length_at(buffer, position)
        delivered, position = _delivered(buffer, position)
        owners, position = _consumers(buffer, position, version)
        given = sorted((key, owner) for owner, keys in owners for key in keys)
        if [key for key, _ in given] != sorted(delivered):
            raise Broken("a group of a stream and its consumers do not agree on what is pending")
        pending = [Pending(_text(_ID.unpack(key)), owner, *delivered[key]) for key, owner in given]
        known = None if read == _UNKNOWN else read
        found.append(Group(name, last, known, [owner for owner, _ in owners], pending))
    return found, position


def _delivered(buffer: bytes, position: int) -> tuple[dict[bytes, tuple[int, int]], int]:
    """By entry, the time of its last delivery and how often it was delivered."""
    count, position = length_at(buffer, position)
    found = {}
    for _ in range(count):
        key = buffer[position : position + 16]
        (time,) = _MILLISECONDS(buffer, position + 16)
        times, position = length_at(buffer, position + 24)
        found[key] = (time, times)
    return found, position


def _consumers(buffer: bytes, position: int, version: int) -> tuple[list[tuple[bytes, list[bytes]]], int]:
    """Consumers, each with the ids of what it was given."""
    count, position = length_at(buffer, position)
    found = []
    for _ in range(count):
        name, position = string_at(buffer, position)
        # When it was last seen and, since version 3, last active.
        position += 16 if version >= 3 else 8
        owned, position = length_at(buffer, position)
        behind = position + 16 * owned
        if behind > len(buffer):
            raise Broken("a consumer claims more entries than there are bytes")
        found.append((name, [buffer[at : at + 16] for at in range(position, behind, 16)]))
        position = behind
    return found, position


def _behind_producers(buffer: bytes, position: int) -> int:
    """The position behind what Redis keeps to recognise an entry that is added twice."""
    for _ in range(2):
        _, position = length_at(buffer, position)
    count, position = length_at(buffer, position)
    for _ in range(count):
        _, position = string_at(buffer, position)
        position += 16
    for _ in range(2):
        _, position = length_at(buffer, position)
    return position


def _id_at(buffer: bytes, position: int) -> tuple[str, int]:
    milliseconds, position = length_at(buffer, position)
    sequence, position = length_at(buffer, position)
    return f"{milliseconds}-{sequence}", position


def _text(number: tuple[int, ...]) -> str:
    return f"{number[0]}-{number[1]}"
