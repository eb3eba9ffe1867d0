"""One entry of a dump file: a key with what stands in front of it, or something between keys."""

from __future__ import annotations

import sys
from struct import Struct

from io_connectors.redis.rdb import opcodes, skip
from io_connectors.redis.rdb.broken import Broken
from io_connectors.redis.rdb.dialect import Dialect
from io_connectors.redis.rdb.encodings import MODULE
from io_connectors.redis.rdb.lengths import behind_string, length_at, string_at
from io_connectors.redis.rdb.modules import module_name, type_name
from io_connectors.redis.rdb.skip import Heads
from io_connectors.redis.rows import KeyRow

_SECONDS = Struct("<i").unpack_from
_MILLISECONDS = Struct("<q").unpack_from
_FIRST_OPCODE = min(opcodes.REDIS)
#: Strings of fewer bytes begin with their length alone.
_LONG_STRING = 0x40

# Calling a class of named tuples takes longer, once for each key.
_new = tuple.__new__


class Held:
    """A buffer that never moves, for steps of ``skip`` over what may not be whole in it."""

    limit = sys.maxsize

    def __init__(self, buffer: bytes) -> None:
        self.buffer = buffer

    def move(self, position: int) -> int:
        """Stays."""
        return position


class Entries:
    """Decodes entries one by one.

    Args:
        dialect: The file's dialect.
        db: The database that is selected before the first entry.

    Attributes:
        db: The database that is selected now.
    """

    def __init__(self, dialect: Dialect, db: int) -> None:
        self.db = db
        self._opcodes = dialect.opcodes
        self._before_key = dialect.before_key
        self._decoders = {op: encoding.decode for op, encoding in dialect.encodings.items()}
        self._types = {op: encoding.type for op, encoding in dialect.encodings.items()}

    def entry_at(self, buffer: bytes, position: int) -> tuple[KeyRow | None, int]:
        """A key, or None for something between keys; see ``lengths`` about the buffer's end.

        Raises:
            Broken: The entry is broken; other ``FAULTS`` too.
        """
        op, expire_at = buffer[position], None
        if op >= _FIRST_OPCODE:
            expire_at, position = self._head_at(buffer, position)
            op = buffer[position]
            if op >= _FIRST_OPCODE:
                return None, self._between_keys(buffer, position)
        first, start = buffer[position + 1], position + 2
        if first < _LONG_STRING:
            position = start + first
            key = buffer[start:position]
        else:
            key, position = string_at(buffer, position + 1)
        value, position = self._decoders[op](buffer, position)
        return _new(KeyRow, (self.db, key, self._types[op], value, expire_at)), position

    def describe(self, buffer: bytes) -> tuple[bytes, str, int | None]:
        """Key, type and expiry of a whole entry whose value cannot be decoded.

        The key is as it is saved, if even that cannot be decoded.
        """
        expire_at, position = self._head_at(buffer, 0)
        start, kind = position + 1, buffer[position]
        position = behind_string(buffer, start)
        try:
            key, _ = string_at(buffer, start)
        except Broken:
            key = buffer[start:position]
        if kind == MODULE:
            return key, type_name(module_name(length_at(buffer, position)[0])[0]), expire_at
        return key, self._types[kind], expire_at

    def _head_at(self, buffer: bytes, position: int) -> tuple[int | None, int]:
        """The expiry in front of a key, and the position behind all that stands there."""
        expire_at = None
        while (op := buffer[position]) in self._before_key:
            if op == opcodes.EXPIRES_MS:
                expire_at = _MILLISECONDS(buffer, position + 1)[0]
                position += 9
            elif op == opcodes.EXPIRES_S:
                expire_at = _SECONDS(buffer, position + 1)[0] * 1000
                position += 5
            else:
                position = self._opcodes[op](Held(buffer), position + 1)
        return expire_at, position

    def _between_keys(self, buffer: bytes, position: int) -> int:
        op = buffer[position]
        if op == opcodes.SELECT_DB:
            self.db, position = length_at(buffer, position + 1)
            return position
        return self._opcodes[op](Held(buffer), position + 1)


def behind_entry(window: Heads, position: int, dialect: Dialect) -> int:
    """The position behind an entry, which itself need not be in the buffer.

    Raises:
        Broken: There is no such entry; other ``FAULTS`` too.
        BrokenFile: The window ends before the entry.
    """
    while True:
        if position > window.limit:
            position = window.move(position)
        op = window.buffer[position]
        if op in dialect.encodings:
            position = skip.string(window, position + 1)
            position = dialect.encodings[op].skip(window, position)
        elif op in dialect.opcodes:
            position = dialect.opcodes[op](window, position + 1)
        else:
            raise Broken(f"byte {op:#04x} begins no entry that version {dialect.version} has")
        if op not in dialect.before_key:
            return position
