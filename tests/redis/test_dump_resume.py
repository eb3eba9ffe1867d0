"""Stopped at any point, a migration of files goes on; of a newer file only what is new is read."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from demo import cache
from demo.rdb_writer import Dump, string
from engram_store import pages
from pipelines import migration
from pipelines.validation.validate import checks_after
from tests.pipelines.command import stopped
from tests.pipelines.stored import kept, page_files, report, stored, temporaries
from tests.redis.conftest import MADE_AT
from tests.redis.migrations import as_of, found, in_process, migrate, started
from tests.servers.redis import find_program

KILLS = 5
PAGE = ("--batch-size", "20", "--ttl-as-decay")


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A dump of about 12,000 keys."""
    path = tmp_path / "large.rdb"
    cache.build(path, products=3_000, made_at=MADE_AT)
    return path


@pytest.mark.slow
def test_killed_many_times_loses_and_repeats_nothing(large: Path, tmp_path: Path, target: Path) -> None:
    random, pages = Random(4), page_files(target)
    for attempt in range(KILLS):
        workers = ("--parallel-workers", str(1 + attempt % 2))
        process = started(target, random.randint(1, 30), "--use-rdb", large, *PAGE, *workers)
        assert stopped(process, signal.SIGKILL).code == -signal.SIGKILL
        assert kept(pages, page_files(target))
        pages = page_files(target)
    # Another page size and number of workers do not matter to a run that has begun.
    migrate(target, "--use-rdb", large, "--ttl-as-decay", "--parallel-workers", "4").succeeded()
    assert kept(pages, page_files(target))
    assert in_process("--use-rdb", large, "--target", tmp_path / "whole", "--ttl-as-decay") == 0
    assert stored(target).differences(stored(tmp_path / "whole")) == []
    assert not temporaries(target)
    assert report(target)["valid"]


@pytest.mark.slow
@pytest.mark.skipif(find_program() is None, reason="no redis-server; run scripts/setup-servers.sh")
def test_killed_replay_of_commands_goes_on_with_the_same_pages(tmp_path: Path, target: Path) -> None:
    commands = tmp_path / "commands.aof"
    commands.write_bytes(
        b"".join(_command(b"SADD", b"set:%d" % (n % 5_000), b"%d" % n) for n in range(20_000))
    )
    process = started(target, 5, "--use-aof", commands, "--batch-size", "20")
    stopped(process, signal.SIGKILL)
    pages = page_files(target)
    migrate(target, "--use-aof", commands, "--batch-size", "20").succeeded()
    assert kept(pages, page_files(target))
    assert len(found(target)) == 5_000
    (replayed,) = target.glob("runs/*/replayed-*.rdb")
    # What was added later is replayed anew.
    commands.write_bytes(commands.read_bytes() + _command(b"SET", b"later", b"1"))
    migrate(target, "--use-aof", commands, "--batch-size", "20").succeeded()
    assert len(found(target)) == 5_001
    assert not replayed.exists()
    assert len(list(target.glob("runs/*/replayed-*"))) == 1


def _command(*words: bytes) -> bytes:
    return b"".join((b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)))


def test_finished_run_of_the_same_file_reads_nothing(
    shop: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--use-rdb", shop, "--target", target, "--ttl-clock", "now", *PAGE)
    assert in_process(*flags) == 0
    moment, pages = as_of(target), page_files(target)
    capsys.readouterr()
    assert in_process(*flags) == 0
    assert "808 records, 0 of them in this attempt" in capsys.readouterr().out
    assert (as_of(target), page_files(target)) == (moment, pages)


def test_attempt_that_finds_nothing_changed_opens_no_page(
    shop: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ("--use-rdb", shop, "--target", target, *PAGE)
    assert in_process(*flags) == 0
    first = report(target)
    with monkeypatch.context() as closed:
        closed.setattr(pages, "_readable", _must_not_be_called)
        assert in_process(*flags) == 0
    again = report(target)
    own = {"seconds", "new_records", "notes", "peak_memory"}
    assert {k: v for k, v in first.items() if k not in own} == {
        k: v for k, v in again.items() if k not in own
    }
    # Killed before it could say what it had come to, an attempt leaves pages that need not be read again.
    next((target / "runs").glob("*/outcome.json")).unlink()
    assert in_process(*flags) == 0
    assert report(target)["new_records"] == 0 and report(target)["distributions"] == first["distributions"]


def _must_not_be_called(path: Path) -> None:
    raise AssertionError(f"{path} was opened")


def test_checks_stand_only_as_long_as_nothing_changes(
    shop: Path, target: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ("--use-rdb", shop, "--target", target, *PAGE)
    made: list[str] = []

    def checks(*given: Any) -> Any:
        made.append("checked")
        return checks_after(*given)

    monkeypatch.setattr(migration, "checks_after", checks)
    assert in_process(*flags) == 0
    first = report(target)["checks"]
    assert in_process(*flags) == 0
    assert len(made) == 1 and report(target)["checks"] == first
    assert "its checks stand" in capsys.readouterr().out
    next(iter((target / "runs").glob("*/memories/*.parquet"))).unlink()
    assert in_process(*flags) == 0
    assert len(made) == 2
    shutil.rmtree(target / "serving")
    assert in_process(*flags) == 0
    assert len(made) == 3


def _numbers(path: Path, values: dict[int, bytes], expire_at: int | None = None) -> Path:
    dump = Dump(b"REDIS0009")
    dump.aux(b"ctime", b"%d" % (MADE_AT + len(values)))
    dump.select(0)
    for number, value in values.items():
        dump.key(0, b"key:%06d" % number, string(value), expire_at)
    path.write_bytes(dump.finish())
    return path


def test_of_a_newer_dump_only_changed_pages_are_read(
    tmp_path: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {number: b"value %d" % number for number in range(1_000)}
    dump = _numbers(tmp_path / "dump.rdb", values)
    assert in_process("--use-rdb", dump, "--target", target, "--batch-size", "100") == 0
    before = page_files(target)
    # A value that is longer moves all that stands behind it; a new key comes at the end.
    newer = {**values, 250: b"much longer than before", 1_000: b"new"}
    _numbers(dump, newer)
    assert in_process("--use-rdb", dump, "--target", target, "--batch-size", "100") == 0
    assert "read in 2 attempts; what changed in between was read again" in capsys.readouterr().out
    after = page_files(target)
    assert len(before) == 10 and len(before.items() & after.items()) == 9
    memories = found(target)
    assert len(memories) == 1_001
    assert '"much longer than before"' in memories["redis_key:000250"].content
    # A key that went takes its memory along.
    del newer[999]
    _numbers(dump, newer)
    assert in_process("--use-rdb", dump, "--target", target, "--batch-size", "100") == 0
    assert "redis_key:000999" not in found(target)


def test_of_a_newer_dump_with_times_to_live_all_decays_are_counted_anew(tmp_path: Path, target: Path) -> None:
    expire_at = (MADE_AT + 7_200) * 1000
    dump = _numbers(tmp_path / "dump.rdb", {1: b"a"}, expire_at)
    flags = ("--use-rdb", dump, "--target", target, "--ttl-as-decay")
    assert in_process(*flags) == 0
    first = found(target)["redis_key:000001"].decay_rate
    _numbers(dump, {1: b"a", 2: b"b"}, expire_at)
    assert in_process(*flags) == 0
    second = found(target)
    assert second["redis_key:000001"].decay_rate == second["redis_key:000002"].decay_rate > first


@pytest.mark.slow
def test_file_that_changes_while_it_is_read_stops_the_run(large: Path, target: Path) -> None:
    newer = large.with_suffix(".new")
    cache.build(newer, products=3_000, seed=8, made_at=MADE_AT)
    process = started(target, 5, "--use-rdb", large, *PAGE)
    os.replace(newer, large)
    process.end().failed(3, "has changed since it was indexed", "run the same command again")
    migrate(target, "--use-rdb", large, *PAGE).succeeded()
    assert report(target)["valid"]
    target_of_newer = target.with_name("newer")
    assert in_process("--use-rdb", large, "--target", target_of_newer, "--ttl-as-decay") == 0
    assert stored(target).differences(stored(target_of_newer)) == []


@pytest.mark.parametrize(
    "flags", [("--source-db", "all"), ("--match", "session:*"), ("--ttl-clock", "now"), ("--ttl-as-decay",)]
)
def test_other_choices_do_not_go_on_with_a_run(
    shop: Path, target: Path, flags: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_process("--use-rdb", shop, "--target", target) == 0
    assert in_process("--use-rdb", shop, "--target", target, *flags) == 7
    assert "was begun with other settings" in capsys.readouterr().err


def test_file_by_another_name_is_another_source(
    shop: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_process("--use-rdb", shop, "--target", target) == 0
    other = Path(shutil.copy(shop, shop.with_name("other.rdb")))
    assert in_process("--use-rdb", other, "--target", target) == 2
    assert "already holds memories of another source" in capsys.readouterr().err
