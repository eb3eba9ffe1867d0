r"""Redis's glob patterns, as ``KEYS`` and ``SCAN … MATCH`` understand them.

``*`` is any bytes, ``?`` any byte, ``[a-c]`` and ``[^a-c]`` one of some bytes or of all others, and
``\`` takes the next byte as it is. All is bytes: ``?`` is half of an ``é``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache


@lru_cache(1000)
def glob(pattern: str) -> re.Pattern[bytes]:
    """A pattern as a regular expression, whose ``fullmatch`` says whether a key matches."""
    expression = b"".join(_parts(pattern.encode(errors="surrogateescape")))
    return re.compile(expression, re.DOTALL)


def _parts(pattern: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(pattern):
        byte, at = pattern[at : at + 1], at + 1
        if byte == b"*":
            at = len(pattern) - len(pattern[at:].lstrip(b"*"))
            yield b".*"
        elif byte == b"?":
            yield b"."
        elif byte == b"[":
            expression, at = _class(pattern, at)
            yield expression
        else:
            if byte == b"\\" and at < len(pattern):
                byte, at = pattern[at : at + 1], at + 1
            yield re.escape(byte)


def _class(pattern: bytes, at: int) -> tuple[bytes, int]:
    """The class that begins behind a ``[``, and where the pattern goes on.

    As in Redis, a class without ``]`` ends with the pattern, a range may be written downwards,
    and a class may be empty.
    """
    others = pattern[at : at + 1] == b"^"
    at += others
    members: set[int] = set()
    while at < len(pattern) and pattern[at : at + 1] != b"]":
        if pattern[at : at + 1] == b"\\" and at + 1 < len(pattern):
            members.add(pattern[at + 1])
            at += 2
        elif pattern[at + 1 : at + 2] == b"-" and at + 2 < len(pattern):
            low, high = sorted((pattern[at], pattern[at + 2]))
            members.update(range(low, high + 1))
            at += 3
        else:
            members.add(pattern[at])
            at += 1
    allowed = set(range(256)) - members if others else members
    expression = b"[" + b"".join(b"\\x%02x" % byte for byte in sorted(allowed)) + b"]"
    return (expression if allowed else b"(?!)"), at + 1
