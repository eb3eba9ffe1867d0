"""The one retry policy: transient errors again, with growing waits; everything else at once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from engram_store.errors import MigrationError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently to try again.

    Attributes:
        attempts: Tries in all.
        first_wait: Seconds before the second try; doubles from there, ± 25 %.
        longest_wait: The most seconds between two tries.
    """

    attempts: int = 5
    first_wait: float = 0.25
    longest_wait: float = 30.0

    def wait(self, attempt: int) -> float:
        """Seconds to wait after the given failed attempt (counted from 1)."""
        plain = min(self.first_wait * 2 ** (attempt - 1), self.longest_wait)
        return float(plain * random.uniform(0.75, 1.25))


DEFAULT_POLICY = RetryPolicy()
#: Where whoever calls tries again.
ONCE = RetryPolicy(attempts=1)


def retrying(
    call: Callable[[], T],
    policy: RetryPolicy = DEFAULT_POLICY,
    sleep: Callable[[float], object] = time.sleep,
) -> T:
    """Calls until it succeeds, fails for good, or the policy is used up.

    A target that names a time to wait (``retry_after``) is waited for without spending a try.

    Raises:
        MigrationError: The last error.
    """
    attempt = 1
    while True:
        try:
            return call()
        except MigrationError as error:
            told = error.retry_after
            if not error.retriable or (attempt >= policy.attempts and told is None):
                raise
            sleep(policy.wait(attempt) if told is None else told)
            attempt += told is None
