"""What is wrong with a dump file is said before anything is written, or what of it was lost."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from demo.rdb_writer import Dump, string, strings
from tests.pipelines.command import Ended
from tests.pipelines.stored import only_run, report
from tests.redis.conftest import MADE_AT
from tests.redis.migrations import found, in_process, migrate


@pytest.fixture
def refused(target: Path, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """``refused(code, words, *flags)`` asserts that a migration is refused and nothing was written."""

    def check(code: int, words: tuple[str, ...], *flags: str | Path) -> None:
        ended = Ended(in_process(*flags, "--target", target), "", capsys.readouterr().err)
        ended.failed(code, *words)
        assert not target.exists()

    return check


def test_neither_none_nor_two_sources(refused, shop: Path) -> None:  # type: ignore[no-untyped-def]
    refused(2, ("`--source` is missing", "or `--use-rdb` or `--use-aof`", "pipelines.redis"))
    refused(2, ("`--use-rdb` and `--use-aof` are given",), "--use-rdb", shop, "--use-aof", shop)
    refused(2, ("`--source` and `--use-rdb`",), "--use-rdb", shop, "--source", "redis://localhost")
    refused(2, ("`--rdb-engine rdbtools`",), "--use-aof", shop, "--rdb-engine", "rdbtools")


def test_what_is_no_dump_file(refused, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    text = tmp_path / "text.rdb"
    text.write_text("Dear diary")
    empty = tmp_path / "empty.rdb"
    empty.touch()
    refused(3, ("No such file",), "--use-rdb", tmp_path / "nothing.rdb")
    refused(3, ("directory",), "--use-rdb", tmp_path)
    refused(3, ("not a whole dump file", "begins with REDIS"), "--use-rdb", text)
    refused(3, ("not a whole dump file",), "--use-rdb", text, "--salvage")
    refused(3, ("not a whole dump file",), "--use-rdb", empty)


def test_newer_version_of_the_format(refused, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    newer = tmp_path / "newer.rdb"
    newer.write_bytes(Dump(b"REDIS0099").finish())
    refused(3, ("version 99", "is not known"), "--use-rdb", newer)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.9999])
def test_cut_off_file(refused, shop: Path, share: float) -> None:  # type: ignore[no-untyped-def]
    data = shop.read_bytes()
    shop.write_bytes(data[: max(9, int(len(data) * share))])
    refused(3, ("not a whole dump file", "--salvage"), "--use-rdb", shop)


def test_flipped_bit(refused, shop: Path) -> None:  # type: ignore[no-untyped-def]
    data = bytearray(shop.read_bytes())
    at = data.index(b"garden")
    data[at] ^= 1
    shop.write_bytes(data)
    refused(3, ("the checksum is",), "--use-rdb", shop)


def test_salvage_keeps_what_is_whole_and_tells_the_loss(
    shop: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_process("--use-rdb", shop, "--target", target.with_name("whole")) == 0
    whole = found(target.with_name("whole"))
    data = shop.read_bytes()
    shop.write_bytes(data[: len(data) // 2])
    assert in_process("--use-rdb", shop, "--target", target, "--salvage") == 0
    kept = found(target)
    assert 300 < len(kept) < 700
    assert all(memory.content == whole[name].content for name, memory in kept.items())
    out = capsys.readouterr().out
    assert "could not be read, with all keys in them" in out
    notes = report(target)["notes"]
    assert isinstance(notes, list) and "salvaged: bytes" in notes[0]


def test_salvage_of_a_wrong_checksum_says_that_any_key_may_be_wrong(
    shop: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bytearray(shop.read_bytes())
    data[data.index(b"garden")] ^= 1
    shop.write_bytes(data)
    assert in_process("--use-rdb", shop, "--target", target, "--salvage") == 0
    assert "the damage may be in any key" in capsys.readouterr().out
    assert len(found(target)) == 805


def test_append_only_file_is_no_dump(refused, shop: Path) -> None:  # type: ignore[no-untyped-def]
    shop.write_bytes(shop.read_bytes() + b"*1\r\n$7\r\nFLUSHDB\r\n")
    refused(3, ("is an append-only file", "--use-aof"), "--use-rdb", shop)
    shop.write_bytes(b"*1\r\n$7\r\nFLUSHDB\r\n")
    refused(3, ("is an append-only file", "at byte 0"), "--use-rdb", shop)


def test_bytes_behind_the_end_are_passed_over_as_servers_do(
    shop: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.write_bytes(shop.read_bytes() + b"\n")
    assert in_process("--use-rdb", shop, "--target", target) == 0
    assert "not read: 1 bytes behind the end" in capsys.readouterr().out


@pytest.fixture
def partly_undecodable(tmp_path: Path) -> Path:
    """Keys that can be read, one of an unknown module and two whose packed values are broken."""
    dump = Dump(b"REDIS0011")
    dump.aux(b"ctime", b"%d" % MADE_AT)
    dump.select(0)
    dump.key(0, b"before", string(b"1"))
    dump.key(7, b"filter", b"\x81" + (0x0123456789ABCDEF).to_bytes(8, "big") + b"\x02\x05\x00")
    dump.key(16, b"bad \xff hash", string(b"no listpack"))
    dump.key(20, b"bad set", string(b"no listpack"), (MADE_AT + 60) * 1000)
    dump.key(1, b"behind", strings([b"a", b"b"]))
    path = tmp_path / "odd.rdb"
    path.write_bytes(dump.finish())
    return path


def test_undecodable_values_are_dead_letters_and_cost_no_other_key(
    partly_undecodable: Path, target: Path
) -> None:
    assert in_process("--use-rdb", partly_undecodable, "--target", target) == 0
    assert sorted(found(target)) == ["redis_before", "redis_behind"]
    document = report(target)
    assert (document["dead_letters"], document["valid"]) == (3, True)
    letters = [json.loads(letter["record"]) for letter in only_run(target).dead_letters()]
    data = partly_undecodable.read_bytes()
    assert {letter["key"] for letter in letters} == {"filter", "bad %FF hash", "bad set"}
    for letter in letters:
        entry = base64.b64decode(letter["entry_base64"])
        assert entry in data and len(entry) == letter["bytes"]


def test_dead_letters_name_key_type_and_reason(
    partly_undecodable: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipelines.__main__ import main

    assert in_process("--use-rdb", partly_undecodable, "--target", target) == 0
    capsys.readouterr()
    assert main(["dead-letters", "--target", str(target)]) == 0
    shown = capsys.readouterr().out
    assert "bad %FF hash" in shown and "bad set" in shown and "filter" in shown
    assert "hash" in shown and "listpack" in shown


def test_more_dead_letters_than_allowed_stop_the_run(partly_undecodable: Path, target: Path) -> None:
    migrate(target, "--use-rdb", partly_undecodable, "--max-dead-letters", "2").failed(5, "3 records")


def test_value_beyond_the_limit_is_refused_and_replayed(tmp_path: Path, target: Path) -> None:
    dump = Dump()
    dump.select(0)
    dump.key(0, b"large", string(b"x" * 5_000))
    dump.key(0, b"small", string(b"y"))
    file = tmp_path / "dump.rdb"
    file.write_bytes(dump.finish())
    assert in_process("--use-rdb", file, "--target", target, "--max-content-bytes", "1000") == 0
    assert sorted(found(target)) == ["redis_small"]
    assert in_process("--use-rdb", file, "--target", target, "--replay") == 0
    assert sorted(found(target)) == ["redis_large", "redis_small"]
