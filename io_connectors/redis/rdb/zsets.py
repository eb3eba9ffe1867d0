"""Sorted sets, in all the forms they were ever saved in."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from io_connectors.redis.rdb.broken import Broken
from io_connectors.redis.rdb.lengths import length_at, string_at
from io_connectors.redis.rdb.lists import Unpack

Scored = list[tuple[bytes, float]]

_DOUBLE = Struct("<d").unpack_from

#: First bytes of a score in text form that are no number of digits.
_SCORES = {253: float("nan"), 254: float("inf"), 255: float("-inf")}


def scored_text_at(buffer: bytes, position: int) -> tuple[Scored, int]:
    """A sorted set whose scores are text (before Redis 4)."""
    count, position = length_at(buffer, position)
    found = []
    for _ in range(count):
        member, position = string_at(buffer, position)
        size = buffer[position]
        position += 1
        if size in _SCORES:
            score = _SCORES[size]
        else:
            score = float(buffer[position : position + size])
            position += size
        found.append((member, score))
    return found, position


def scored_at(buffer: bytes, position: int) -> tuple[Scored, int]:
    """A sorted set whose scores are binary doubles."""
    count, position = length_at(buffer, position)
    found = []
    for _ in range(count):
        member, position = string_at(buffer, position)
        found.append((member, _DOUBLE(buffer, position)[0]))
        position += 8
    return found, position


def scored_packed_at(unpack: Unpack) -> Callable[[bytes, int], tuple[Scored, int]]:
    """A decoder of a sorted set that is one string, which ``unpack`` takes apart."""

    def decode(buffer: bytes, position: int) -> tuple[Scored, int]:
        packed, position = string_at(buffer, position)
        elements = unpack(packed)
        if len(elements) % 2:
            raise Broken("a sorted set has a member without a score")
        return list(zip(elements[::2], map(float, elements[1::2]), strict=True)), position

    return decode
