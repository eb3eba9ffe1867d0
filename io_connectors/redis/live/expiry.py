"""When keys expire, as the server tells it.

Redis 7.0 tells the time itself. Older servers tell how much is left, which is added to their clock:
both are asked for in one exchange, and again where a millisecond has ended in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import hiredis

from io_connectors.redis.live.wire import Command, Wire

#: In place of a time: the key stays, or is not there.
_STAYS, NOT_THERE = -1, -2

#: Keys between two looks at the clock: about 20 µs.
_GROUP = 20
#: After that many attempts a time may be a millisecond too late or too early.
_ATTEMPTS = 5


def expiry_commands(keys: Sequence[bytes]) -> list[Command]:
    """What to ask a server of Redis 7.0 or newer; the replies are for ``expire_at``."""
    return [("PEXPIRETIME", key) for key in keys]


def expire_at(told: Any) -> int | None:
    """Milliseconds since 1970, None for a key that stays, or ``NOT_THERE``.

    Raises:
        hiredis.ReplyError: The server refused.
    """
    if isinstance(told, hiredis.ReplyError):
        raise told
    return None if told == _STAYS else int(told)


def told_by_clock(wire: Wire, keys: Sequence[bytes]) -> list[Any]:
    """What ``expiry_commands`` would be told, of a server that does not know them.

    Raises:
        hiredis.ReplyError: The server does not tell its clock.
    """
    told: dict[bytes, Any] = {}
    asked = list(keys)
    for _ in range(_ATTEMPTS):
        again = []
        for before, after, left in _groups(wire, asked):
            for key, reply in left:
                expires = isinstance(reply, int) and reply >= 0
                told[key] = before + reply if expires else reply
                if expires and before != after:
                    again.append(key)
        if not again:
            break
        asked = again
    return [told[key] for key in keys]


def _groups(wire: Wire, keys: Sequence[bytes]) -> Iterator[tuple[int, int, Iterator[tuple[bytes, Any]]]]:
    """The clock before and after some keys, with what is left of each."""
    starts = range(0, len(keys), _GROUP)
    commands: list[Command] = [("TIME",)]
    for start in starts:
        commands += [*(("PTTL", key) for key in keys[start : start + _GROUP]), ("TIME",)]
    replies = iter(wire.exchange(commands))
    before = milliseconds(next(replies))
    for start in starts:
        group = keys[start : start + _GROUP]
        left = [next(replies) for _ in group]
        after = milliseconds(next(replies))
        yield before, after, zip(group, left, strict=True)
        before = after


def milliseconds(time: Any) -> int:
    """The reply to TIME, in milliseconds since 1970.

    Raises:
        hiredis.ReplyError: It is a refusal.
    """
    if isinstance(time, hiredis.ReplyError):
        raise time
    seconds, micros = time
    return int(seconds) * 1000 + int(micros) // 1000
