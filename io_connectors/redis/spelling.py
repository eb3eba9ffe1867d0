"""Names that Redis holds as bytes, spelled as text: printable, reversible, and no two alike.

Text stands as it is. A byte that is not UTF-8, or is a control character, becomes ``%`` and two
capital hexadecimal digits; a ``%`` becomes ``%25`` where it would otherwise read as one of these,
or as ``PART``.
"""

from __future__ import annotations

import re

#: Stands between the spelled name of a key and that of its part; in no spelled name.
PART = "%#"

# Bytes that are not UTF-8 are decoded to U+DC80 … U+DCFF, whose last eight bits are the byte.
_ESCAPED = re.compile(r"[\x00-\x1f\x7f\udc80-\udcff]|%(?=[0189A-F][0-9A-F]|25|7F|#)")

_SPELLED = re.compile(b"%([0189A-F][0-9A-F]|25|7F)")


def spelled(name: bytes) -> str:
    """A key's, field's or member's name as text; see the module."""
    text = name.decode(errors="surrogateescape")
    # Nearly all names are of this kind; the search takes four times as long.
    if text.isprintable() and "%" not in text:
        return text
    return _ESCAPED.sub(_escape, text)


def unspelled(text: str) -> bytes:
    """The name that ``spelled`` spelled so."""
    return _SPELLED.sub(lambda found: bytes((int(found[1], 16),)), text.encode())


def _escape(found: re.Match[str]) -> str:
    return f"%{ord(found[0]) & 0xFF:02X}"
