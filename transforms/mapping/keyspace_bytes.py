"""Bytes that Redis holds, as the text that they are, if they are any.

Text is UTF-8 without control characters other than tab, line feed, form feed, carriage return and
escape.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from transforms.mapping.tagged import tagged_bytes

#: A text, or bytes that are none, tagged.
JsonText: TypeAlias = "str | dict[str, str]"

# Line breaks, tabs and the escapes of terminals stand in texts; HyperLogLogs and bitmaps have others.
_IN_TEXTS = b"\t\n\f\r\x1b"
_CONTROL = bytes(byte for byte in (*range(0x20), 0x7F) if byte not in _IN_TEXTS)

# Stands between texts that are decoded together: the rarest of what may stand in one.
_BETWEEN = "\f"
_BETWEEN_BYTES = _BETWEEN.encode()


def json_text(value: bytes) -> JsonText:
    """Bytes as text, or tagged."""
    if value.translate(None, _CONTROL) == value:
        try:
            return value.decode()
        except UnicodeDecodeError:
            pass
    return tagged_bytes(value)


def json_texts(values: Sequence[bytes]) -> Sequence[JsonText]:
    """Each of many bytes as ``json_text`` gives it; decoded as one where all of them are text."""
    together = json_text(_BETWEEN_BYTES.join(values))
    texts = together.split(_BETWEEN) if isinstance(together, str) else []
    return texts if len(texts) == len(values) else [json_text(value) for value in values]
