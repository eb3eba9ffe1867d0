"""Skipping: where a value ends, without looking at what is in it.

A step takes a window and a position and gives the position behind what it skips; it asks the
window to move before it reads a head. So a value of any size costs one window of memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from io_connectors.redis.rdb.broken import Broken
from io_connectors.redis.rdb.lengths import behind_string, length_at
from io_connectors.redis.rdb.modules import DOUBLE, END, FLOAT, SIGNED, STRING, UNSIGNED


class Heads(Protocol):
    """What steps need of a ``Window``."""

    buffer: bytes
    limit: int

    def move(self, position: int) -> int:
        """Moves to a position, and gives its new value."""


Step = Callable[[Heads, int], int]

#: First bytes of a score in text form that are all of it.
_WHOLE_SCORES = 253


def string(window: Heads, position: int) -> int:
    """A string."""
    if position > window.limit:
        position = window.move(position)
    return behind_string(window.buffer, position)


def length(window: Heads, position: int) -> int:
    """A length."""
    return read_length(window, position)[1]


def read_length(window: Heads, position: int) -> tuple[int, int]:
    """A length's value, and the position behind it."""
    if position > window.limit:
        position = window.move(position)
    return length_at(window.buffer, position)


def score(window: Heads, position: int) -> int:
    """A score in text form."""
    if position > window.limit:
        position = window.move(position)
    size = window.buffer[position]
    return position + 1 if size >= _WHOLE_SCORES else position + 1 + size


def fixed(size: int) -> Step:
    """So many bytes."""
    return lambda window, position: position + size


def blocks(size: int) -> Step:
    """A length, and as many times so many bytes."""

    def step(window: Heads, position: int) -> int:
        count, position = read_length(window, position)
        return position + count * size

    return step


def strings(each: int, more: int = 0) -> Step:
    """A length, and ``each`` times as many strings, every one with ``more`` bytes behind it."""

    def step(window: Heads, position: int) -> int:
        count, position = read_length(window, position)
        buffer, limit = window.buffer, window.limit
        for _ in range(count * each):
            if position > limit:
                position = window.move(position)
                buffer, limit = window.buffer, window.limit
            first = buffer[position]
            behind = position + 1 + first if first < 0x40 else behind_string(buffer, position)
            position = behind + more
        return position

    return step


def sequence(*steps: Step) -> Step:
    """Several things, one behind the other."""

    def step(window: Heads, position: int) -> int:
        for one in steps:
            position = one(window, position)
        return position

    return step


def repeated(*steps: Step) -> Step:
    """A length, and as many times the same things, at least one of which reads its head."""

    def step(window: Heads, position: int) -> int:
        count, position = read_length(window, position)
        for _ in range(count):
            for one in steps:
                position = one(window, position)
        return position

    return step


def stream(version: int) -> Step:
    """A stream; the versions are those of ``streams.stream_at``."""
    number = (length, length)
    known = (*number, *number, length) if version >= 2 else ()
    read = (length,) if version >= 2 else ()
    consumer = (string, fixed(16 if version >= 3 else 8), blocks(16))
    group = (string, *number, *read, repeated(fixed(24), length), repeated(*consumer))
    producers = (*number, strings(1, 16), *number) if version >= 4 else ()
    return sequence(strings(2), length, *number, *known, repeated(*group), *producers)


def module(window: Heads, position: int) -> int:
    """A module's value."""
    return module_parts(window, length(window, position))


def module_parts(window: Heads, position: int) -> int:
    """The parts of a module's value, to their end."""
    while True:
        kind, position = read_length(window, position)
        if kind == END:
            return position
        if kind not in _MODULE_PARTS:
            raise Broken(f"a module's value has a part of the unknown kind {kind}")
        position = _MODULE_PARTS[kind](window, position)


_MODULE_PARTS: dict[int, Step] = {
    SIGNED: length,
    UNSIGNED: length,
    FLOAT: fixed(4),
    DOUBLE: fixed(8),
    STRING: string,
}
