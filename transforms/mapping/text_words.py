"""Which names promise text, and how much of it is embedded."""

from __future__ import annotations

import re
from functools import lru_cache

#: Characters of text that are embedded; the content itself is never cut.
TEXT_LIMIT = 32_768

#: A property or field is read as text if its name ends in one of these words, also in the plural:
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
#: The rank of a name that promises no text.
NO_TEXT = len(TEXT_WORDS)

# PascalCase, camelCase, CAPITALS and anything between letters part words; digits count for nothing.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+")


@lru_cache(10_000)
def rank(name: str) -> int:
    """The place of a property in a text, by the last word of its name; ``NO_TEXT`` if it is none."""
    words = _WORD.findall(name)
    word = words[-1].lower() if words else ""
    singular = (word, word.removesuffix("s"), word.removesuffix("es"), word.removesuffix("ies") + "y")
    return min(_RANKS.get(form, NO_TEXT) for form in singular)
