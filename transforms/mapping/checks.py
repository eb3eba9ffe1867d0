"""What a record's content must be before it can be a memory."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

#: A whole pair, or half of one (the group), or any other escape, so that ``\\ud800`` is none.
_ESCAPES = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)


def why_refused(contents: Sequence[str], limit: int) -> Mapping[int, str]:
    """Finds contents that no memory can hold.

    Args:
        contents: JSON texts.
        limit: Bytes that a content may have.

    Returns:
        Position → reason, for the refused ones only.
    """
    refused = {}
    for position, content in enumerate(contents):
        # One byte is found ten times as fast as two, and most contents have no escape at all.
        if "\\" in content and "\\u" in content and any(escape[1] for escape in _ESCAPES.finditer(content)):
            refused[position] = "its JSON holds half of a surrogate pair, which no UTF-8 text can say"
        elif len(content) > limit // 4 and (size := len(content.encode())) > limit:
            refused[position] = f"its content has {size:,} bytes, and the limit is {limit:,}"
    return refused
