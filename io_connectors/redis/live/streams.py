"""Streams by their commands: entries, what the server knows of them, and consumer groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import hiredis

from io_connectors.redis.live.expiry import milliseconds
from io_connectors.redis.live.wire import Wire
from io_connectors.redis.rows import Group, Pending, Stream, StreamEntry

_PIECE = 1000
_LAST_SEQUENCE = (1 << 64) - 1


def read_stream(wire: Wire, key: bytes) -> Stream | None:
    """The stream of a key; None if it is not there.

    The time of a delivery is the server's clock less the time since, so a millisecond may be
    lost; DUMP tells it exactly.

    Raises:
        hiredis.ReplyError: The server refused.
    """
    (about,) = wire.exchange([("XINFO", "STREAM", key)])
    if isinstance(about, hiredis.ReplyError):
        if "no such key" in str(about):
            return None
        raise about
    facts = _facts(about)
    entries = list(_entries(wire, key))
    groups = [_group(wire, key, _facts(told)) for told in wire.call("XINFO", "GROUPS", key)]
    return Stream(
        entries,
        _text(facts["last-generated-id"]),
        _text(facts.get("max-deleted-entry-id", b"0-0")),
        facts.get("entries-added", len(entries)),
        groups,
    )


def _entries(wire: Wire, key: bytes) -> Iterator[StreamEntry]:
    start = "-"
    while found := wire.call("XRANGE", key, start, "+", "COUNT", _PIECE):
        for id_, fields in found:
            yield StreamEntry(_text(id_), list(zip(fields[::2], fields[1::2], strict=True)))
        if len(found) < _PIECE:
            return
        start = _behind(_text(found[-1][0]))


def _group(wire: Wire, key: bytes, facts: dict[str, Any]) -> Group:
    name = facts["name"]
    consumers = wire.call("XINFO", "CONSUMERS", key, name)
    pending = list(_pending(wire, key, name)) if facts["pending"] else []
    return Group(
        name,
        _text(facts["last-delivered-id"]),
        facts.get("entries-read"),
        [_facts(told)["name"] for told in consumers],
        pending,
    )


def _pending(wire: Wire, key: bytes, group: bytes) -> Iterator[Pending]:
    start = "-"
    while True:
        time, found = wire.exchange([("TIME",), ("XPENDING", key, group, start, "+", _PIECE)])
        if isinstance(found, hiredis.ReplyError):
            raise found
        now = milliseconds(time)
        for id_, consumer, idle, deliveries in found:
            yield Pending(_text(id_), consumer, now - idle, deliveries)
        if len(found) < _PIECE:
            return
        start = _behind(_text(found[-1][0]))


def _facts(flat: Sequence[Any]) -> dict[str, Any]:
    return {_text(name): value for name, value in zip(flat[::2], flat[1::2], strict=True)}


def _behind(id_: str) -> str:
    """The least id behind another; servers before 6.2 know no open ranges."""
    time, sequence = map(int, id_.split("-"))
    return f"{time}-{sequence + 1}" if sequence < _LAST_SEQUENCE else f"{time + 1}-0"


def _text(word: bytes) -> str:
    return word.decode()
