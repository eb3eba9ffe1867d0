"""Lists and sets, in all the forms they were ever saved in."""

from __future__ import annotations

import struct
from collections.abc import Callable
from struct import Struct

from io_connectors.redis.rdb.broken import Broken
from io_connectors.redis.rdb.lengths import length_at, string_at
from io_connectors.redis.rdb.listpack import listpack
from io_connectors.redis.rdb.ziplist import ziplist

#: Takes a string apart that is a whole collection.
Unpack = Callable[[bytes], list[bytes]]

_INTSET_HEADER = Struct("<II")
_INTSET_FORMS = {2: "h", 4: "i", 8: "q"}
_PLAIN, _PACKED = 1, 2


def packed_at(unpack: Unpack) -> Callable[[bytes, int], tuple[list[bytes], int]]:
    """A decoder of a collection that is one string, which ``unpack`` takes apart."""

    def decode(buffer: bytes, position: int) -> tuple[list[bytes], int]:
        packed, position = string_at(buffer, position)
        return unpack(packed), position

    return decode


def quicklist_at(buffer: bytes, position: int) -> tuple[list[bytes], int]:
    """A list in several ziplists."""
    count, position = length_at(buffer, position)
    found: list[bytes] = []
    for _ in range(count):
        packed, position = string_at(buffer, position)
        found += ziplist(packed)
    return found, position


def quicklist2_at(buffer: bytes, position: int) -> tuple[list[bytes], int]:
    """A list in several listpacks, large elements between them."""
    count, position = length_at(buffer, position)
    found: list[bytes] = []
    for _ in range(count):
        container, position = length_at(buffer, position)
        packed, position = string_at(buffer, position)
        if container == _PACKED:
            found += listpack(packed)
        elif container == _PLAIN:
            found.append(packed)
        else:
            raise Broken(f"a list has a part of the unknown kind {container}")
    return found, position


def intset(packed: bytes) -> list[bytes]:
    """The members of a set of integers, as decimal text.

    Raises:
        Broken: It is not such a set.
    """
    width, count = _INTSET_HEADER.unpack_from(packed)
    if width not in _INTSET_FORMS or len(packed) != _INTSET_HEADER.size + width * count:
        raise Broken("a set of integers has not the size that it claims")
    numbers = struct.unpack_from(f"<{count}{_INTSET_FORMS[width]}", packed, _INTSET_HEADER.size)
    return [b"%d" % number for number in numbers]
