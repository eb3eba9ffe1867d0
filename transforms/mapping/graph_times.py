"""When a node or relationship was made, by one of its properties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from io_connectors.neo4j.rows import TEMPORAL
from transforms.mapping.graph_choices import EVERY
from transforms.mapping.times import OUT_OF_RANGE, TIME_NAMES, time_of_number, time_of_text

# createdAt is created_at: a graph's names are in camelCase more often than not.
_RANKS = {name.replace("_", ""): rank for rank, name in reversed(list(enumerate(TIME_NAMES)))}


@dataclass(frozen=True, slots=True)
class TimePlan:
    """Where the time stands among a record's values.

    Attributes:
        positions: The properties to look at, one after the other.
        chosen: Whether the user named the one; then it is an omission if it tells no time.
    """

    positions: tuple[int, ...]
    chosen: bool

    def time(self, values: Sequence[Any]) -> int | None:
        """Microseconds since 1970, None, or ``OUT_OF_RANGE`` for a time that must be left out."""
        for position in self.positions:
            found = read_time(values[position])
            if found is not None:
                return found
        return OUT_OF_RANGE if self.chosen else None


def plan_time(names: Sequence[str], keys: Sequence[str], chosen: Mapping[str, str]) -> TimePlan:
    """Decides for records with these names and properties.

    The property that the user named, if the record has it; else those whose names promise a
    time, in the order of ``TIME_NAMES``.

    Args:
        names: Labels, the primary one first, or the type.
        keys: The names of their properties.
        chosen: What the user said: label, type or ``*`` → name of a property.
    """
    for name in (*names, EVERY):
        if chosen.get(name) in keys:
            return TimePlan((keys.index(chosen[name]),), True)
    promising = {key: _RANKS[plain] for key in keys if (plain := key.replace("_", "").lower()) in _RANKS}
    return TimePlan(tuple(keys.index(key) for key in sorted(promising, key=promising.__getitem__)), False)


def read_time(value: Any) -> int | None:
    """The moment that a property's value says; see ``transforms.mapping.times``."""
    if type(value) is dict:
        return time_of_text(value[TEMPORAL])
    if type(value) is str:
        return time_of_text(value)
    return time_of_number(value) if type(value) in (int, float) else None
