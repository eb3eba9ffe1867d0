"""Bytes that Redis holds, as the text that they are, if they are any."""

from __future__ import annotations

import re

from transforms.mapping.tagged import tagged_bytes

# Line breaks, tabs and the escapes of terminals stand in texts; HyperLogLogs and bitmaps have others.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")


def text_of(value: bytes) -> str | None:
    """The text that bytes are, or None for bytes that are none.

    Text is UTF-8 without control characters other than tab, line feed, form feed, carriage
    return and escape.
    """
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() or not _CONTROL.search(text) else None


def json_text(value: bytes) -> str | dict[str, str]:
    """Bytes as text, or tagged."""
    text = text_of(value)
    return tagged_bytes(value) if text is None else text
