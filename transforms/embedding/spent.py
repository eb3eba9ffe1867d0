"""What a model that costs time or money was asked for."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spent:
    """What was asked of a costly model.

    Attributes:
        texts: Texts that it computed; those found in a cache do not count.
        tokens: Tokens that its server counted in them.
    """

    texts: int = 0
    tokens: int = 0


class Meter:
    """Adds up what several threads spend."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts = self._tokens = 0

    def add(self, texts: int, tokens: int) -> None:
        """Counts texts that were computed."""
        with self._lock:
            self._texts += texts
            self._tokens += tokens

    def take(self) -> Spent:
        """What was counted since this was last called."""
        with self._lock:
            spent = Spent(self._texts, self._tokens)
            self._texts = self._tokens = 0
            return spent
