"""The list of a keyspace's keys, kept in a file from planning until the last page is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import BinaryIO

from engram_store.errors import SourceError

_LENGTH = Struct("<I")


@dataclass(frozen=True, slots=True)
class Slice:
    """Keys that stand together in the file.

    Attributes:
        path: The file.
        db: The keys' database.
        offset: Where they begin, in bytes.
        size: Their bytes.
    """

    path: str
    db: int
    offset: int
    size: int

    def keys(self) -> list[bytes]:
        """The keys.

        Raises:
            SourceError: The file is not there, or not whole.
        """
        try:
            with Path(self.path).open("rb") as file:
                file.seek(self.offset)
                data = file.read(self.size)
        except OSError as error:
            raise self._lost(error.strerror or str(error)) from error
        if len(data) < self.size:
            raise self._lost("it ends too early")
        return _unpacked(data)

    def _lost(self, why: str) -> SourceError:
        return SourceError(
            f"the list of keys `{self.path}` cannot be read",
            why=why,
            suggestion="every worker must see the folder of the target; run the command again",
        )


def append(file: BinaryIO, keys: Sequence[bytes]) -> tuple[int, int]:
    """Writes keys at the end of a file; returns where they begin, and their bytes."""
    offset = file.tell()
    data = b"".join(_LENGTH.pack(len(key)) + key for key in keys)
    file.write(data)
    return offset, len(data)


def _unpacked(data: bytes) -> list[bytes]:
    keys, position = [], 0
    while position < len(data):
        start = position + _LENGTH.size
        position = start + _LENGTH.unpack_from(data, position)[0]
        keys.append(data[start:position])
    return keys
