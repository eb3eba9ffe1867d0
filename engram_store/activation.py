"""How activation fades."""

from __future__ import annotations

import math

_SECONDS_AN_HOUR = 3600.0


def activation_at(activation: float, decay_rate: float, written: float, moment: float) -> float:
    """The activation at a moment: exponential forgetting, ``a · exp(−decay_rate · hours)``.

    The form is that of the exponential forgetting curve R = e^(−t/S) (after Ebbinghaus, 1885);
    ``decay_rate`` is 1/S. An activation holds as of the run's ``started_at``; before that it
    does not grow.

    Args:
        activation: 0 to 1, as of ``written``.
        decay_rate: Per hour.
        written: When the run started, Unix seconds.
        moment: When it is asked for, Unix seconds.
    """
    hours = max(0.0, moment - written) / _SECONDS_AN_HOUR
    return activation * math.exp(-decay_rate * hours)
