"""Hashes, with and without fields that expire."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import repeat
from struct import Struct

from io_connectors.redis.rdb.broken import Broken
from io_connectors.redis.rdb.lengths import length_at, string_at, strings_at
from io_connectors.redis.rdb.listpack import listpack
from io_connectors.redis.rdb.lists import Unpack
from io_connectors.redis.rows import HashField

# Calling the class itself takes twice as long, and there are more fields than anything else.
_NEW_FIELD = partial(tuple.__new__, HashField)
_MILLISECONDS = Struct("<q").unpack_from
Fields = list[HashField]


def hash_at(buffer: bytes, position: int) -> tuple[Fields, int]:
    """Fields and values, each a string."""
    count, position = length_at(buffer, position)
    elements, position = strings_at(buffer, position, 2 * count)
    return _staying(elements), position


def hash_packed_at(unpack: Unpack) -> Callable[[bytes, int], tuple[Fields, int]]:
    """A decoder of a hash that is one string, which ``unpack`` takes apart."""

    def decode(buffer: bytes, position: int) -> tuple[Fields, int]:
        packed, position = string_at(buffer, position)
        elements = unpack(packed)
        if len(elements) % 2:
            raise Broken("a hash has a field without a value")
        return _staying(elements), position

    return decode


def _staying(elements: list[bytes]) -> Fields:
    pairs = zip(elements[::2], elements[1::2], repeat(None))
    return list(map(_NEW_FIELD, pairs))


def expiring_at(buffer: bytes, position: int) -> tuple[Fields, int]:
    """Redis 7.4: times counted from the earliest one, plus one; 0 for a field that stays."""
    (earliest,) = _MILLISECONDS(buffer, position)
    return _expiring(buffer, position + 8, earliest - 1)


def expiring_pre_ga_at(buffer: bytes, position: int) -> tuple[Fields, int]:
    """Release candidates of Redis 7.4: times since 1970."""
    return _expiring(buffer, position, 0)


def _expiring(buffer: bytes, position: int, since: int) -> tuple[Fields, int]:
    count, position = length_at(buffer, position)
    found = []
    for _ in range(count):
        time, position = length_at(buffer, position)
        name, position = string_at(buffer, position)
        value, position = string_at(buffer, position)
        found.append(HashField(name, value, time + since if time else None))
    return found, position


def expiring_packed_at(buffer: bytes, position: int) -> tuple[Fields, int]:
    """Redis 7.4: the earliest time, which the fields tell too, and one string."""
    return expiring_packed_pre_ga_at(buffer, position + 8)


def expiring_packed_pre_ga_at(buffer: bytes, position: int) -> tuple[Fields, int]:
    """Release candidates of Redis 7.4: field, value and time since 1970, in one string."""
    packed, position = string_at(buffer, position)
    elements = listpack(packed)
    if len(elements) % 3:
        raise Broken("a hash has a field without a value or a time")
    fields = zip(elements[::3], elements[1::3], map(int, elements[2::3]), strict=True)
    return [HashField(name, value, time or None) for name, value, time in fields], position


def expiring_valkey_at(buffer: bytes, position: int) -> tuple[Fields, int]:
    """Valkey 9: field, value and time since 1970, −1 for a field that stays."""
    count, position = length_at(buffer, position)
    found = []
    for _ in range(count):
        name, position = string_at(buffer, position)
        value, position = string_at(buffer, position)
        (time,) = _MILLISECONDS(buffer, position)
        position += 8
        found.append(HashField(name, value, time if time >= 0 else None))
    return found, position
