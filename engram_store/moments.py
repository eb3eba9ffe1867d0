"""Moments: as Unix seconds for reckoning, as RFC 3339 for people."""

from __future__ import annotations

import time
from datetime import datetime, timezone

import numpy as np


def seconds(at: datetime | None) -> float:
    """A moment in Unix seconds; now, if it is not given."""
    return time.time() if at is None else at.timestamp()


def rfc3339(microseconds: int | None) -> str | None:
    """A moment, in microseconds since 1970 UTC, as RFC 3339 text."""
    if microseconds is None:
        return None
    return f"{np.datetime64(microseconds, 'us')}".removesuffix(".000000") + "Z"


def unix_seconds(stamp: object) -> float:
    """A moment as a manifest has it, RFC 3339 text or Unix seconds, in Unix seconds.

    Raises:
        ValueError: It is none.
    """
    if isinstance(stamp, (int, float)):
        return float(stamp)
    parsed = datetime.fromisoformat(str(stamp).replace("Z", "+00:00"))
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)).timestamp()
