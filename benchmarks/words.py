"""Made-up texts whose words are as frequent as those of natural language."""

from __future__ import annotations

import random

from transforms.embedding.stopwords import STOP_WORDS

_LETTERS = "eeeeettttaaaooiinnsshhrrddllcumwfgypbvkjxqz"
_WORDS = 20_000
_STOP_WORD_SHARE = 0.4


class Vocabulary:
    """20,000 made-up words, of which sentences are made.

    Args:
        rng: Decides the words and all sentences.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._stop_words = sorted(STOP_WORDS)
        self._words = [word(rng) for _ in range(_WORDS)]
        self._odds = [1 / rank for rank in range(1, _WORDS + 1)]

    def sentences(self, count: int, tokens: int) -> list[str]:
        """Sentences of two fifths stop words."""
        rng = self._rng
        drawn = iter(rng.choices(self._words, self._odds, k=count * tokens))
        sentence = range(tokens)
        return [
            " ".join(
                rng.choice(self._stop_words) if rng.random() < _STOP_WORD_SHARE else next(drawn)
                for _ in sentence
            )
            + "."
            for _ in range(count)
        ]


def word(rng: random.Random, length: int = 0) -> str:
    """A word of so many letters, or of 3 to 9."""
    return "".join(rng.choices(_LETTERS, k=length or rng.randint(3, 9)))
