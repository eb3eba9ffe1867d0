"""Every encoding, made by the tests' own writer: in files at any window, and as DUMP payloads."""

from __future__ import annotations

from pathlib import Path
from struct import pack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demo.rdb_writer import Dump, length, payload, string, strings, zipmap
from engram_store.errors import SourceError
from io_connectors.redis.rdb import Undecodable, decode_dump, index_file, read_span
from io_connectors.redis.rdb.listpack import listpack
from io_connectors.redis.rdb.read import MOST_KEPT
from io_connectors.redis.rows import KeyRow
from tests.redis.made import ENCODINGS, OLD_REDIS, REDIS, TEXTS, VALKEY, Made
from tests.redis.whole import indexed_and_read, read_whole

WINDOWS = st.sampled_from([64, 65, 97, 1000, 4 * 1024 * 1024])
MODULE = 7
#: The module type ``ReJSON-RL``, without its version.
REJSON = 0x45E25238DF912C00
#: The module type ``test__rdb`` with version 1, as a real file has it.
UNKNOWN = 0xB5EB2DFFFADD6C01

_same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dump.rdb"


@pytest.mark.parametrize("name", ENCODINGS)
def test_file_of_one_encoding(path: Path, name: str) -> None:
    @_same_folder
    @given(
        made=ENCODINGS[name],
        key=TEXTS,
        window=WINDOWS,
        expire_at=st.one_of(st.none(), st.integers(0, 1 << 62)),
    )
    def check(made: Made, key: bytes, window: int, expire_at: int | None) -> None:
        dump = Dump(made.magic)
        dump.select(3)
        dump.key(made.kind, key, made.encoded, expire_at)
        dump.key(0, b"next", string(b"value"))
        path.write_bytes(dump.finish())
        index, [first, second] = indexed_and_read(path, parts=2, window=window)
        assert repr(first) == repr(KeyRow(3, key, made.type, made.value, expire_at))
        assert second == KeyRow(3, b"next", "string", b"value", None)
        assert index.databases[3].expiring == (expire_at is not None)

    check()


@pytest.mark.parametrize("behind", [b"\x7f\xff", b"\x00\xff\xff"], ids=["as Valkey 9.1", "as all others"])
def test_element_whose_size_is_all_ones(behind: bytes) -> None:
    """Of 16,383 bytes with its head; servers do not agree on how many bytes its size takes."""
    text = b"x" * 16_378
    data = b"\xf0" + pack("<I", len(text)) + text + behind + b"\x81n\x02"
    packed = pack("<IH", len(data) + 7, 2) + data + b"\xff"
    assert listpack(packed) == [text, b"n"]
    assert decode_dump(payload(20, string(packed), 11)) == ("set", [text, b"n"])


@pytest.mark.parametrize("name", ENCODINGS)
def test_payload_of_one_encoding(name: str) -> None:
    @settings(max_examples=50)
    @given(made=ENCODINGS[name])
    def check(made: Made) -> None:
        version = 80 if made.magic == VALKEY else int(made.magic[5:])
        found = decode_dump(payload(made.kind, made.encoded, version))
        assert repr(found) == repr((made.type, made.value))

    check()


@pytest.mark.parametrize(
    ("number", "parts", "text"),
    [
        (3, [b"\x05", string(b'{"a":1}'), b"\x00"], b'{"a":1}'),
        (2, [b"\x05", string(b"[]"), b"\x02\x00\x00"], b"[]"),
        (0, [b"\x02\x01\x00"], b"null"),
        (0, [b"\x02\x10\x05", string(b"1"), b"\x00"], b"true"),
        (0, [b"\x02\x04\x04", pack("<d", 2.5), b"\x00"], b"2.5"),
        (1, [b"\x02\x08\x01\x81", pack(">q", -7), b"\x00"], b"-7"),
        (
            0,
            [b"\x02\x40\x40\x02\x02\x02\x02\x05", string("é".encode()), b"\x02\x01\x00"],
            '["é",null]'.encode(),
        ),
    ],
)
def test_json_documents_of_every_version(path: Path, number: int, parts: list[bytes], text: bytes) -> None:
    value = length(REJSON | number) + b"".join(parts)
    dump = Dump()
    dump.key(MODULE, b"document", value)
    path.write_bytes(dump.finish())
    index, [row] = indexed_and_read(path, window=64)
    assert row == KeyRow(0, b"document", "json", text, None)
    assert index.databases[0].types == {"json": 1}
    assert decode_dump(payload(MODULE, value)) == ("json", text)


def test_unknown_module_is_a_key_that_cannot_be_decoded(path: Path) -> None:
    value = (
        length(UNKNOWN) + b"\x02\x05\x03\x00\x00\x80\x3f\x04" + bytes(8) + b"\x05" + string(b"data") + b"\x00"
    )
    dump = Dump()
    dump.key(0, b"before", string(b"1"))
    dump.key(MODULE, b"unknown", value, 1234)
    dump.key(0, b"after", string(b"2"))
    path.write_bytes(dump.finish())
    for window in (64, 4096):
        index, rows = indexed_and_read(path, window=window)
        reason = "values of the module type test__rdb (version 1) can only be read by their module"
        entry = b"\xfc" + pack("<q", 1234) + b"\x07" + string(b"unknown") + value
        assert rows == [
            KeyRow(0, b"before", "string", b"1", None),
            Undecodable(0, b"unknown", "test__rdb", 1234, reason, len(entry), entry),
            KeyRow(0, b"after", "string", b"2", None),
        ]
        assert index.databases[0].types == {"string": 2, "test__rdb": 1}
    with pytest.raises(SourceError, match="test__rdb"):
        decode_dump(payload(MODULE, value))


@pytest.mark.parametrize(("size", "is_kept"), [(100, True), (MOST_KEPT, False)])
def test_small_entries_that_cannot_be_decoded_are_kept(path: Path, size: int, is_kept: bool) -> None:
    dump = Dump()
    dump.key(16, b"broken", string(b"x" * size))
    path.write_bytes(dump.finish())
    [row] = read_whole(path, window=64)
    assert isinstance(row, Undecodable)
    assert row.size == path.stat().st_size - 9 - 9
    assert row.entry == (path.read_bytes()[9:-9] if is_kept else b"")


@pytest.mark.parametrize("count", [b"\x01", b"\x03", b"\xfd"])
def test_zipmap_of_another_number_of_fields(count: bytes) -> None:
    packed = zipmap([b"a", b"1", b"b", b"2"])
    with pytest.raises(SourceError, match="not as many fields as it claims"):
        decode_dump(payload(9, string(count + packed[1:])))


@pytest.mark.parametrize("window", [64, 4 * 1024 * 1024])
def test_spans_end_behind_so_many_bytes(path: Path, window: int) -> None:
    dump = Dump()
    for number in range(10):
        dump.key(0, b"%d" % number, string(b"x" * (5000 if number in (3, 4, 9) else 500)))
    path.write_bytes(dump.finish())
    spans = index_file(path, span_keys=4, span_bytes=2000, window=window).spans
    assert [span.keys for span in spans] == [4, 1, 4, 1]
    keys = [row.key for span in spans for row in read_span(path, "REDIS0011", span, window)]
    assert keys == [b"%d" % number for number in range(10)]


def test_everything_that_stands_between_and_before_keys(path: Path) -> None:
    dump = Dump(REDIS)
    dump.aux(b"redis-ver", b"8.6.0")
    dump.aux(b"ctime", b"1795479758")
    dump.raw(
        b"\xf5", string(b"#!lua name=lib"), b"\xf6", string(b"f"), string(b"LUA"), b"\x00", string(b"code")
    )
    dump.raw(b"\xf6", string(b"f"), string(b"LUA"), b"\x01", string(b"what for"), string(b"code"))
    dump.raw(b"\xf7", length(UNKNOWN), b"\x02\x01\x05", string(b"data"), b"\x00")
    dump.select(0, 5, 1)
    dump.raw(b"\xf4", length(1), length(5), length(70_000))
    dump.raw(b"\xf3\x01", bytes(4), b"\x02\x07\x00")  # what a module knows of the next key
    dump.key(0, b"a", string(b"1"), 1_800_000_000_000)
    dump.raw(b"\xf8", length(20_000))
    dump.key(0, b"b", string(b"2"))
    dump.raw(b"\xfd", pack("<i", 1_800_000_000), b"\xf9\x05")
    dump.key(0, b"c", string(b"3"))
    dump.select(12)
    dump.key(2, b"d", strings([b"x"]))
    path.write_bytes(dump.finish())
    for parts in (1, 2, 4):
        index, rows = indexed_and_read(path, parts=parts, window=64)
        assert rows == [
            KeyRow(0, b"a", "string", b"1", 1_800_000_000_000),
            KeyRow(0, b"b", "string", b"2", None),
            KeyRow(0, b"c", "string", b"3", 1_800_000_000_000),
            KeyRow(12, b"d", "set", [b"x"], None),
        ]
        assert index.aux == {"redis-ver": "8.6.0", "ctime": "1795479758"}
        assert (index.functions, index.module_data, index.checked) == (3, 1, True)
        assert {db: (tally.types, tally.expiring) for db, tally in index.databases.items()} == {
            0: ({"string": 3}, 2),
            12: ({"set": 1}, 0),
        }


def test_opcode_243_is_another_in_valkey(path: Path) -> None:
    dump = Dump(VALKEY)
    dump.raw(b"\xf3", string(b"job"), length(2), length(0), length(5), length(7), length(16_383))
    dump.key(0, b"a", string(b"1"))
    path.write_bytes(dump.finish())
    assert read_whole(path, window=64) == [KeyRow(0, b"a", "string", b"1", None)]


def test_payload_may_begin_with_what_modules_know_of_the_key() -> None:
    value = bytes([0]) + string(b"text")
    head = b"\x01" + bytes(4) + b"\x05" + string(b"x") + b"\x00"
    assert decode_dump(payload(0xF3, head + value, 13)) == ("string", b"text")


def test_names_of_spans_are_their_content(path: Path) -> None:
    """Another dump of the same keys has the same spans, though its head says another time."""

    def digests(ctime: bytes) -> list[str]:
        dump = Dump()
        dump.aux(b"ctime", ctime)
        dump.select(1)
        for number in range(10):
            dump.key(0, b"%d" % number, string(b"x" * number))
        path.write_bytes(dump.finish())
        return [span.digest for span in index_file(path, span_keys=3).spans]

    assert digests(b"1") == digests(b"1700000000")
    assert len(set(digests(b"1"))) == 4


@pytest.mark.parametrize("magic", [b"REDIS0001", OLD_REDIS, b"REDIS0005", b"REDIS0013", VALKEY])
def test_versions_that_are_known(path: Path, magic: bytes) -> None:
    dump = Dump(magic)
    dump.key(0, b"a", string(b"1"))
    path.write_bytes(dump.finish())
    index, rows = indexed_and_read(path)
    assert (index.magic.encode(), rows) == (magic, [KeyRow(0, b"a", "string", b"1", None)])
    assert index.checked == (magic not in (b"REDIS0001", OLD_REDIS))


@pytest.mark.parametrize("magic", [b"REDIS0000", b"REDIS0014", b"REDIS9999", b"VALKEY079", b"VALKEY081"])
def test_versions_that_are_not_known(path: Path, magic: bytes) -> None:
    path.write_bytes(magic + Dump().finish()[9:])
    with pytest.raises(SourceError, match="is not known, only"):
        index_file(path, salvage=True)


@pytest.mark.parametrize("version", [0, 14, 79, 81, 65_535])
def test_payloads_of_versions_that_are_not_known(version: int) -> None:
    with pytest.raises(SourceError, match="is not known, only"):
        decode_dump(payload(0, string(b"x"), version))
