"""What the index pass finds: spans that can be decoded alone, and numbers of keys."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

_DIGEST_BYTES = 16


class Span(NamedTuple):
    """A part of a file that can be decoded alone.

    Attributes:
        start: The offset of its first byte.
        stop: The offset of the first byte behind it.
        db: The database that is selected at its start.
        keys: Keys in it.
        digest: BLAKE2b of its bytes, 16 bytes as hex.
    """

    start: int
    stop: int
    db: int
    keys: int
    digest: str


@dataclass(slots=True)
class Tally:
    """Keys of one database.

    Attributes:
        types: Type → keys. Types are named as in ``KeyRow``; those of modules as the module does.
        expiring: Keys with an expiry.
    """

    types: Counter[str] = field(default_factory=Counter)
    expiring: int = 0


def new_digest() -> hashlib.blake2b:
    """The digest of no bytes, to be updated with those of a span."""
    return hashlib.blake2b(digest_size=_DIGEST_BYTES)
