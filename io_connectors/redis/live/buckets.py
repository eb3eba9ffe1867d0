"""Keys by the hash of their names, on disk: more keys than memory holds, sorted and without doubles."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from struct import Struct

from typing_extensions import Self

#: By the first byte of the hash: of ten million keys each holds 40,000, and one is sorted at a time.
_BUCKETS = 256
_BUFFER_BYTES = 64 * 1024
_HASH_BYTES = 8
_LENGTH = Struct("<I")
_HEAD_BYTES = _HASH_BYTES + _LENGTH.size

#: The hash of a key, as eight bytes, with the key behind it.
Entry = bytes


class KeyBuckets:
    """A folder of keys; a context manager that removes it.

    Args:
        folder: Where; it must not be there yet.

    Attributes:
        added: Keys added so far, those added twice counted twice.
    """

    def __init__(self, folder: Path) -> None:
        self.added = 0
        self._folder = folder
        self._buffers = [bytearray() for _ in range(_BUCKETS)]
        folder.mkdir(parents=True)

    def add(self, keys: Sequence[bytes]) -> None:
        """Adds keys; any may have been added before."""
        self.added += len(keys)
        for key in keys:
            digest = blake2b(key, digest_size=_HASH_BYTES).digest()
            buffer = self._buffers[digest[0]]
            buffer += digest + _LENGTH.pack(len(key)) + key
            if len(buffer) >= _BUFFER_BYTES:
                self._flush(digest[0])

    def entries(self) -> Iterator[Entry]:
        """All keys once, ordered by their hashes."""
        for number in range(_BUCKETS):
            self._flush(number)
            yield from sorted(_parsed(self._path(number).read_bytes()))

    def _flush(self, number: int) -> None:
        with self._path(number).open("ab") as file:
            file.write(self._buffers[number])
        self._buffers[number].clear()

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:03d}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def hash_of(entry: Entry) -> int:
    """The hash as a number below 2^64."""
    return int.from_bytes(entry[:_HASH_BYTES], "big")


def key_of(entry: Entry) -> bytes:
    """The key."""
    return entry[_HASH_BYTES:]


def _parsed(data: bytes) -> set[Entry]:
    entries, position = set(), 0
    while position < len(data):
        start = position + _HEAD_BYTES
        (length,) = _LENGTH.unpack_from(data, position + _HASH_BYTES)
        entries.add(data[position : position + _HASH_BYTES] + data[start : start + length])
        position = start + length
    return entries
