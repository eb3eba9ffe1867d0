"""A key as JSON, without loss, and the same whichever way it was read.

::

    {"type":"hash","db":0,"key":"user:1","value":{"name":"Ann"},"expire_at":"2030-01-01T00:00:00.000Z"}

Bytes that are text (``keyspace_bytes``) stand as text, all others as ``{"$type": "bytes",
"base64": …}``; but for JSON documents nothing that Redis holds is an object, so that such an object
in its place cannot be anything else. By type:

- ``string``: the text, never parsed.
- ``list``: its elements, in order.
- ``set``: its members, sorted by their bytes, and ``"unordered": true``.
- ``zset``: ``[member, score]`` by score, then member; −0.0 is 0.0, which Redis takes it for.
- ``hash``: an object, its fields sorted by their bytes; a list of pairs if a name is not text.
  ``field_expire_at`` has the fields that expire, in the same form.
- ``stream``: ``entries`` as ``[id, [[field, value], …]]``, then what the stream remembers, and its
  groups with what is pending.
- ``json``: the document, unless parsing it could lose something: then ``text`` has it instead of
  ``value``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isnan
from operator import itemgetter
from typing import Any

import orjson

from engram_store.errors import MappingError
from io_connectors.redis.rows import (
    HASH,
    JSON,
    LIST,
    SET,
    STREAM,
    STRING,
    ZSET,
    HashField,
    KeyRow,
    Pending,
    Stream,
)
from transforms.mapping.keyspace_bytes import json_text, text_of
from transforms.mapping.keyspace_expiry import moment
from transforms.mapping.keyspace_json import lossless
from transforms.mapping.tagged import json_float

#: The types of parts that are memories of their own.
HASH_FIELD, ZSET_MEMBER = "hash_field", "zset_member"


def key_content(row: KeyRow) -> str:
    """A key as JSON text; see the module.

    Raises:
        MappingError: Its type is not known.
    """
    write = _VALUES.get(row.type)
    if write is None:
        raise MappingError(f"a key of the type `{row.type}` has no JSON form")
    return content(row, row.type, write(row.value), row.expire_at)


def content(row: KeyRow, type_: str, parts: Mapping[str, Any], expire_at: int | None) -> str:
    """The JSON text of a key, or of a part of it."""
    named = {"type": type_, "db": row.db, "key": json_text(row.key)}
    return orjson.dumps({**named, **parts, "expire_at": moment(expire_at)}).decode()


def ranked(members: Sequence[tuple[bytes, float]]) -> list[tuple[bytes, float]]:
    """A zset's members by score, then by their bytes; NaN, which Redis never lets in, at the end."""
    numbers = [(member, score + 0.0) for member, score in members if not isnan(score)]  # −0.0 + 0.0 is 0.0
    others = [(member, score) for member, score in members if isnan(score)]
    return sorted(numbers, key=itemgetter(1, 0)) + sorted(others, key=itemgetter(0))


def by_name(fields: Sequence[HashField]) -> list[HashField]:
    """A hash's fields by the bytes of their names."""
    return sorted(fields, key=itemgetter(0))


def _string(value: bytes) -> dict[str, Any]:
    return {"value": json_text(value)}


def _list(values: list[bytes]) -> dict[str, Any]:
    return {"value": [json_text(value) for value in values]}


def _set(members: list[bytes]) -> dict[str, Any]:
    return {"unordered": True, "value": [json_text(member) for member in sorted(members)]}


def _zset(members: list[tuple[bytes, float]]) -> dict[str, Any]:
    return {"value": [[json_text(member), json_float(score)] for member, score in ranked(members)]}


def _hash(fields: list[HashField]) -> dict[str, Any]:
    ordered = by_name(fields)
    parts = {"value": _named([(f.name, json_text(f.value)) for f in ordered])}
    expiring = [(f.name, moment(f.expire_at)) for f in ordered if f.expire_at is not None]
    return {**parts, "field_expire_at": _named(expiring)} if expiring else parts


def _named(pairs: list[tuple[bytes, Any]]) -> dict[str | None, Any] | list[list[Any]]:
    """Values by name; in pairs if one of the names is not text."""
    named = {text_of(name): value for name, value in pairs}
    return [[json_text(name), value] for name, value in pairs] if None in named else named


def _stream(stream: Stream) -> dict[str, Any]:
    entries = [[id, [[json_text(f), json_text(v)] for f, v in fields]] for id, fields in stream.entries]
    return {
        "value": {
            "entries": entries,
            "last_id": stream.last_id,
            "max_deleted_id": stream.max_deleted_id,
            "entries_added": stream.entries_added,
            "groups": [
                {
                    "name": json_text(group.name),
                    "last_id": group.last_id,
                    "entries_read": group.entries_read,
                    "consumers": [json_text(consumer) for consumer in sorted(group.consumers)],
                    "pending": [_pending(pending) for pending in sorted(group.pending, key=_by_id)],
                }
                for group in sorted(stream.groups, key=itemgetter(0))
            ],
        }
    }


def _by_id(pending: Pending) -> tuple[int, ...]:
    return tuple(map(int, pending.id.split("-")))


def _pending(pending: Pending) -> dict[str, Any]:
    return {
        "id": pending.id,
        "consumer": json_text(pending.consumer),
        "delivered_at": moment(pending.delivered_at),
        "deliveries": pending.deliveries,
    }


def _json(text: bytes) -> dict[str, Any]:
    document = lossless(text)
    return {"text": json_text(text)} if document is None else {"value": orjson.Fragment(document)}


_VALUES: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    STRING: _string,
    LIST: _list,
    SET: _set,
    ZSET: _zset,
    HASH: _hash,
    STREAM: _stream,
    JSON: _json,
}
