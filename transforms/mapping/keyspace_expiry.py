"""Times to live: what had expired, what is left of the others, and the decay that this means."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast

import numpy as np

from io_connectors.redis.rows import HASH, HashField, KeyRow
from transforms.mapping.keyspace_choices import KeyspaceMapping

_EPOCH = datetime(1970, 1, 1)
#: The milliseconds of the years 1 to 9999.
_SAYABLE = range(-62_135_596_800_000, 253_402_300_800_000)
_MILLIS_AN_HOUR = 3_600_000


def still_there(rows: Sequence[KeyRow], as_of: int) -> list[KeyRow]:
    """The keys that a server would still show, without the fields that it would not.

    A hash goes with the last of its fields.

    Args:
        rows: Keys.
        as_of: Milliseconds since 1970.
    """
    there = [row for row in rows if row.expire_at is None or row.expire_at > as_of]
    shown = [_with_lasting_fields(row, as_of) if row.type == HASH else row for row in there]
    return [row for row in shown if row is not None]


def decay_of(expire_at: int | None, mapping: KeyspaceMapping) -> float:
    """The decay rate, per hour, of what expires at a time.

    ``1 / (ttl_s / 3600)``, as if what is left of the time to live were the time in which the
    activation falls to 1/e; the chosen rate for what stays, or if times to live are not to count.
    """
    if expire_at is None or not mapping.choices.ttl_as_decay:
        return mapping.choices.decay_rate
    return _MILLIS_AN_HOUR / (expire_at - mapping.as_of)


def earliest(*times: int | None) -> int | None:
    """The first of the times at which something goes, or None if it stays."""
    return min((time for time in times if time is not None), default=None)


def moment(millis: int | None) -> str | int | None:
    """A time in RFC 3339, UTC; as the number that it is where its year is beyond 9999."""
    if millis is None:
        return None
    try:
        return (_EPOCH + timedelta(milliseconds=millis)).isoformat(timespec="milliseconds") + "Z"
    except OverflowError:
        return millis


def moments(times: Sequence[int | None]) -> list[str | int | None]:
    """Each of many times as ``moment`` gives it, in a sixth of the time."""
    known = [time for time in times if time is not None]
    if any(time not in _SAYABLE for time in known):
        return [moment(time) for time in times]
    texts = np.datetime_as_string(np.array(known, "datetime64[ms]"), timezone="UTC")
    said = iter(texts.tolist())
    return [None if time is None else next(said) for time in times]


def _with_lasting_fields(row: KeyRow, as_of: int) -> KeyRow | None:
    fields = cast("list[HashField]", row.value)
    lasting = [field for field in fields if field[2] is None or field[2] > as_of]
    if len(lasting) == len(fields):
        return row
    return row._replace(value=lasting) if lasting else None
