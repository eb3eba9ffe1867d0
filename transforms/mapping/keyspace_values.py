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
from typing import Any, TypeAlias

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
from transforms.mapping.keyspace_bytes import JsonText, json_text, json_texts
from transforms.mapping.keyspace_expiry import moment, moments
from transforms.mapping.keyspace_json import lossless
from transforms.mapping.tagged import json_float

#: The types of parts that are memories of their own.
HASH_FIELD, ZSET_MEMBER = "hash_field", "zset_member"


#: The members of a content.
Memory: TypeAlias = dict[str, Any]


def key_content(row: KeyRow) -> str:
    """A key as JSON text; see the module.

    Raises:
        MappingError: Its type is not known.
    """
    return memory_content(_memory(row, json_text(row.key), moment(row.expire_at)))


def key_memories(rows: Sequence[KeyRow]) -> list[Memory]:
    """What is to be written of keys; of one whose type is not known, all but the value."""
    keys, times = json_texts([row.key for row in rows]), moments([row.expire_at for row in rows])
    return list(map(_memory, rows, keys, times))


def memory_content(memory: Memory) -> str:
    """What is to be written of a key, as JSON text.

    Raises:
        MappingError: Its type is not known.
    """
    if memory["type"] not in _VALUES:
        raise MappingError(f"a key of the type `{memory['type']}` has no JSON form")
    return orjson.dumps(memory).decode()


def _memory(row: KeyRow, key: JsonText, expire_at: str | int | None) -> Memory:
    db, _, kind, value, _ = row
    write = _VALUES.get(kind)
    parts = {} if write is None else write(value)
    return {"type": kind, "db": db, "key": key, **parts, "expire_at": expire_at}


def content(row: KeyRow, type_: str, parts: Mapping[str, Any], expire_at: int | None) -> str:
    """The JSON text of a part of a key."""
    named = {"type": type_, "db": row.db, "key": json_text(row.key)}
    return orjson.dumps({**named, **parts, "expire_at": moment(expire_at)}).decode()


def ranked(members: Sequence[tuple[bytes, float]]) -> list[tuple[bytes, float]]:
    """A zset's members by score, then by their bytes; NaN, which Redis never lets in, at the end."""
    numbers = [(member, score + 0.0) for member, score in members if not isnan(score)]  # −0.0 + 0.0 is 0.0
    numbers.sort(key=itemgetter(1, 0))
    if len(numbers) == len(members):
        return numbers
    others = [(member, score) for member, score in members if isnan(score)]
    return numbers + sorted(others, key=itemgetter(0))


def by_name(fields: Sequence[HashField]) -> list[HashField]:
    """A hash's fields by the bytes of their names."""
    return sorted(fields, key=itemgetter(0))


def _string(value: bytes) -> dict[str, Any]:
    return {"value": json_text(value)}


def _list(values: list[bytes]) -> dict[str, Any]:
    return {"value": json_texts(values)}


def _set(members: list[bytes]) -> dict[str, Any]:
    return {"unordered": True, "value": json_texts(sorted(members))}


def _zset(members: list[tuple[bytes, float]]) -> dict[str, Any]:
    ordered = ranked(members)
    names = json_texts([member for member, _ in ordered])
    return {"value": [[name, json_float(score)] for name, (_, score) in zip(names, ordered, strict=True)]}


def _hash(fields: list[HashField]) -> dict[str, Any]:
    spelled, values, times = zip(*by_name(fields), strict=True) if fields else ((), (), ())
    names = json_texts(spelled)
    parts = {"value": _named(names, json_texts(values))}
    if times.count(None) < len(times):
        expiring = [at for at, time in enumerate(times) if time is not None]
        parts["field_expire_at"] = _named(
            [names[at] for at in expiring], moments([times[at] for at in expiring])
        )
    return parts


def _named(names: Sequence[JsonText], values: Sequence[Any]) -> dict[Any, Any] | list[list[Any]]:
    """Values by name; in pairs if one of the names is not text."""
    try:
        return dict(zip(names, values, strict=True))
    except TypeError:  # bytes that are no text are objects, which cannot be names
        return [list(pair) for pair in zip(names, values, strict=True)]


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
