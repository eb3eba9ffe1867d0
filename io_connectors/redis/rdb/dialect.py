"""Who wrote a file or payload, and in which version: the same bytes mean different things."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from io_connectors.redis.rdb import encodings, opcodes, skip
from io_connectors.redis.rdb.broken import Broken

MAGIC_BYTES = 9
CHECKSUM_BYTES = 8

_MAGIC = re.compile(rb"REDIS(\d{4})|VALKEY(\d{3})")
_REDIS_VERSIONS = range(1, 14)
_VALKEY_VERSIONS = range(80, 81)
_FIRST_WITH_CHECKSUM = 5


class Dialect(NamedTuple):
    """What bytes mean in one version of the format.

    Attributes:
        version: The format's version.
        encodings: Type byte → how such values are saved.
        opcodes: Opcode → how to skip what belongs to it.
        before_key: Those that stand in front of a key; all others stand between keys.
    """

    version: int
    encodings: Mapping[int, encodings.Encoding]
    opcodes: Mapping[int, skip.Step]
    before_key: frozenset[int]

    @property
    def has_checksum(self) -> bool:
        """Whether files of this version end with a checksum."""
        return self.version >= _FIRST_WITH_CHECKSUM


def dialect_of(magic: bytes) -> Dialect:
    """The dialect of a file by its first nine bytes.

    Raises:
        Broken: No dump file begins so, or a newer one.
    """
    found = _MAGIC.fullmatch(magic)
    if found is None:
        raise Broken(f"a dump file begins with REDIS or VALKEY and a version, not with {magic!r}")
    return _dialect(int(found[1] or found[2]), of_valkey=found[1] is None)


def dialect_of_version(version: int) -> Dialect:
    """The dialect of a DUMP payload, which says its version only.

    Raises:
        Broken: The version is not known.
    """
    return _dialect(version, of_valkey=version >= _VALKEY_VERSIONS.start)


def _dialect(version: int, *, of_valkey: bool) -> Dialect:
    known = _VALKEY_VERSIONS if of_valkey else _REDIS_VERSIONS
    name = "Valkey" if of_valkey else "Redis"
    if version not in known:
        raise Broken(f"version {version} of {name}'s format is not known, only {known[0]} to {known[-1]}")
    if of_valkey:
        return Dialect(version, encodings.VALKEY, opcodes.VALKEY, opcodes.BEFORE_KEY_OF_VALKEY)
    return Dialect(version, encodings.REDIS, opcodes.REDIS, opcodes.BEFORE_KEY_OF_REDIS)
