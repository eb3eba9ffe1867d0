"""When keys expire, as the server tells it.

Redis 7.0 tells the time itself; older servers tell how much is left. Added to their clock, asked
in the same exchange, that is at most a millisecond off where the two are not the same one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hiredis

from io_connectors.redis.live.wire import Command

#: In place of a time: the key is not there.
NOT_THERE = -2
_STAYS = -1


def expiry_commands(keys: Sequence[bytes], absolute: bool) -> list[Command]:
    """What to ask: with ``absolute`` for the times themselves; the replies are for ``clock_and_expiries``."""
    if absolute:
        return [("PEXPIRETIME", key) for key in keys]
    return [("TIME",), *(("PTTL", key) for key in keys)]


def clock_and_expiries(replies: Sequence[Any], absolute: bool) -> tuple[int, Sequence[Any]]:
    """The clock that what the server told is counted from, and what it told of each key.

    Raises:
        hiredis.ReplyError: The server does not tell its clock.
    """
    return (0, replies) if absolute else (milliseconds(replies[0]), replies[1:])


def expire_at(clock: int, told: Any) -> int | None:
    """Milliseconds since 1970, None for a key that stays, or ``NOT_THERE``.

    Raises:
        hiredis.ReplyError: The server refused.
    """
    if isinstance(told, hiredis.ReplyError):
        raise told
    if told < 0:
        return None if told == _STAYS else NOT_THERE
    return int(clock + told)


def milliseconds(time: Any) -> int:
    """The reply to TIME, in milliseconds since 1970.

    Raises:
        hiredis.ReplyError: It is a refusal.
    """
    if isinstance(time, hiredis.ReplyError):
        raise time
    seconds, micros = time
    return int(seconds) * 1000 + int(micros) // 1000
