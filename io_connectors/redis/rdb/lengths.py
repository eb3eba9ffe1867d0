"""Lengths and strings, of which everything else is made.

Every decoder here and beside takes ``(buffer, position)`` and gives ``(value, position behind
it)``. None of them checks the buffer's end: a slice that is cut short only shows in a position
behind the end, which the caller must look at, or in one of ``broken.FAULTS``.
"""

from __future__ import annotations

from struct import Struct

from io_connectors.redis.rdb.broken import Broken
from io_connectors.redis.rdb.lzf import decompress

_LONG = Struct(">I").unpack_from
_LONGER = Struct(">Q").unpack_from

#: First bytes of what is longer than 14 bits, or not a length.
_IS_LONG, _IS_LONGER = 0x80, 0x81
#: Integers of 1, 2 and 4 bytes, and compressed strings.
_IS_INT8, _IS_INT32, _IS_LZF = 0xC0, 0xC2, 0xC3


def length_at(buffer: bytes, position: int) -> tuple[int, int]:
    """A length: 6, 14, 32 or 64 bits."""
    first = buffer[position]
    if first < 0x40:
        return first, position + 1
    if first < 0x80:
        return (first & 0x3F) << 8 | buffer[position + 1], position + 2
    if first == _IS_LONG:
        return int(_LONG(buffer, position + 1)[0]), position + 5
    if first == _IS_LONGER:
        return int(_LONGER(buffer, position + 1)[0]), position + 9
    raise Broken(f"byte {first:#04x} begins no length")


def string_at(buffer: bytes, position: int) -> tuple[bytes, int]:
    """A string: as it is, as an integer, or compressed."""
    first = buffer[position]
    if first < 0x40:
        start = position + 1
        end = start + first
    elif first < 0x80:
        start = position + 2
        end = start + ((first & 0x3F) << 8 | buffer[position + 1])
    elif first < 0xC0:
        size, start = length_at(buffer, position)
        end = start + size
    else:
        return _encoded(buffer, position, first)
    return buffer[start:end], end


def strings_at(buffer: bytes, position: int, count: int) -> tuple[list[bytes], int]:
    """So many strings."""
    found = []
    for _ in range(count):
        first = buffer[position]
        if first < 0x40:
            end = position + 1 + first
            found.append(buffer[position + 1 : end])
            position = end
        else:
            value, position = string_at(buffer, position)
            found.append(value)
    return found, position


def counted_strings_at(buffer: bytes, position: int) -> tuple[list[bytes], int]:
    """A length and so many strings."""
    count, position = length_at(buffer, position)
    return strings_at(buffer, position, count)


def behind_string(buffer: bytes, position: int) -> int:
    """The position behind a string, which itself need not be in the buffer."""
    first = buffer[position]
    if first < 0x40:
        return position + 1 + first
    if first < 0x80:
        return position + 2 + ((first & 0x3F) << 8 | buffer[position + 1])
    if first < 0xC0:
        size, start = length_at(buffer, position)
        return start + size
    if first == _IS_LZF:
        packed, position = length_at(buffer, position + 1)
        _, position = length_at(buffer, position)
        return position + packed
    return position + 1 + _integer_size(first)


def _integer_size(first: int) -> int:
    if first > _IS_INT32:
        raise Broken(f"byte {first:#04x} begins no string")
    return 1 << (first - _IS_INT8)


def _encoded(buffer: bytes, position: int, first: int) -> tuple[bytes, int]:
    if first == _IS_LZF:
        packed, position = length_at(buffer, position + 1)
        size, position = length_at(buffer, position)
        end = position + packed
        return decompress(buffer[position:end], size), end
    behind = position + 1 + _integer_size(first)
    return b"%d" % int.from_bytes(buffer[position + 1 : behind], "little", signed=True), behind
