"""Large values, piece by piece: neither side builds more than a piece at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from io_connectors.redis.live.wire import Wire
from io_connectors.redis.rows import HASH, LIST, SET, STRING, HashField, Value

_PIECE_BYTES = 4 * 1024 * 1024
_PIECE_LENGTH = 1000


def in_pieces(wire: Wire, key: bytes, type_: str, element_bytes: int) -> Value:
    """The value of a key; empty if it is not there.

    Args:
        wire: A connection, with the database selected.
        key: The key.
        type_: ``string``, ``list``, ``hash``, ``set`` or ``zset``.
        element_bytes: Bytes of an element, about; 0 where that is not known.
    """
    if type_ == STRING:
        return b"".join(_ranges(wire, "GETRANGE", key, _PIECE_BYTES))
    count = max(1, min(_PIECE_LENGTH, _PIECE_BYTES // max(1, element_bytes)))
    if type_ == LIST:
        return [element for piece in _ranges(wire, "LRANGE", key, count) for element in piece]
    if type_ == SET:
        return list(dict.fromkeys(member for piece in _scan(wire, "SSCAN", key, count) for member in piece))
    found: dict[bytes, bytes] = {}
    for piece in _scan(wire, "HSCAN" if type_ == HASH else "ZSCAN", key, count):
        found.update(zip(piece[::2], piece[1::2], strict=True))
    if type_ == HASH:
        return [HashField(name, value, None) for name, value in found.items()]
    return [(member, float(score)) for member, score in found.items()]


def _ranges(wire: Wire, command: str, key: bytes, width: int) -> Iterator[Any]:
    """Ranges of positions, to the first that is not full."""
    start = 0
    while True:
        piece = wire.call(command, key, start, start + width - 1)
        yield piece
        if len(piece) < width:
            return
        start += width


def _scan(wire: Wire, command: str, key: bytes, count: int) -> Iterator[list[bytes]]:
    cursor = b"0"
    while True:
        cursor, piece = wire.call(command, key, cursor, "COUNT", count)
        yield piece
        if cursor == b"0":
            return
