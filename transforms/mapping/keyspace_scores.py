"""Scores of a zset as activations."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite, isinf, isnan


def activations(scores: Sequence[float], default: float) -> list[float]:
    """The scores of one zset, brought to [0, 1].

    ``(score − min) / (max − min)`` over the finite scores; 1 for +inf and 0 for −inf; the
    default for NaN, and for all finite ones where these are all the same.
    """
    finite = [score for score in scores if isfinite(score)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    # The distance of two doubles may be no double any more; that of their halves is.
    scale = 0.5 if isinf(high - low) else 1.0
    return [_share(score * scale, low * scale, high * scale, default) for score in scores]


def _share(score: float, low: float, high: float, default: float) -> float:
    if isinf(score):
        return 1.0 if score == inf else 0.0
    return default if isnan(score) or low == high else (score - low) / (high - low)
