"""Values of modules: any can be skipped, RedisJSON's can be read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from struct import Struct
from typing import TypeVar

from io_connectors.redis.rdb.broken import Broken
from io_connectors.redis.rdb.lengths import length_at, string_at
from io_connectors.redis.rows import JSON

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_NAME_LETTERS = 9
_VERSION_BITS = 10

#: What a module's value is made of.
END, SIGNED, UNSIGNED, FLOAT, DOUBLE, STRING = range(6)
_FLOAT = Struct("<f").unpack_from
_DOUBLE = Struct("<d").unpack_from

_REJSON = "ReJSON-RL"
#: Versions of its values: trees at first, then the document's text.
_FIRST_WITH_TEXT, _NEWEST_REJSON = 2, 3
#: Kinds of nodes in a tree.
_NULL, _TEXT, _NUMBER, _INTEGER, _BOOLEAN, _OBJECT, _ARRAY, _PAIR = (1 << bit for bit in range(8))
#: RedisJSON itself allows no more.
_DEEPEST = 128

Item = int | float | bytes
_T = TypeVar("_T", int, float, bytes)


def module_name(number: int) -> tuple[str, int]:
    """The name and version of a module's type: nine letters of six bits, and ten bits."""
    letters = number >> _VERSION_BITS
    name = "".join(_ALPHABET[letters >> 6 * place & 63] for place in reversed(range(_NAME_LETTERS)))
    return name, number & (1 << _VERSION_BITS) - 1


def type_name(name: str) -> str:
    """What the codec calls a module's type: ``json``, or its own name."""
    return JSON if name == _REJSON else name


def module_at(buffer: bytes, position: int) -> tuple[bytes, int]:
    """A JSON document's text.

    Raises:
        Broken: It is another module's value, or of a version that is not known.
    """
    number, position = length_at(buffer, position)
    name, version = module_name(number)
    if name != _REJSON or version > _NEWEST_REJSON:
        raise Broken(f"values of the module type {name} (version {version}) can only be read by their module")
    items, position = _items(buffer, position)
    tree = iter(items)
    if version >= _FIRST_WITH_TEXT:
        return _next(tree, bytes), position
    document = _node(tree, _DEEPEST)
    if next(tree, None) is not None:
        raise Broken("a JSON document goes on behind its end")
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode(), position


def _items(buffer: bytes, position: int) -> tuple[list[Item], int]:
    found: list[Item] = []
    while True:
        kind, position = length_at(buffer, position)
        item: Item
        if kind == END:
            return found, position
        if kind in (SIGNED, UNSIGNED):
            item, position = length_at(buffer, position)
            if kind == SIGNED and item >> 63:
                item -= 1 << 64
        elif kind == FLOAT:
            item, position = _FLOAT(buffer, position)[0], position + 4
        elif kind == DOUBLE:
            item, position = _DOUBLE(buffer, position)[0], position + 8
        elif kind == STRING:
            item, position = string_at(buffer, position)
        else:
            raise Broken(f"a module's value has a part of the unknown kind {kind}")
        found.append(item)


def _node(items: Iterator[Item], depth: int) -> object:
    kind = _next(items, int)
    if not depth:
        raise Broken(f"a JSON document is nested more than {_DEEPEST} deep")
    if kind in _SCALARS:
        return _SCALARS[kind](items)
    if kind == _ARRAY:
        return [_node(items, depth - 1) for _ in range(_next(items, int))]
    if kind == _OBJECT:
        return dict(_pair(items, depth - 1) for _ in range(_next(items, int)))
    raise Broken(f"a JSON document has a part of the unknown kind {kind}")


def _pair(items: Iterator[Item], depth: int) -> tuple[str, object]:
    if _next(items, int) != _PAIR:
        raise Broken("a JSON object has something else than pairs")
    return _next(items, bytes).decode(), _node(items, depth)


def _next(items: Iterator[Item], kind: type[_T]) -> _T:
    item = next(items, None)
    if not isinstance(item, kind):
        raise Broken("a JSON document is not what its kind says")
    return item


_SCALARS: dict[int, Callable[[Iterator[Item]], object]] = {
    _NULL: lambda items: None,
    _TEXT: lambda items: _next(items, bytes).decode(),
    _NUMBER: lambda items: _next(items, float),
    _INTEGER: lambda items: _next(items, int),
    _BOOLEAN: lambda items: _next(items, bytes) == b"1",
}
