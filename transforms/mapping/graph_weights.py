"""The weight of an edge: how strong a relationship says it is, less what its age has taken."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from transforms.mapping.graph_choices import EVERY, GraphMapping
from transforms.mapping.graph_times import read_time
from transforms.mapping.times import OUT_OF_RANGE

_MICROS_A_DAY = 86_400_000_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WeightPlan:
    """Where the weight of relationships stands among their values, and how it is read.

    Attributes:
        strength: The position of the property that tells it, or None.
        low: The value of that property which means 0.
        high: The value which means 1.
        age: The position of the property that tells the age, or None.
        half_life: In microseconds.
        as_of: The instant of the run.
        default: The weight where no property tells it.
    """

    strength: int | None
    low: float
    high: float
    age: int | None
    half_life: float
    as_of: int
    default: float

    def weight(self, values: Sequence[Any]) -> float:
        """The weight of a relationship with these values.

        ``w = min(1, max(0, (v − low) / (high − low)))``, or the default where v is missing or no
        number, or the range is empty; then ``w · 0.5 ^ (age / half_life)`` where the age is
        known, ``age = max(0, as_of − t)``. A range may run downwards: then small values are
        strong.
        """
        weight = self.default if self.strength is None else self._scaled(values[self.strength])
        since = None if self.age is None else read_time(values[self.age])
        if since is None or since == OUT_OF_RANGE:
            return weight
        left: float = 0.5 ** (max(0, self.as_of - since) / self.half_life)
        return weight * left

    def _scaled(self, value: Any) -> float:
        if type(value) not in (int, float) or math.isnan(value) or self.high == self.low:
            return self.default
        share: float = (value - self.low) / (self.high - self.low)
        return min(1.0, max(0.0, share))


def plan_weight(type_: str, keys: Sequence[str], mapping: GraphMapping) -> WeightPlan:
    """Decides for relationships of a type with these properties."""
    choices = mapping.choices
    low, high = _said(choices.weight_ranges, type_) or (0.0, 1.0)
    return WeightPlan(
        strength=_position(keys, _said(choices.weight_properties, type_)),
        low=low,
        high=high,
        age=_position(keys, _said(choices.age_properties, type_)),
        half_life=choices.half_life_days * _MICROS_A_DAY,
        as_of=mapping.as_of,
        default=choices.edge_weight,
    )


def _said(chosen: Mapping[str, T], type_: str) -> T | None:
    """What was said of the type, or of every type."""
    return chosen.get(type_, chosen.get(EVERY))


def _position(keys: Sequence[str], name: str | None) -> int | None:
    return keys.index(name) if name in keys else None
