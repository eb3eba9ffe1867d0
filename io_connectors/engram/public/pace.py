"""How long the public server will take: it compares each new memory with all that a space holds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Sizes = npt.NDArray[np.float64]

#: Memories in a space, and milliseconds a write then takes: seen on version 0.1.0 with two cores.
_HELD = (300, 3_000, 6_000, 8_700, 17_600)
_MILLISECONDS = (1.1, 3.3, 12.7, 19.6, 31.3)
_STEPS = 64


def seconds_for(new: Mapping[str, int], held: Mapping[str, int]) -> float:
    """Roughly how long writing takes.

    Args:
        new: Memories to write, by space.
        held: Memories that are there, by space.
    """
    return sum(_seconds(held.get(space, 0), count) for space, count in new.items())


def _seconds(held: int, new: int) -> float:
    sizes = held + (np.arange(_STEPS) + 0.5) / _STEPS * new
    return float(_milliseconds(sizes).mean()) * new / 1000


def _milliseconds(sizes: Sizes) -> Sizes:
    """Between the measured points on a line, beyond the last in proportion."""
    beyond = np.maximum(1.0, sizes / _HELD[-1])
    took: Sizes = np.interp(sizes, _HELD, _MILLISECONDS) * beyond
    return took
