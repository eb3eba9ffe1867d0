"""Damaged files and payloads: never a wrong value, never a hang, never more memory than is there."""

from __future__ import annotations

import struct
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demo.rdb_writer import Dump, compressed, intset, length, listpack, payload, string, strings
from engram_store.errors import SourceError
from io_connectors.redis.rdb import decode_dump, index_file, read_span
from io_connectors.redis.rdb.crc import crc64
from io_connectors.redis.rows import KeyRow
from tests.redis.made import ENCODINGS, OLD_REDIS, Made
from tests.redis.whole import Rows, read_whole

_MEBIBYTE = 1024 * 1024
_MAGIC_BYTES = 9
_CHECKSUM_BYTES = 8
_same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dump.rdb"


def one_of_everything(magic: bytes = b"REDIS0013") -> Dump:
    """A small file with a key of most encodings."""
    dump = Dump(magic)
    dump.aux(b"redis-ver", b"8.6.0")
    dump.select(0, 9, 1)
    dump.key(0, b"string", string(b"value"), 1_900_000_000_000)
    dump.key(0, b"number", string(b"12345"))
    dump.key(0, b"lzf", compressed(b"a" * 50, b"\x00a\xe0\x28\x00"))
    dump.key(4, b"hash", strings([b"f", b"1", b"g", b"2"], 2))
    dump.key(16, b"packed", string(listpack([b"f", b"-70000", b"g", b"x" * 70])))
    dump.raw(b"\xf9\x05")
    dump.key(11, b"numbers", string(intset([b"1", b"70000"])))
    dump.select(5)
    dump.key(18, b"list", length(1) + length(2) + string(listpack([b"a", b"b"])))
    dump.key(7, b"module", length(0xB5EB2DFFFADD6C01) + b"\x05" + string(b"data") + b"\x00")
    dump.key(0, b"", string(b"last"))
    return dump


def read_all(path: Path, *, salvage: bool = False, window: int = 64) -> Rows:
    index = index_file(path, span_keys=3, window=window, salvage=salvage)
    return [row for span in index.spans for row in read_span(path, index.magic, span, window)]


@pytest.mark.parametrize("magic", [b"REDIS0013", OLD_REDIS])
def test_truncation_at_every_byte_is_refused(path: Path, magic: bytes) -> None:
    whole = one_of_everything(magic).finish() if magic != OLD_REDIS else old_file()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        for window in (64, 4096):
            with pytest.raises(SourceError, match=r"is not a whole dump file") as refused:
                read_all(path, window=window)
            assert refused.value.why.startswith("at byte ")


def old_file() -> bytes:
    dump = Dump(OLD_REDIS)
    dump.key(2, b"set", strings([b"a", b"b"]))
    dump.key(0, b"", string(b"1"))
    return dump.finish()


def test_salvage_of_a_truncated_file_keeps_every_whole_key(path: Path) -> None:
    data = one_of_everything().finish()
    path.write_bytes(data)
    rows = read_all(path)
    best = 0
    for size in range(9, len(data)):
        path.write_bytes(data[:size])
        index = index_file(path, span_keys=3, window=64, salvage=True)
        found = read_all(path, salvage=True)
        assert found == rows[: len(found)]
        assert index.keys == sum(tally.types.total() for tally in index.databases.values()) == len(found)
        assert len(found) >= best
        best = len(found)
        assert index.loss is not None
        assert index.loss.start <= index.loss.offset <= index.loss.stop == size
        ended = index.loss.reason == "the data end within the checksum"
        assert index.loss.start == (0 if ended else index.loss.start)
        assert ended == (size > len(data) - 1 - _CHECKSUM_BYTES)
    assert best == len(rows)


def test_salvage_says_from_where_on_a_file_is_lost(path: Path) -> None:
    dump = one_of_everything()
    start = len(dump.finish()) - 1 - _CHECKSUM_BYTES
    dump.raw(b"\x20")  # a type that there is not
    dump.key(0, b"lost", string(b"value"))
    path.write_bytes(dump.finish())
    with pytest.raises(SourceError, match=f"at byte {start}: byte 0x20 begins no entry that version 13 has"):
        index_file(path)
    index = index_file(path, salvage=True)
    assert index.keys == 9
    assert index.loss is not None
    assert (index.loss.start, index.loss.stop) == (start, path.stat().st_size)
    assert index.announced == {0: 9, 5: 0}


def test_wrong_checksum_is_refused_and_salvaged(path: Path) -> None:
    data = bytearray(one_of_everything().finish())
    path.write_bytes(data)
    rows = read_all(path)
    data[data.index(b"last")] ^= 1
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"the checksum is [0-9a-f]{16}, of these bytes it would be"):
        index_file(path)
    index = index_file(path, salvage=True)
    assert index.loss is not None
    assert (index.loss.start, index.loss.stop, index.checked) == (0, len(data), False)
    assert read_all(path, salvage=True)[:-1] == rows[:-1]


def test_checksum_of_0_is_none(path: Path) -> None:
    path.write_bytes(one_of_everything().finish(checksum=False))
    index = index_file(path)
    assert (index.keys, index.checked, index.stop) == (9, False, path.stat().st_size)


@pytest.mark.parametrize("magic", [b"REDIS0013", b"VALKEY080"])
def test_no_flipped_bit_passes_the_checksum(path: Path, magic: bytes) -> None:
    data = one_of_everything(magic).finish()
    for bit in range(len(data) * 8):
        path.write_bytes(flipped(data, bit))
        with pytest.raises(SourceError):
            index_file(path)


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_flipped_bits_without_checksum_are_met_where_the_file_is_indexed(path: Path) -> None:
    """Whatever the index pass lets through can be read, though not always with the true values."""
    data = one_of_everything().finish(checksum=False)
    for bit in range(len(data) * 8):
        path.write_bytes(flipped(data, bit))
        try:
            read_all(path, salvage=True)
        except SourceError as error:
            assert bit < _MAGIC_BYTES * 8, error


@pytest.mark.parametrize("name", ENCODINGS)
def test_damage_in_any_encoding_takes_no_time_and_no_memory(path: Path, name: str) -> None:
    """Bits flipped and bytes overwritten where no checksum protects them."""

    @_same_folder
    @given(made=ENCODINGS[name], data=st.data())
    def check(made: Made, data: st.DataObject) -> None:
        dump = Dump(made.magic)
        dump.key(made.kind, b"key", made.encoded)
        dump.key(0, b"next", string(b"value"))
        whole = damaged(dump.finish(checksum=False), data)
        path.write_bytes(whole)
        tracemalloc.start()
        try:
            read_all(path, salvage=True, window=4096)
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < _MEBIBYTE + 200 * len(whole)

    check()


def damaged(whole: bytes, data: st.DataObject) -> bytes:
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(_MAGIC_BYTES, len(whole) - 1))
        changed[at] = data.draw(st.one_of(st.integers(0, 255), st.sampled_from([0x80, 0x81, 0xC3, 0xFF])))
    return bytes(changed)


@pytest.mark.parametrize("name", ENCODINGS)
def test_damaged_payloads_are_refused(name: str) -> None:
    @settings(max_examples=60)
    @given(made=ENCODINGS[name], data=st.data())
    def check(made: Made, data: st.DataObject) -> None:
        version = 80 if made.magic.startswith(b"VALKEY") else int(made.magic[5:])
        whole = payload(made.kind, made.encoded, version)
        bit = data.draw(st.integers(0, len(whole) * 8 - 1))
        with pytest.raises(SourceError, match="cannot be read"):
            decode_dump(flipped(whole, bit))
        with pytest.raises(SourceError, match="cannot be read"):
            decode_dump(whole[: data.draw(st.integers(0, len(whole) - 1))])
        inside = flipped(whole, bit % ((len(whole) - _CHECKSUM_BYTES) * 8))[:-_CHECKSUM_BYTES]
        with suppress(SourceError):
            decode_dump(inside + struct.pack("<Q", crc64(inside)))

    check()


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        (0, compressed(b"x" * 1000, b"\x01ab"), "3 compressed bytes cannot hold"),
        (
            0,
            b"\xc3" + length(3) + length(1 << 40) + b"\x01ab",
            "cannot hold the 1099511627776 that are claimed",
        ),
        (11, string(b"\x02\0\0\0\xff\xff\xff\xff"), "a set of integers has not the size that it claims"),
        (16, string(listpack([b"a"])), "a hash has a field without a value"),
        (17, string(listpack([b"a", b"b"])), "could not convert string to float"),
        (18, length(1) + length(9) + string(b"x"), "a list has a part of the unknown kind 9"),
        (20, string(listpack([b"abc"])[:-1]), "a listpack has not the size that it claims"),
    ],
)
def test_value_that_cannot_be_decoded_does_not_stop_the_others(
    path: Path, kind: int, value: bytes, reason: str
) -> None:
    dump = Dump(b"REDIS0013")
    dump.key(0, b"before", string(b"1"))
    dump.key(kind, b"broken", value, 77)
    dump.key(0, b"after", string(b"2"))
    path.write_bytes(dump.finish())
    for window in (64, 4096):
        before, broken, after = read_whole(path, window=window)
        assert not isinstance(broken, KeyRow)
        assert (before.key, broken.key, after.key) == (b"before", b"broken", b"after")
        assert reason in broken.reason
        assert (broken.expire_at, broken.size) == (77, 9 + 1 + 7 + len(value))


def test_key_whose_name_is_broken_is_told_by_its_bytes(path: Path) -> None:
    dump = Dump()
    name = compressed(b"x" * 50, b"\x01ab")
    dump.raw(b"\x00", name, string(b"value"))
    path.write_bytes(dump.finish())
    [row] = read_whole(path)
    assert (row.key, row.type) == (name, "string")


def test_old_modules_end_what_can_be_read(path: Path) -> None:
    dump = Dump(b"REDIS0008")
    dump.key(0, b"before", string(b"1"))
    dump.key(6, b"module", length(5) + b"anything")
    path.write_bytes(dump.finish())
    with pytest.raises(SourceError, match=r"before Redis 4\.0\.0"):
        index_file(path)
    assert [row.key for row in read_all(path, salvage=True)] == [b"before"]


@pytest.mark.parametrize("behind", [b"x", b"*1\r\n", bytes(8)])
def test_what_follows_the_checksum_is_not_the_dumps(path: Path, behind: bytes) -> None:
    data = one_of_everything().finish()
    path.write_bytes(data + behind)
    assert index_file(path).stop == len(data)


def test_old_file_that_goes_on_behind_its_end_is_refused(path: Path) -> None:
    path.write_bytes(old_file() + bytes(8))
    with pytest.raises(SourceError, match="version 3 ends here, yet there is more"):
        index_file(path)


@pytest.mark.parametrize(
    "content", [b"", b"REDIS", b"REDISxxxx", b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"]
)
def test_file_that_is_no_dump_is_refused_even_to_salvage(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(SourceError, match="a dump file begins with REDIS or VALKEY and a version"):
        index_file(path, salvage=True)


def test_file_that_cannot_be_opened(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.rdb", tmp_path):
        with pytest.raises(SourceError, match="cannot be read"):
            index_file(path)


def test_file_that_changed_since_it_was_indexed(path: Path) -> None:
    data = one_of_everything().finish()
    path.write_bytes(data)
    index = index_file(path)
    for changed in (data[:60], data.replace(b"last", b"lost"), data.replace(b"string", b"\x20tring")):
        path.write_bytes(changed)
        with pytest.raises(SourceError, match="has changed since it was indexed"):
            [row for span in index.spans for row in read_span(path, index.magic, span)]
