"""Ziplists and zipmaps: what listpacks were before Redis 7."""

from __future__ import annotations

from struct import Struct

from io_connectors.redis.rdb.broken import Broken

_HEADER = Struct("<IIH")
_END = 0xFF
_MANY = 0xFFFF
#: A first byte that says that four bytes of length follow.
_LONG = 0xFE
#: From here on the first byte of a zipmap does not tell how many fields it has.
_MANY_FIELDS = 0xFE

_SIZE32 = Struct("<I").unpack_from
_SIZE32_BIG = Struct(">I").unpack_from

_INTEGER_SIZES = {0xFE: 1, 0xC0: 2, 0xF0: 3, 0xD0: 4, 0xE0: 8}
#: A number of four bits stands in its own encoding byte, plus one.
_IMMEDIATE = range(0xF1, 0xFE)


def ziplist(packed: bytes) -> list[bytes]:
    """The elements of a ziplist; integers as their decimal text.

    An element is the size of the one before it (one byte or five), an encoding, and its bytes.

    Raises:
        Broken: It is not a ziplist.
    """
    total, _, count = _HEADER.unpack_from(packed)
    if total != len(packed) or packed[-1] != _END:
        raise Broken("a ziplist has not the size that it claims")
    found: list[bytes] = []
    add = found.append
    position, end = _HEADER.size, total - 1
    while position < end:
        position += 5 if packed[position] == _LONG else 1
        first = packed[position]
        if first < 0x40:
            start, size = position + 1, first
        elif first < 0x80:
            start, size = position + 2, (first & 0x3F) << 8 | packed[position + 1]
        elif first in _INTEGER_SIZES:
            behind = position + 1 + _INTEGER_SIZES[first]
            add(b"%d" % int.from_bytes(packed[position + 1 : behind], "little", signed=True))
            position = behind
            continue
        elif first in _IMMEDIATE:
            add(b"%d" % ((first & 0x0F) - 1))
            position += 1
            continue
        elif first < 0xC0:
            start, size = position + 5, _SIZE32_BIG(packed, position + 1)[0]
        else:
            raise Broken(f"byte {first:#04x} begins no element of a ziplist")
        position = start + size
        add(packed[start:position])
    if position != end or count not in (len(found), _MANY):
        raise Broken("a ziplist's elements are not as many or as long as it claims")
    return found


def zipmap(packed: bytes) -> list[bytes]:
    """Fields and values of a zipmap (before Redis 2.6), in turns.

    The first byte is the number of fields; 254 and 255 say that they are to be counted, though
    servers since Redis 6.2 refuse 255. A value is followed by unused bytes, whose number stands
    between its size and itself.

    Raises:
        Broken: It is not a zipmap.
    """
    found: list[bytes] = []
    position = 1
    while packed[position] != _END:
        start, size = _zipmap_size(packed, position)
        position = start + size
        found.append(packed[start:position])
        start, size = _zipmap_size(packed, position)
        unused = packed[start]
        found.append(packed[start + 1 : start + 1 + size])
        position = start + 1 + size + unused
    if position != len(packed) - 1:
        raise Broken("a zipmap ends before its last byte")
    if packed[0] != len(found) // 2 and packed[0] < _MANY_FIELDS:
        raise Broken("a zipmap has not as many fields as it claims")
    return found


def _zipmap_size(packed: bytes, position: int) -> tuple[int, int]:
    first = packed[position]
    if first < _LONG:
        return position + 1, first
    if first == _LONG:
        return position + 5, _SIZE32(packed, position + 1)[0]
    raise Broken("a zipmap ends within a field")
