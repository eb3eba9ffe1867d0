"""Times of records: which names promise one, and what a value says.

Servers, drivers and people write times as ISO 8601 text or as numbers since 1970; all become
whole microseconds since 1970, UTC. A time without a zone is taken as UTC, a date as its
midnight; what is finer than a microsecond is cut off.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache

#: Names of columns and properties that say when a record was made, in order of preference;
#: then when it was changed.
TIME_NAMES = (
    *("created_at", "created", "created_on", "creation_date", "create_date", "date_created"),
    *("inserted_at", "inserted_on", "createdat", "updated_at", "updated", "updated_on"),
    *("modified_at", "modified", "last_modified", "last_update", "updatedat"),
)

#: A time that was understood, but whose year no RFC 3339 text can say.
OUT_OF_RANGE = -(2**63)

_SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1)
_FIRST = -62_135_596_800 * _SECOND
_LAST = 253_402_300_800 * _SECOND - 1

# A zone's name follows its offset, and only explains it.
_ISO = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:[.,]([0-9]+))?(Z|[+-][0-9:]{2,8})?(?:\[[^\]]+\])?)?"
)
_OFFSET = re.compile(r"([+-])([0-9]{2})(?::?([0-9]{2})(?::?([0-9]{2}))?)?")
_FAR_YEAR = re.compile(r"(?:[+-][0-9]{4,}|0000)-[0-9]{2}-[0-9]{2}(?:[T ].*)?")


def time_of_text(text: str) -> int | None:
    """The moment that an ISO 8601 text, or a server's variant of it, says.

    Returns:
        Microseconds since 1970 UTC, ``OUT_OF_RANGE``, or None for a text that is no date or
        date and time.
    """
    found = _ISO.fullmatch(text)
    if found is None:
        return OUT_OF_RANGE if _FAR_YEAR.fullmatch(text) else None
    day, clock, fraction, offset = found.groups()
    try:
        since = datetime.fromisoformat(f"{day}T{clock}" if clock else day) - _EPOCH
        seconds = since.days * 86_400 + since.seconds - (_seconds(offset) if offset else 0)
    except ValueError:
        return OUT_OF_RANGE if day.startswith("0000") else None
    return _within(seconds * _SECOND + (int(f"{fraction}00000"[:6]) if fraction else 0))


@lru_cache(1000)
def _seconds(offset: str) -> int:
    """Seconds east of Greenwich: ``Z``, ``+01``, ``+0100``, ``+01:00``, ``+00:09:21``."""
    if offset == "Z":
        return 0
    found = _OFFSET.fullmatch(offset)
    if found is None:
        raise ValueError(offset)
    sign, hours, minutes, seconds = found.groups("0")
    return int(f"{sign}1") * (int(hours) * 3600 + int(minutes) * 60 + int(seconds))


def time_of_number(number: float) -> int | None:
    """The moment that a number since 1970 says, its unit told by its size.

    Seconds below 1e11, milliseconds below 1e14, else microseconds. Below 1e8 (March 1973 in
    seconds, and earlier in all units) it is more likely a year or a count, and no time.

    Returns:
        Microseconds since 1970 UTC, ``OUT_OF_RANGE``, or None.
    """
    if not 1e8 <= number < float("inf"):
        return None
    if number < 1e11:
        return _within(int(number * _SECOND))
    return _within(int(number * 1000) if number < 1e14 else int(number))


def _within(micros: int) -> int:
    return micros if _FIRST <= micros <= _LAST else OUT_OF_RANGE
