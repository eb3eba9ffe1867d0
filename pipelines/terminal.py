"""Printing what came from a source: a name or a value must not steer the terminal."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable
from typing import Any, TextIO

# Controls (Cc) move the cursor and change the screen; formats (Cf) turn the reading direction.
_STEERING = ("Cc", "Cf")
#: Joins the parts of emoji and of some scripts' letters.
_JOINERS = "\u200c\u200d"
_WIDTH, _QUOTED_WIDTH = 400, 120


def say(lines: Iterable[str], file: TextIO | None = None) -> None:
    """Prints lines, with the control characters in them escaped.

    Args:
        lines: Without line ends; those within a line are escaped too.
        file: Where to; standard output, if it is not given.
    """
    print("\n".join(map(escaped, lines)), file=file or sys.stdout)


def escaped(line: str) -> str:
    r"""A line without control characters.

    >>> escaped("a\x1b[2Jb\n\u202ec é 漢")
    'a\\x1b[2Jb\\n\\u202ec é 漢'
    """
    if line.isprintable():
        return line
    return "".join(map(_shown, line))


def shortened(text: str, width: int = _WIDTH) -> str:
    """A text on one line, cut at a width.

    >>> shortened("a  b c d", 5)
    'a b …'
    """
    plain = " ".join(text.split())
    return plain if len(plain) <= width else plain[: width - 1] + "…"


def quoted(value: Any) -> str:
    """A value as it is told in a sentence, numbers with all digits of a 32-bit float."""
    text = f"{value:.9g}" if isinstance(value, float) else str(value)
    return f"`{text if len(text) <= _QUOTED_WIDTH else text[: _QUOTED_WIDTH - 1] + '…'}`"


def _shown(character: str) -> str:
    if unicodedata.category(character) not in _STEERING or character in _JOINERS or character == "\t":
        return character
    return character.encode("unicode_escape").decode()
