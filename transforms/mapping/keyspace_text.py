"""What is read of a key as text: the words of its name, and what is readable of its value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from io_connectors.redis.rows import HASH, JSON, LIST, SET, STREAM, STRING, ZSET
from transforms.mapping.keyspace_values import HASH_FIELD, ZSET_MEMBER
from transforms.mapping.text_words import NO_TEXT, TEXT_LIMIT, rank

_WORD = re.compile(r"[^\W_]+")
_LETTER = re.compile(r"[^\W\d_]")
#: Of ASCII, letters and digits; a blank for every other byte.
_ASCII_WORDS = bytes(byte if chr(byte).isalnum() else ord(" ") for byte in range(128)).ljust(256)


def key_text(content: str, fields: Sequence[str] | None) -> str | None:
    """The text of what a memory holds, given as JSON text; see ``memory_text``."""
    return memory_text(orjson.loads(content), fields)


def memory_text(memory: Mapping[str, Any], fields: Sequence[str] | None) -> str | None:
    """The text of a key, or of a part of it: ``user 1: name: Ann | city: Paris``.

    Strings, elements and members as they are, members of zsets from the highest score down;
    hashes and streams as ``field: value``, of streams the newest entry first; the strings of JSON
    documents. Bytes that are no text say nothing.

    Args:
        memory: The members of its content; see ``keyspace_values``. A JSON document must be parsed.
        fields: The fields of a hash that the user named.

    Returns:
        None where there is no letter in it.
    """
    kind = memory["type"]
    chosen = fields is not None and kind == HASH
    parts = _chosen(memory, fields or ()) if chosen else _READABLE[kind](memory)
    words, joined = _words(memory["key"]), _joined(parts)
    text = f"{words}: {joined}" if words and joined else words or joined
    return text[:TEXT_LIMIT] if _LETTER.search(text) else None


def _words(key: Any) -> str:
    if type(key) is not str:
        return ""
    # Nearly all names are ASCII; the search takes twice as long.
    if key.isascii():
        return " ".join(key.encode().translate(_ASCII_WORDS).decode().split())
    return " ".join(_WORD.findall(key))


def _joined(parts: Iterable[Any]) -> str:
    """Those parts that are texts, until there is more than can be embedded."""
    taken, room = [], TEXT_LIMIT
    for part in parts:
        if part and type(part) is str:
            taken.append(part)
            room -= len(part)
            if room <= 0:
                taken[-1] = part[: len(part) + room]
                break
    return " | ".join(taken)


def _pair(name: Any, value: Any) -> str | None:
    if type(value) is not str or not value:
        return None
    return f"{name}: {value}" if type(name) is str else value


def _pairs(named: Any) -> Iterable[tuple[Any, Any]]:
    return named.items() if type(named) is dict else named


def _rank(pair: tuple[Any, Any]) -> int:
    return rank(pair[0]) if type(pair[0]) is str else NO_TEXT


def _hash(memory: Mapping[str, Any]) -> Iterator[str | None]:
    """Fields whose names promise text first, the others in the order of the content."""
    value = memory["value"]
    if type(value) is dict:
        return _named_texts(value)
    return (_pair(name, part) for name, part in sorted(value, key=_rank))


def _named_texts(value: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(value, key=rank):
        text = value[name]
        if text and type(text) is str:
            yield f"{name}: {text}"


def _chosen(memory: Mapping[str, Any], names: Sequence[str]) -> Iterator[str | None]:
    values = {name: value for name, value in _pairs(memory["value"]) if type(name) is str}
    return (_pair(name, values.get(name)) for name in names)


def _stream(memory: Mapping[str, Any]) -> Iterator[str | None]:
    return (_pair(*pair) for _, pairs in reversed(memory["value"]["entries"]) for pair in pairs)


def _json(memory: Mapping[str, Any]) -> Iterable[Any]:
    return _strings(memory["value"]) if "value" in memory else (memory["text"],)


def _strings(document: Any) -> Iterator[str]:
    """The strings in a document, in its order, without the names of its members."""
    ahead = [document]
    while ahead:
        value = ahead.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, (dict, list)):
            ahead += reversed(value.values() if isinstance(value, dict) else value)


_READABLE: Mapping[str, Callable[[Any], Iterable[Any]]] = {
    STRING: lambda memory: (memory["value"],),
    LIST: lambda memory: memory["value"],
    SET: lambda memory: memory["value"],
    ZSET: lambda memory: (member for member, _ in reversed(memory["value"])),
    HASH: _hash,
    STREAM: _stream,
    JSON: _json,
    HASH_FIELD: lambda memory: (_pair(memory["field"], memory["value"]),),
    ZSET_MEMBER: lambda memory: (memory["member"],),
}
