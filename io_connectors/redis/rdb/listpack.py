"""Listpacks: many short elements in one string, since Redis 5 in streams and since 7 everywhere."""

from __future__ import annotations

from struct import Struct

from io_connectors.redis.rdb.broken import Broken

_HEADER = Struct("<IH")
_END = 0xFF
_MANY = 0xFFFF

_LONG_TEXT = 0xF0
_INTEGER_SIZES = {0xF1: 2, 0xF2: 3, 0xF3: 4, 0xF4: 8}
_SMALL = tuple(b"%d" % number for number in range(128))
_SIZE32 = Struct("<I").unpack_from


def listpack(packed: bytes) -> list[bytes]:
    """The elements of a listpack; integers as their decimal text.

    An element is an encoding byte, what belongs to it, and at last its own size, in as many
    bytes as that takes at seven bits each, so that the list can be walked backwards.

    Raises:
        Broken: It is not a listpack.
    """
    total, count = _HEADER.unpack_from(packed)
    if total != len(packed) or packed[-1] != _END:
        raise Broken("a listpack has not the size that it claims")
    found: list[bytes] = []
    add = found.append
    position, end = _HEADER.size, total - 1
    while position < end:
        first = packed[position]
        if first < 0x80:
            add(_SMALL[first])
            position += 2
        elif first < 0xC0:
            behind = position + 1 + (first & 0x3F)
            add(packed[position + 1 : behind])
            position = behind + 1
        elif first in _INTEGER_SIZES:
            behind = position + 1 + _INTEGER_SIZES[first]
            add(b"%d" % int.from_bytes(packed[position + 1 : behind], "little", signed=True))
            position = behind + 1
        elif first < 0xE0:
            number = (first & 0x1F) << 8 | packed[position + 1]
            add(b"%d" % (number - 0x2000 if number & 0x1000 else number))
            position += 3
        elif first < 0xF0:
            start = position + 2
            behind = start + ((first & 0x0F) << 8 | packed[position + 1])
            add(packed[start:behind])
            position = behind + (1 if behind - position < 0x80 else 2)
        else:
            text, behind = _long_text(packed, position)
            add(text)
            position = behind + _size_of_size(packed, behind, behind - position)
    if position != end or count not in (len(found), _MANY):
        raise Broken("a listpack's elements are not as many or as long as it claims")
    return found


def _long_text(packed: bytes, position: int) -> tuple[bytes, int]:
    """A text of 4,096 bytes or more, and the position behind it."""
    if packed[position] != _LONG_TEXT:
        raise Broken(f"byte {packed[position]:#04x} begins no element of a listpack")
    start, size = position + 5, _SIZE32(packed, position + 1)[0]
    return packed[start : start + size], start + size


def _size_of_size(packed: bytes, behind: int, size: int) -> int:
    """How many bytes an element's own size takes, which stands behind it, seven bits a byte.

    Where these bits are all ones, as of 16,383, servers other than Valkey 9.1 put a zero in front.
    """
    return -(-size.bit_length() // 7) + (packed[behind] == 0)
