"""What the decoders raise inside the codec; its callers turn it into errors of the tree."""

from __future__ import annotations

import struct

_LONGEST_REASON = 300


class Broken(ValueError):
    """Bytes that are not what the format says; the text is the reason."""


class BrokenFile(Exception):
    """A place from which on a file cannot be read.

    Args:
        offset: Where, in bytes from the file's start.
        reason: Why.
    """

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"byte {offset}: {reason}")
        self.offset = offset
        self.reason = reason


#: What a decoder raises on bytes that are broken (``Broken`` is a ValueError) or end too early.
FAULTS = (ValueError, LookupError, OverflowError, struct.error)


def reason_of(fault: Exception) -> str:
    """The reason to show for one of ``FAULTS``, which may quote a value of any length."""
    if isinstance(fault, LookupError | struct.error):
        return "the value claims more bytes than it has"
    return str(fault)[:_LONGEST_REASON]
