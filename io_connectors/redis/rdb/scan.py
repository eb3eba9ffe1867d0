"""One sequential pass over a dump file: where its keys are, how many, and whether it is whole."""

from __future__ import annotations

from struct import Struct

from io_connectors.redis.rdb import opcodes, skip
from io_connectors.redis.rdb.broken import FAULTS, Broken, BrokenFile, reason_of
from io_connectors.redis.rdb.crc import crc64
from io_connectors.redis.rdb.dialect import CHECKSUM_BYTES, MAGIC_BYTES, Dialect, dialect_of
from io_connectors.redis.rdb.encodings import MODULE
from io_connectors.redis.rdb.lengths import behind_string, length_at, strings_at
from io_connectors.redis.rdb.modules import module_name, type_name
from io_connectors.redis.rdb.spans import Span, Tally, new_digest
from io_connectors.redis.rdb.window import WINDOW_BYTES, Window, read_at

_CHECKSUM = Struct("<Q").unpack
_BYTES = 256


class Scan:
    """A pass over a file; what it has found so far is in its attributes, also after an error.

    Args:
        file: The file's descriptor.
        size: Its size.
        window: Bytes to read at once.
        span_keys: Keys a span at most.
        span_bytes: Bytes behind which a span ends with the key that it is at.

    Attributes:
        magic: The file's first nine bytes.
        spans: The spans, all of whole keys.
        databases: Database → its keys.
        announced: Database → keys that the server said it would write, since Redis 3.2.
        aux: What the server tells of itself and of the dump.
        functions: Libraries of functions.
        module_data: Pieces of data that belong to modules, not to keys.
        whole: The offset behind the last whole entry.
        ended: Whether the opcode that ends a file was found.
        stop: The offset behind the dump, or the file's size as long as that is not known.
        checked: Whether there was a checksum, and it was right.
    """

    def __init__(self, file: int, size: int, window: int, span_keys: int, span_bytes: int) -> None:
        self.magic = b""
        self.spans: list[Span] = []
        self.databases: dict[int, Tally] = {}
        self.announced: dict[int, int] = {}
        self.aux: dict[str, str] = {}
        self.functions = 0
        self.module_data = 0
        self.whole = 0
        self.stop = size
        self.ended = False
        self.checked = False
        self._file = file
        self._size = size
        self._span_keys = self._missing = span_keys
        self._span_bytes = span_bytes
        self._names: dict[int, str] = {}
        self._db = self._start = self._start_db = 0
        self._checksum = 0
        self._digest = new_digest()
        self._window = Window(file, 0, size, window, self._passed)

    def run(self) -> None:
        """Reads the file to its end.

        Raises:
            BrokenFile: It ends too early, cannot be understood, or is not what its checksum says.
        """
        try:
            self.magic = read_at(self._file, 0, min(MAGIC_BYTES, self._size))
            dialect = dialect_of(self.magic)
            self._footer(dialect, self._entries(dialect))
        except FAULTS as fault:
            raise BrokenFile(self.whole, reason_of(fault)) from fault

    def close_span(self) -> None:
        """Ends the last span behind the last whole key, after an error."""
        if self._missing < self._span_keys:
            self._digest = new_digest()
            for offset in range(self._start, self.whole, WINDOW_BYTES):
                size = min(WINDOW_BYTES, self.whole - offset)
                self._digest.update(read_at(self._file, offset, size))
            self._add_span(self.whole)

    def _passed(self, data: memoryview) -> None:
        self._checksum = crc64(data, self._checksum)
        self._digest.update(data)

    def _entries(self, dialect: Dialect) -> int:
        """Passes all entries, to the position behind the opcode that ends them."""
        encodings = dialect.encodings
        steps = [encodings[op].skip if op in encodings else None for op in range(_BYTES)]
        steps[MODULE] = self._module
        self._names = {op: encoding.type for op, encoding in encodings.items() if op != MODULE}
        position = self._window.seek(MAGIC_BYTES)
        while True:
            self._begin(position)
            position = self._keys(dialect, steps, position)
            op = self._window.buffer[position]
            if op == opcodes.END:
                self._cut(position)
                return position + 1
            if op not in dialect.opcodes:
                raise Broken(f"byte {op:#04x} begins no entry that version {dialect.version} has")
            position = self._between_keys(op, dialect.opcodes[op], position + 1)

    def _begin(self, position: int) -> None:
        """Begins the span behind what stands in front of its first key."""
        self.whole = self._window.base + position
        if self._missing == self._span_keys:
            self._window.hand_over(position)
            self._digest = new_digest()
            self._start, self._start_db = self.whole, self._db

    def _cut(self, position: int) -> None:
        """Ends the span at a position, if it has keys."""
        self._window.hand_over(position)
        if self._missing < self._span_keys:
            self._add_span(self._window.base + position)

    def _add_span(self, stop: int) -> None:
        keys = self._span_keys - self._missing
        self.spans.append(Span(self._start, stop, self._start_db, keys, self._digest.hexdigest()))
        self._digest = new_digest()
        self._start, self._start_db, self._missing = stop, self._db, self._span_keys

    def _keys(self, dialect: Dialect, steps: list[skip.Step | None], position: int) -> int:
        """Passes keys, to the position of the next opcode that belongs to none.

        This runs once a key: calls and attributes are kept out of it.
        """
        window, span_bytes, one_string = self._window, self._span_bytes, skip.string
        buffer, base, limit = window.buffer, window.base, window.limit
        counts, expiring, expires, whole = [0] * _BYTES, 0, False, self.whole
        try:
            while True:
                op = buffer[position]
                if op == opcodes.EXPIRES_MS:
                    expires = True
                    position += 9
                    op = buffer[position]
                step = steps[op]
                if step is None:
                    if op not in dialect.before_key:
                        break
                    expires = expires or op == opcodes.EXPIRES_S
                    position = window.seek(dialect.opcodes[op](window, position + 1))
                    buffer, base, limit = window.buffer, window.base, window.limit
                    continue
                first = buffer[position + 1]
                position = position + 2 + first if first < 0x40 else behind_string(buffer, position + 1)
                if position > limit:
                    position = window.move(position)
                    buffer, base, limit = window.buffer, window.base, window.limit
                if step is one_string:
                    first = buffer[position]
                    position = position + 1 + first if first < 0x40 else behind_string(buffer, position)
                else:
                    position = step(window, position)
                    buffer, base, limit = window.buffer, window.base, window.limit
                if position > limit:
                    position = window.move(position)
                    buffer, base, limit = window.buffer, window.base, window.limit
                counts[op] += 1
                if expires:
                    expiring += 1
                    expires = False
                whole = base + position
                self._missing -= 1
                if not self._missing or whole - self._start >= span_bytes:
                    self._cut(position)
        finally:
            self.whole = whole
            self._count(counts, expiring)
        if base + position != whole:
            raise Broken("an expiry or the like stands in front of no key")
        return position

    def _count(self, counts: list[int], expiring: int) -> None:
        if any(counts):
            tally = self._tally()
            tally.expiring += expiring
            for op, name in self._names.items():
                if counts[op]:
                    tally.types[name] += counts[op]

    def _tally(self) -> Tally:
        return self.databases.setdefault(self._db, Tally())

    def _module(self, window: skip.Heads, position: int) -> int:
        """Skips a module's value and counts it by its name."""
        number, position = skip.read_length(window, position)
        position = self._window.seek(skip.module_parts(window, position))
        self._tally().types[type_name(module_name(number)[0])] += 1
        return position

    def _between_keys(self, op: int, step: skip.Step, position: int) -> int:
        window = self._window
        start = window.base + position
        position = window.seek(step(window, position))
        if op == opcodes.SELECT_DB:
            self._db = length_at(self._between(start, position), 0)[0]
        elif op == opcodes.RESIZE_DB:
            self.announced[self._db] = length_at(self._between(start, position), 0)[0]
        elif op == opcodes.AUX:
            name, value = strings_at(self._between(start, position), 0, 2)[0]
            self.aux[name.decode(errors="backslashreplace")] = value.decode(errors="backslashreplace")
        elif op in (opcodes.FUNCTION, opcodes.FUNCTION_PRE_GA):
            self.functions += 1
        elif op == opcodes.MODULE_AUX:
            self.module_data += 1
        return position

    def _between(self, start: int, position: int) -> bytes:
        return read_at(self._file, start, self._window.base + position - start)

    def _footer(self, dialect: Dialect, position: int) -> None:
        self._window.hand_over(position)
        offset = self._window.base + position
        self.ended = True
        if not dialect.has_checksum:
            if offset < self._size:
                raise BrokenFile(offset, f"version {dialect.version} ends here, yet there is more")
            self.stop = offset
            return
        if offset + CHECKSUM_BYTES > self._size:
            raise BrokenFile(self._size, "the data end within the checksum")
        self.stop = offset + CHECKSUM_BYTES
        (checksum,) = _CHECKSUM(read_at(self._file, offset, CHECKSUM_BYTES))
        # A server that saves without checksums writes 0.
        if checksum and checksum != self._checksum:
            raise BrokenFile(
                offset, f"the checksum is {checksum:016x}, of these bytes it would be {self._checksum:016x}"
            )
        self.checked = bool(checksum)
