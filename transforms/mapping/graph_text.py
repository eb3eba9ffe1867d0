"""Which properties of a node are read as text, and that text: ``title: The Matrix | tagline: …``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from io_connectors.neo4j.rows import TEMPORAL

#: Characters of text that are embedded; the content itself is never cut.
TEXT_LIMIT = 32_768

#: A property is read as text if its name ends in one of these words, also in the plural:
#: ``name``, ``productName``, ``prefLabel``, ``review_texts``, ``comment 2``. In the order in which
#: the text has them: what a thing is called, what is said of it, how it is sorted.
TEXT_WORDS = (
    *("title", "name", "label", "alias", "headline", "heading", "subject", "subtitle", "tagline"),
    *("slogan", "motto", "caption", "summary", "abstract", "overview", "synopsis", "excerpt", "snippet"),
    *("description", "desc", "definition", "explanation", "about", "bio", "biography", "profile"),
    *("content", "text", "body", "story", "plot", "article", "chapter", "paragraph", "passage"),
    *("sentence", "statement", "lyric", "transcript", "quote", "quotation", "question", "answer"),
    *("message", "comment", "note", "remark", "review", "feedback", "opinion", "reason", "instruction"),
    *("keyword", "topic", "theme", "genre", "category", "tag"),
)

_RANKS = {word: rank for rank, word in enumerate(TEXT_WORDS)}
_LAST = len(TEXT_WORDS)

# PascalCase, camelCase, CAPITALS and anything between letters part words; digits count for nothing.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+")


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
        wordy = sorted((rank(key), key) for key in keys if rank(key) < _LAST)
        return TextPlan(tuple((keys.index(key), f"{key}: ") for _, key in wordy), False)
    return TextPlan(tuple((keys.index(name), f"{name}: ") for name in names if name in keys), True)


@lru_cache(10_000)
def rank(name: str) -> int:
    """The place of a property in a text, by the last word of its name; past all words for no text."""
    words = _WORD.findall(name)
    word = words[-1].lower() if words else ""
    singular = (word, word.removesuffix("s"), word.removesuffix("es"), word.removesuffix("ies") + "y")
    return min(_RANKS.get(form, _LAST) for form in singular)


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
