"""DUMP payloads: one value as a live server hands it out."""

from __future__ import annotations

from struct import Struct

from engram_store.errors import SourceError
from io_connectors.redis.rdb import opcodes
from io_connectors.redis.rdb.broken import FAULTS, Broken, reason_of
from io_connectors.redis.rdb.crc import crc64
from io_connectors.redis.rdb.dialect import dialect_of_version
from io_connectors.redis.rdb.entry import Held
from io_connectors.redis.rows import Value

_FOOTER = Struct("<HQ")
_CHECKED_FOOTER_BYTES = 2


def decode_dump(payload: bytes) -> tuple[str, Value]:
    """The type and value of a DUMP payload; types and values are as in ``KeyRow``.

    A payload is a type byte, the value as in a file, the format's version and a checksum.

    Raises:
        SourceError: It is damaged, of a version that is not known, or a module's value that
            only the module can read.
    """
    try:
        return _decode(payload)
    except FAULTS as fault:
        raise SourceError(
            "a DUMP payload cannot be read",
            why=reason_of(fault),
            suggestion="read the key by the commands of its type",
        ) from fault


def _decode(payload: bytes) -> tuple[str, Value]:
    end = len(payload) - _FOOTER.size
    if end < 1:
        raise Broken(f"{len(payload)} bytes are too few for a payload")
    version, checksum = _FOOTER.unpack_from(payload, end)
    if crc64(memoryview(payload)[: end + _CHECKED_FOOTER_BYTES]) != checksum:
        raise Broken("its checksum is wrong")
    dialect, data, position = dialect_of_version(version), payload[:end], 0
    if data[0] == opcodes.KEY_META and opcodes.KEY_META in dialect.before_key:
        position = dialect.opcodes[opcodes.KEY_META](Held(data), 1)
    encoding = dialect.encodings.get(data[position])
    if encoding is None:
        raise Broken(f"version {version} has no type {data[position]:#04x}")
    value, position = encoding.decode(data, position + 1)
    if position != end:
        raise Broken("the value is longer or shorter than the payload")
    return encoding.type, value
