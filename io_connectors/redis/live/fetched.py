"""What fetching a key can come to."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from io_connectors.redis.rows import KeyRow


class Gone(NamedTuple):
    """A key that expired, or was deleted, after it was listed.

    Attributes:
        key: Its name.
    """

    key: bytes


class Refused(NamedTuple):
    """A key whose value the server does not hand out, or that nobody but its module can read.

    Attributes:
        key: Its name.
        type: Its type, as far as it is known.
        reason: Why it cannot be read.
        suggestion: What to do about it.
    """

    key: bytes
    type: str
    reason: str
    suggestion: str


Fetched: TypeAlias = "KeyRow | Gone | Refused"
