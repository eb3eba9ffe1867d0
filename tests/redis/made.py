"""Made-up values of every encoding, each with what it must decode to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import pack
from typing import Any, NamedTuple

from hypothesis import strategies as st

from demo.rdb_streams import stream
from demo.rdb_writer import (
    intset,
    length,
    listpack,
    scored,
    scored_text,
    string,
    strings,
    ziplist,
    zipmap,
)
from io_connectors.redis.rows import Group, HashField, Pending, Stream, StreamEntry

REDIS, OLD_REDIS, VALKEY = b"REDIS0013", b"REDIS0003", b"VALKEY080"


class Made(NamedTuple):
    """A value as a file has it, and as it must be read."""

    magic: bytes
    kind: int
    type: str
    encoded: bytes
    value: Any


_NUMBERS = st.integers(-(1 << 63), (1 << 63) - 1).map(lambda number: b"%d" % number)
_EDGES = st.sampled_from(
    [
        b"%d" % (sign * (1 << bits) + more)
        for bits in (0, 6, 7, 12, 15, 23, 31, 62)
        for sign in (1, -1)
        for more in (-1, 0, 1)
    ]
)
#: Lengths at which the encodings of sizes change.
_SIZES = (0, 1, 62, 63, 64, 126, 127, 128, 252, 253, 254, 255, 4095, 4096, 16_378, 16_379, 16_383, 16_384)
_LONG = st.sampled_from(_SIZES).map(lambda size: bytes(range(256)) * (size // 256) + bytes(range(size % 256)))
TEXTS = st.one_of(st.binary(max_size=80), _NUMBERS, _EDGES, _LONG)
_LISTS = st.lists(TEXTS, max_size=20)
_PAIRS = st.lists(st.tuples(TEXTS, TEXTS), max_size=10)
_SCORES = st.floats(allow_nan=False)
_SCORED = st.lists(st.tuples(TEXTS, _SCORES), max_size=10)
_TIMES = st.one_of(st.none(), st.integers(1, 1 << 46))
_FIELDS = st.lists(st.builds(HashField, TEXTS, TEXTS, _TIMES), min_size=1, max_size=10)


def _lists(
    kind: int, name: str, encode: Callable[[Sequence[bytes]], bytes], magic: bytes = REDIS
) -> st.SearchStrategy[Made]:
    return _LISTS.map(lambda value: Made(magic, kind, name, encode(value), value))


def _hashes(
    kind: int, encode: Callable[[Sequence[bytes]], bytes], magic: bytes = REDIS
) -> st.SearchStrategy[Made]:
    def made(pairs: list[tuple[bytes, bytes]]) -> Made:
        value = [HashField(name, text, None) for name, text in pairs]
        return Made(magic, kind, "hash", encode([part for pair in pairs for part in pair]), value)

    return _PAIRS.map(made)


def _zsets(
    kind: int, encode: Callable[[list[tuple[bytes, float]]], bytes], magic: bytes = REDIS
) -> st.SearchStrategy[Made]:
    return _SCORED.map(lambda value: Made(magic, kind, "zset", encode(value), value))


def _score_texts(members: list[tuple[bytes, float]]) -> list[bytes]:
    return [part for member, score in members for part in (member, b"%.17g" % score)]


def _quicklist(value: Sequence[bytes]) -> bytes:
    return length(2) + string(ziplist(value[:3])) + string(ziplist(value[3:]))


def _quicklist2(value: Sequence[bytes]) -> bytes:
    plain = length(1) + string(value[0]) if value else b""
    return length(1 + len(value[:1])) + plain + length(2) + string(listpack(value[1:]))


def _expiring(fields: list[HashField], since: int) -> bytes:
    parts = [length(len(fields))]
    for name, value, time in fields:
        parts += [length(0 if time is None else time - since), string(name), string(value)]
    return b"".join(parts)


def _earliest(fields: list[HashField]) -> int:
    return min((field.expire_at for field in fields if field.expire_at is not None), default=1)


def _expiring_packed(fields: list[HashField]) -> bytes:
    return string(
        listpack([part for name, value, time in fields for part in (name, value, b"%d" % (time or 0))])
    )


def _expiring_valkey(fields: list[HashField]) -> bytes:
    parts = [string(one.name) + string(one.value) + pack("<q", one.expire_at or -1) for one in fields]
    return length(len(parts)) + b"".join(parts)


_EXPIRING: dict[tuple[bytes, int], Callable[[list[HashField]], bytes]] = {
    (REDIS, 22): lambda fields: _expiring(fields, 0),
    (REDIS, 23): _expiring_packed,
    (REDIS, 24): lambda fields: pack("<q", _earliest(fields)) + _expiring(fields, _earliest(fields) - 1),
    (REDIS, 25): lambda fields: pack("<q", _earliest(fields)) + _expiring_packed(fields),
    (VALKEY, 22): _expiring_valkey,
}


def _expiring_hashes(magic: bytes, kind: int) -> st.SearchStrategy[Made]:
    encode = _EXPIRING[magic, kind]
    return _FIELDS.map(lambda fields: Made(magic, kind, "hash", encode(fields), fields))


_ENTRY_FIELDS = st.one_of(st.just([b"a", b"b"]), st.lists(TEXTS, min_size=1, max_size=4)).flatmap(
    lambda names: st.tuples(*[st.tuples(st.just(name), TEXTS) for name in names]).map(list)
)


@st.composite
def _streams(draw: st.DrawFn, version: int) -> Made:
    sizes = draw(st.lists(st.integers(0, 1000), max_size=8))
    ids = [f"{1_700_000_000_000 + sum(sizes[: at + 1])}-{at}" for at in range(len(sizes))]
    entries = [StreamEntry(one, draw(_ENTRY_FIELDS)) for one in ids]
    live = draw(st.integers(0, len(entries)))
    pending = [Pending(one, b"c%d" % (at % 2), at, at + 1) for at, one in enumerate(ids)]
    read = draw(st.one_of(st.none(), st.integers(0, 9))) if version >= 2 else None
    groups = [Group(b"g", "5-1", read, [b"c0", b"c1"], pending), Group(b"", "0-0", read, [], [])]
    deleted, added = ("7-1", 11) if version >= 2 else ("0-0", live)
    value = Stream(entries[:live], "9-9", deleted, added, groups)
    kind = {1: 15, 2: 19, 3: 21, 4: 26}[version]
    return Made(REDIS, kind, "stream", stream(value, version, deleted=entries[live:]), value)


_INTEGERS = st.sampled_from([7, 15, 31, 63]).flatmap(
    lambda bits: st.sets(st.integers(-(1 << bits), (1 << bits) - 1), max_size=20)
)


def _intsets(numbers: set[int]) -> Made:
    texts = [b"%d" % number for number in sorted(numbers)]
    return Made(REDIS, 11, "set", string(intset(texts)), texts)


#: Every encoding but modules'.
ENCODINGS: dict[str, st.SearchStrategy[Made]] = {
    "string": TEXTS.map(lambda text: Made(REDIS, 0, "string", string(text), text)),
    "list": _lists(1, "list", strings, OLD_REDIS),
    "list in a ziplist": _lists(10, "list", lambda value: string(ziplist(value)), OLD_REDIS),
    "list in ziplists": _lists(14, "list", _quicklist),
    "list in listpacks": _lists(18, "list", _quicklist2),
    "set": _lists(2, "set", strings),
    "set of integers": _INTEGERS.map(_intsets),
    "set in a listpack": _lists(20, "set", lambda value: string(listpack(value))),
    "zset with text scores": _zsets(3, scored_text, OLD_REDIS),
    "zset": _zsets(5, scored),
    "zset in a ziplist": _zsets(12, lambda value: string(ziplist(_score_texts(value)))),
    "zset in a listpack": _zsets(17, lambda value: string(listpack(_score_texts(value)))),
    "hash": _hashes(4, lambda value: strings(value, 2)),
    "hash in a zipmap": _hashes(9, lambda value: string(zipmap(value, unused=2)), OLD_REDIS),
    "hash in a ziplist": _hashes(13, lambda value: string(ziplist(value))),
    "hash in a listpack": _hashes(16, lambda value: string(listpack(value))),
    **{
        f"expiring hash {magic[:5].decode()} {kind}": _expiring_hashes(magic, kind)
        for magic, kind in _EXPIRING
    },
    **{f"stream {version}": _streams(version) for version in (1, 2, 3, 4)},
}
