"""A small writer of dump files: all common encodings, as the servers write them.

It shares nothing with the codec but the checksum, which real servers' files hold to account.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from io_connectors.redis.rdb.crc import crc64

#: Turns elements into one string.
Pack: TypeAlias = Callable[[Sequence[bytes]], bytes]

_NO_CHECKSUM_BEFORE = 5


class Dump:
    """A dump file that grows entry by entry.

    Args:
        magic: Its first nine bytes.
    """

    def __init__(self, magic: bytes = b"REDIS0011") -> None:
        self._parts = [magic]
        self._checked = not magic.startswith(b"REDIS") or int(magic[5:]) >= _NO_CHECKSUM_BEFORE

    def aux(self, name: bytes, value: bytes) -> None:
        self.raw(b"\xfa", string(name), string(value))

    def select(self, db: int, keys: int = 0, expiring: int = 0) -> None:
        self.raw(b"\xfe", length(db), b"\xfb", length(keys), length(expiring))

    def key(self, kind: int, name: bytes, value: bytes, expire_at: int | None = None) -> None:
        """A key, by its type byte and what its value is encoded as."""
        if expire_at is not None:
            self.raw(b"\xfc", struct.pack("<q", expire_at))
        self.raw(bytes([kind]), string(name), value)

    def raw(self, *parts: bytes) -> None:
        self._parts += parts

    def finish(self, *, checksum: bool = True) -> bytes:
        """The whole file; a server that saves without checksums writes 0."""
        data = b"".join(self._parts) + b"\xff"
        if not self._checked:
            return data
        return data + struct.pack("<Q", crc64(data) if checksum else 0)


def payload(kind: int, value: bytes, version: int = 11) -> bytes:
    """What DUMP gives for a value."""
    data = bytes([kind]) + value + struct.pack("<H", version)
    return data + struct.pack("<Q", crc64(data))


def length(number: int) -> bytes:
    if number < 1 << 6:
        return bytes([number])
    if number < 1 << 14:
        return struct.pack(">H", 0x4000 | number)
    if number < 1 << 32:
        return b"\x80" + struct.pack(">I", number)
    return b"\x81" + struct.pack(">Q", number)


def string(text: bytes) -> bytes:
    """A string as it is, or as an integer of up to four bytes."""
    number = integer(text)
    if number is not None:
        for mark, form in ((0xC0, "<b"), (0xC1, "<h"), (0xC2, "<i")):
            if _fits(number, struct.calcsize(form)):
                return bytes([mark]) + struct.pack(form, number)
    return length(len(text)) + text


def compressed(text: bytes, packed: bytes) -> bytes:
    """A string in LZF."""
    return b"\xc3" + length(len(packed)) + length(len(text)) + packed


def strings(texts: Sequence[bytes], each: int = 1) -> bytes:
    """A list or set (``each`` 1) or a hash's fields and values in turns (2)."""
    return length(len(texts) // each) + b"".join(map(string, texts))


def scored(members: Iterable[tuple[bytes, float]]) -> bytes:
    """A sorted set with binary scores."""
    parts = [string(member) + struct.pack("<d", score) for member, score in members]
    return length(len(parts)) + b"".join(parts)


def scored_text(members: Iterable[tuple[bytes, float]]) -> bytes:
    """A sorted set with scores in text form."""
    parts = [string(member) + _score(score) for member, score in members]
    return length(len(parts)) + b"".join(parts)


def _score(score: float) -> bytes:
    special = {"nan": 253, "inf": 254, "-inf": 255}
    text = b"%.17g" % score
    return bytes([special[repr(score)]]) if repr(score) in special else bytes([len(text)]) + text


def integer(text: bytes) -> int | None:
    """The number that a text is the decimal form of, if it fits into 64 bits."""
    if not text or len(text) > 20 or not text.lstrip(b"-").isdigit():
        return None
    number = int(text)
    return number if b"%d" % number == text and -(1 << 63) <= number < 1 << 63 else None


def _fits(number: int, size: int) -> bool:
    return -(1 << 8 * size - 1) <= number < 1 << 8 * size - 1


def intset(members: Sequence[bytes]) -> bytes:
    numbers = sorted(map(int, members))
    forms = ((2, "h"), (4, "i"), (8, "q"))
    width, form = next((w, f) for w, f in forms if all(_fits(number, w) for number in numbers))
    return struct.pack(f"<II{len(numbers)}{form}", width, len(numbers), *numbers)


def listpack(elements: Sequence[bytes]) -> bytes:
    parts = []
    for element in elements:
        body = _listpack_element(element)
        parts += [body, _backward(len(body))]
    data = b"".join(parts)
    return struct.pack("<IH", len(data) + 7, min(len(elements), 0xFFFF)) + data + b"\xff"


def _listpack_element(element: bytes) -> bytes:
    number = integer(element)
    if number is not None:
        return _listpack_integer(number)
    size = len(element)
    if size < 1 << 6:
        return bytes([0x80 | size]) + element
    if size < 1 << 12:
        return struct.pack(">H", 0xE000 | size) + element
    return b"\xf0" + struct.pack("<I", size) + element


def _listpack_integer(number: int) -> bytes:
    if 0 <= number < 1 << 7:
        return bytes([number])
    if -(1 << 12) <= number < 1 << 12:
        return struct.pack(">H", 0xC000 | number & 0x1FFF)
    for mark, size in ((0xF1, 2), (0xF2, 3), (0xF3, 4), (0xF4, 8)):
        if _fits(number, size):
            return bytes([mark]) + number.to_bytes(size, "little", signed=True)
    raise ValueError(number)


def _backward(size: int) -> bytes:
    """An element's size, seven bits a byte, to be read backwards; servers take a byte more for 16,383."""
    groups = next(n for n, most in enumerate((127, 16_382, 2_097_150, 268_435_454), 1) if size <= most)
    first, *others = [size >> 7 * at & 0x7F for at in reversed(range(groups))]
    return bytes([first, *(group | 0x80 for group in others)])


def ziplist(elements: Sequence[bytes]) -> bytes:
    parts: list[bytes] = []
    before = last = 0
    for element in elements:
        mark = bytes([before]) if before < 0xFE else b"\xfe" + struct.pack("<I", before)
        part = mark + _ziplist_element(element)
        last = sum(map(len, parts))
        parts.append(part)
        before = len(part)
    data = b"".join(parts)
    head = struct.pack("<IIH", len(data) + 11, 10 + last, min(len(elements), 0xFFFF))
    return head + data + b"\xff"


def _ziplist_element(element: bytes) -> bytes:
    number = integer(element)
    if number is not None:
        return _ziplist_integer(number)
    size = len(element)
    if size < 1 << 6:
        return bytes([size]) + element
    if size < 1 << 14:
        return struct.pack(">H", 0x4000 | size) + element
    return b"\x80" + struct.pack(">I", size) + element


def _ziplist_integer(number: int) -> bytes:
    if 0 <= number <= 12:
        return bytes([0xF1 + number])
    for mark, size in ((0xFE, 1), (0xC0, 2), (0xF0, 3), (0xD0, 4), (0xE0, 8)):
        if _fits(number, size):
            return bytes([mark]) + number.to_bytes(size, "little", signed=True)
    raise ValueError(number)


def zipmap(elements: Sequence[bytes], unused: int = 0) -> bytes:
    """Fields and values in turns, with unused bytes behind every value."""
    parts = []
    for name, value in zip(elements[::2], elements[1::2], strict=True):
        parts += [_zipmap_size(name), name, _zipmap_size(value), bytes([unused]), value, bytes(unused)]
    return bytes([min(len(elements) // 2, 254)]) + b"".join(parts) + b"\xff"


def _zipmap_size(text: bytes) -> bytes:
    return bytes([len(text)]) if len(text) < 254 else b"\xfe" + struct.pack("<I", len(text))
