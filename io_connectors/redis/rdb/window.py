"""A file seen through a buffer that moves forward."""

from __future__ import annotations

import os
from collections.abc import Callable

from io_connectors.redis.rdb.broken import BrokenFile

#: Bytes that a window shows at once.
WINDOW_BYTES = 4 * 1024 * 1024

#: What is surely in the buffer behind ``limit``: an expiry, a type and the head of a string.
_MARGIN = 32


class Window:
    """The bytes from ``start`` to ``stop`` of a file, a part of them at a time.

    A position is an index into ``buffer``. Whoever is about to read a head (of a string, a
    length, an entry: less than 32 bytes) at a position behind ``limit`` calls ``move`` first. A
    position may lie far behind the buffer: that is how long strings are skipped.

    Args:
        file: The file's descriptor.
        start: Where the window begins.
        stop: Where the bytes end.
        size: Bytes to read at once.
        passed: Is given all bytes that are left behind, in order; without it they are not even
            read where they can be jumped over.

    Attributes:
        base: The buffer's offset in the file.
        buffer: The bytes that are shown.
        limit: The last position at which a head is surely whole in the buffer.
    """

    def __init__(
        self, file: int, start: int, stop: int, size: int, passed: Callable[[memoryview], None] | None = None
    ) -> None:
        self._file = file
        self._stop = stop
        self._size = size
        self._passed = passed
        self._handed = 0
        self._data = b""
        self.base = start
        self.buffer = b""
        self.limit = -_MARGIN
        self.move(0)

    def move(self, position: int) -> int:
        """Moves the window to a position.

        Returns:
            The position's new value.

        Raises:
            BrokenFile: It lies behind the end of the bytes.
        """
        missing = self.base + position - self._stop
        if missing > 0:
            raise BrokenFile(self._stop, f"the data end {missing} bytes too early")
        if self.base + len(self._data) < self._stop:
            self._leave(position)
            self._fill()
            position = 0
        return position

    def seek(self, position: int) -> int:
        """Moves if need be; see ``move``."""
        return self.move(position) if position > self.limit else position

    def hand_over(self, position: int) -> None:
        """Gives to ``passed`` what it has not been given of the buffer before a position."""
        if self._passed is not None:
            self._passed(memoryview(self._data)[self._handed : position])
        self._handed = position

    def _leave(self, position: int) -> None:
        while self._passed is not None and position > len(self._data):
            self.hand_over(len(self._data))
            position -= len(self._data)
            self.base += len(self._data)
            self._data = self._read(self.base)
            self._handed = 0
        self.hand_over(position)
        self._data = self._data[position:]
        self.base += position
        self._handed = 0

    def _fill(self) -> None:
        data = self._data
        while len(data) <= _MARGIN and self.base + len(data) < self._stop:
            data += self._read(self.base + len(data))
        self._data = data
        self.limit = len(data) - _MARGIN
        # A head that the end cuts short is read with zeros; the next move finds the end passed.
        ends = self.base + len(data) == self._stop
        self.buffer = data + bytes(_MARGIN) if ends else data

    def _read(self, offset: int) -> bytes:
        return read_at(self._file, offset, min(self._size, self._stop - offset))


def read_at(file: int, offset: int, size: int) -> bytes:
    """Exactly so many bytes of a file, which are known to be there.

    Raises:
        BrokenFile: The file has become shorter.
    """
    parts = []
    while size:
        part = os.pread(file, size, offset)
        if not part:
            raise BrokenFile(offset, "the file has become shorter while it was read")
        parts.append(part)
        offset += len(part)
        size -= len(part)
    return b"".join(parts)
