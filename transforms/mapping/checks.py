"""What a record's content must be before it can be a memory."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import orjson

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


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
        if "\\u" in content and _SURROGATE.search(content) and not _is_json(content):
            refused[position] = "its JSON holds half of a surrogate pair, which no UTF-8 text can say"
        elif len(content) > limit // 4 and (size := len(content.encode())) > limit:
            refused[position] = f"its content has {size:,} bytes, and the limit is {limit:,}"
    return refused


def _is_json(content: str) -> bool:
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return True
