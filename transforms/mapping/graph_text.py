"""Which properties of a node are read as text, and that text: ``title: The Matrix | tagline: …``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from io_connectors.neo4j.rows import TEMPORAL
from transforms.mapping.text_words import NO_TEXT, TEXT_LIMIT, rank


@dataclass(frozen=True, slots=True)
class TextPlan:
    """Where the text of a node stands among its values.

    Attributes:
        parts: Positions of properties, and how each is introduced.
        chosen: Whether the user named them, so that numbers and times count as well.
    """

    parts: tuple[tuple[int, str], ...]
    chosen: bool

    def text(self, values: Sequence[Any]) -> str | None:
        """The text of a node with these values, or None if it has none."""
        spelled = _spelled if self.chosen else _words
        parts = [intro + text for position, intro in self.parts if (text := spelled(values[position]))]
        return " | ".join(parts)[:TEXT_LIMIT] or None


def plan_text(labels: Sequence[str], keys: Sequence[str], chosen: Mapping[str, tuple[str, ...]]) -> TextPlan:
    """Decides for nodes with these labels and properties.

    Args:
        labels: Their labels, the primary one first: the first that the user spoke of counts.
        keys: The names of their properties.
        chosen: What the user said: label → names of properties.
    """
    names = next((chosen[label] for label in labels if label in chosen), None)
    if names is None:
        wordy = sorted((rank(key), key) for key in keys if rank(key) < NO_TEXT)
        return TextPlan(tuple((keys.index(key), f"{key}: ") for _, key in wordy), False)
    return TextPlan(tuple((keys.index(name), f"{name}: ") for name in names if name in keys), True)


def _words(value: Any) -> str:
    """A text, or texts of a list; nothing for what is neither."""
    if type(value) is str:
        return "" if value.isspace() else value
    if type(value) is list:
        return ", ".join(filter(None, map(_words, value)))
    return ""


def _spelled(value: Any) -> str:
    """The same, of numbers, booleans and times too; points, bytes and vectors say nothing in words."""
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) in (int, float):
        return str(value)
    if type(value) is dict:
        return str(value[TEMPORAL])
    if type(value) is list:
        return ", ".join(filter(None, map(_spelled, value)))
    return _words(value)
