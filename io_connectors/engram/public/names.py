"""Names that the public server takes, and the paths under which it is asked for them."""

from __future__ import annotations

import re
from collections.abc import Set
from urllib.parse import quote

from engram_store.errors import PreflightError

#: What the server holds of one space; beyond, it evicts without a word.
MOST_PER_SPACE = 100_000

_SPACE = re.compile(r"[a-z0-9_-]{3,64}")
#: Other routes of the server lie under these names, and a path cannot say `.` and `..`.
_NOT_FETCHED = frozenset(("search", "recall", "remember", "recognize", ".", ".."))
#: Percent-encoded, it stays within the 65,534 bytes that the server takes as an address.
_LONGEST_ID = 10_000


def check_space(name: str) -> None:
    """Refuses a space's name that the server would.

    Raises:
        PreflightError: It is not 3 to 64 characters of ``a-z 0-9 _ -``.
    """
    if not _SPACE.fullmatch(name):
        raise PreflightError(
            f"the Engram server cannot have a space `{name}`",
            why="it takes 3 to 64 characters of a-z, 0-9, _ and -; nothing was sent",
            suggestion="undo the run in its staging store, and give its memories another space",
            example="--memory-space another_name",
        )


def check_id(space: str, id: str) -> None:
    """Refuses an id that could be written but never fetched.

    Raises:
        PreflightError: It is empty, too long, or the name of another route.
    """
    if not id or id in _NOT_FETCHED or len(id.encode()) > _LONGEST_ID:
        raise PreflightError(
            f"the memory `{id[:80]}` of space `{space}` could never be fetched from the Engram server",
            why=f"an id must have 1 to {_LONGEST_ID:,} bytes, and not be one of"
            f" {', '.join(sorted(_NOT_FETCHED))}; nothing was sent",
            suggestion="let another property or column name it, or choose an embedded store as target",
        )


def check_continuations(space: str, continuations: Set[str], ids: Set[str]) -> None:
    """Refuses ids under which continuations of other memories would be kept.

    Raises:
        PreflightError: There are such.
    """
    for id in continuations & ids:
        raise PreflightError(
            f"the id `{id}` of space `{space}` is also that of another memory's continuation",
            why="a long memory goes on under its own id and `~part2`, `~part3` and so on; nothing was sent",
            suggestion="let another property or column name it, or choose an embedded store as target",
        )


def memory_path(id: str) -> str:
    """The path of a memory."""
    return f"/api/v1/memories/{quote(id, safe='')}"
