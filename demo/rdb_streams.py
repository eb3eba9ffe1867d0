"""Streams for the writer of dump files."""

from __future__ import annotations

import struct

from demo.rdb_writer import length, listpack, string
from io_connectors.redis.rows import Group, Stream, StreamEntry


def stream(value: Stream, version: int, *, deleted: list[StreamEntry] | None = None) -> bytes:
    """A stream of one listpack.

    Args:
        value: What it holds; its entries all belong to one millisecond's listpack or later.
        version: 1 to 4.
        deleted: Entries that are still in the listpack, marked as deleted, behind the others.
    """
    gone = deleted or []
    every = [*value.entries, *gone]
    parts = [length(1 if every else 0)]
    if every:
        first = _numbers(every[0].id)
        parts += [string_as_is(struct.pack(">QQ", *first)), string_as_is(_node(first, value.entries, gone))]
    parts += [length(len(value.entries)), _id(value.last_id)]
    if version >= 2:
        parts += [
            _id(every[0].id if every else "0-0"),
            _id(value.max_deleted_id),
            length(value.entries_added),
        ]
    parts += [length(len(value.groups)), *(_group(group, version) for group in value.groups)]
    if version >= 4:
        producers = [length(1), string(b"producer"), struct.pack(">QQ", 1, 2)]
        parts += [length(100), length(64), *producers, length(7), length(0)]
    return b"".join(parts)


def string_as_is(text: bytes) -> bytes:
    return length(len(text)) + text


def _node(first: tuple[int, int], entries: list[StreamEntry], deleted: list[StreamEntry]) -> bytes:
    names = [name for name, _ in (entries or deleted)[0].fields]
    elements = [b"%d" % len(entries), b"%d" % len(deleted), b"%d" % len(names), *names, b"0"]
    for entry, gone in [*((one, 0) for one in entries), *((one, 1) for one in deleted)]:
        at = _numbers(entry.id)
        same = [name for name, _ in entry.fields] == names
        part = [b"%d" % (gone | 2 * same), b"%d" % (at[0] - first[0]), b"%d" % (at[1] - first[1])]
        if same:
            part += [text for _, text in entry.fields]
        else:
            part += [b"%d" % len(entry.fields), *(text for pair in entry.fields for text in pair)]
        elements += [*part, b"%d" % len(part)]
    return listpack(elements)


def _group(group: Group, version: int) -> bytes:
    parts = [string(group.name), _id(group.last_id)]
    if version >= 2:
        parts.append(length((1 << 64) - 1 if group.entries_read is None else group.entries_read))
    parts.append(length(len(group.pending)))
    for one in group.pending:
        parts += [
            struct.pack(">QQ", *_numbers(one.id)),
            struct.pack("<q", one.delivered_at),
            length(one.deliveries),
        ]
    parts.append(length(len(group.consumers)))
    for name in group.consumers:
        owned = [one for one in group.pending if one.consumer == name]
        parts += [string(name), struct.pack("<q", 1), struct.pack("<q", 2) if version >= 3 else b""]
        parts += [length(len(owned)), *(struct.pack(">QQ", *_numbers(one.id)) for one in owned)]
    return b"".join(parts)


def _numbers(text: str) -> tuple[int, int]:
    milliseconds, sequence = text.split("-")
    return int(milliseconds), int(sequence)


def _id(text: str) -> bytes:
    return b"".join(map(length, _numbers(text)))
