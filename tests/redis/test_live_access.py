"""Who may read a server, by which way, and what is said when it does not work."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import hiredis
import pytest

from engram_store.errors import SourceError, SourceTransientError
from io_connectors.redis.keyspace import Selection
from io_connectors.redis.live.address import RedisAddress
from io_connectors.redis.live.keyspace import open_live
from io_connectors.redis.live.refusals import translate
from io_connectors.retry import RetryPolicy
from io_connectors.secrets import SecretRef
from tests.pipelines.stored import stored
from tests.redis.filled import fill
from tests.redis.migrations import migrate
from tests.redis.reading import ALL, assert_same, ordered, pages_of, read_dump
from tests.servers.ports import free_port
from tests.servers.redis import RedisServer

_PASSWORD = "correct horse#battery"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures that may pass are tried once."""
    monkeypatch.setattr(RetryPolicy, "attempts", 1)


@pytest.fixture(scope="module")
def guarded() -> Iterator[RedisServer]:
    """A server with keys, a password, and users who may read all, little, or not by DUMP."""
    with RedisServer() as server:
        client: Any = server.client()
        fill(client)
        acl = client.execute_command
        acl("ACL", "SETUSER", "reader", "on", f">{_PASSWORD}", "~*", "+@read", "+select", "+info")
        acl(
            "ACL",
            "SETUSER",
            "nodump",
            "on",
            f">{_PASSWORD}",
            "~*",
            "+@read",
            "-dump",
            "-memory|usage",
            "+time",
        )
        acl("ACL", "SETUSER", "some", "on", f">{_PASSWORD}", "~hash:*", "+@read", "+select")
        acl("ACL", "SETUSER", "noscan", "on", f">{_PASSWORD}", "~*", "+get")
        client.config_set("requirepass", _PASSWORD)
        server.password = _PASSWORD
        yield server


def _address(server: RedisServer, user: str = "", password: str = _PASSWORD) -> RedisAddress:
    return RedisAddress.parse(server.url, user, SecretRef.keep("GUARDED", password))


def test_password_of_the_default_user(guarded: RedisServer) -> None:
    rows = ordered([row for page in pages_of(_address(guarded)) for row in page.rows])
    assert_same(rows, read_dump(guarded))


def test_user_who_may_only_read(guarded: RedisServer) -> None:
    rows = ordered([row for page in pages_of(_address(guarded, "reader")) for row in page.rows])
    assert_same(rows, read_dump(guarded))


def test_user_who_may_not_dump_gets_the_same_rows(guarded: RedisServer) -> None:
    pages = pages_of(_address(guarded, "nodump"), Selection())
    assert not any(page.dead_letters for page in pages)
    assert_same(ordered([row for page in pages for row in page.rows]), read_dump(guarded), slack=1)


def test_keys_that_a_user_may_not_read_are_dead_letters(guarded: RedisServer) -> None:
    pages = pages_of(_address(guarded, "some"), Selection())
    rows = [row for page in pages for row in page.rows]
    letters = [letter for page in pages for letter in page.dead_letters]
    assert [row.key for row in ordered(rows)] == [b"hash:all", b"hash:long", b"hash:short"]
    assert len(letters) > 200
    assert all(letter.reason.startswith("NOPERM") and letter.suggestion for letter in letters)


@pytest.mark.parametrize(
    ("user", "password", "why", "suggestion"),
    [
        ("", "", "NOAUTH Authentication required", "ENGRAM_MIGRATE_SOURCE_PASSWORD"),
        ("", "wrong", "WRONGPASS", "`--source-user` and the password"),
        ("nobody", "wrong", "WRONGPASS", "`--source-user` and the password"),
        ("noscan", _PASSWORD, "NOPERM", "ACL SETUSER"),
    ],
)
def test_who_is_refused(guarded: RedisServer, user: str, password: str, why: str, suggestion: str) -> None:
    address = RedisAddress.parse(guarded.url) if not password else _address(guarded, user, password)
    error = _refusal(address)
    assert error.why.startswith(why) and suggestion in error.suggestion
    assert _PASSWORD not in str(error) and "wrong" not in str(error).lower().replace("wrongpass", "")


def test_user_without_a_password(guarded: RedisServer) -> None:
    error = _refusal(RedisAddress.parse(guarded.url, "reader"))
    assert "without a password" in error.what


def test_password_for_a_server_that_has_none(redis_server: RedisServer) -> None:
    error = _refusal(RedisAddress.parse(redis_server.url, "", SecretRef.keep("NEEDLESS", "x")))
    assert error.suggestion == "leave the password out: the server has none"


def test_databases_that_cannot_be_told(guarded: RedisServer) -> None:
    assert _refusal(_address(guarded, "nodump"), ALL).why.startswith("NOPERM")


def test_database_that_is_not_there(redis_server: RedisServer) -> None:
    error = _refusal(RedisAddress.parse(redis_server.url), Selection((16,)))
    assert "INFO keyspace" in error.suggestion


def test_protected_mode() -> None:
    told = "DENIED Redis is running in protected mode because no password is set. In this mode, connections …"
    error = translate(hiredis.ReplyError(told), "connecting")
    assert error.why == told.partition(". ")[0] and "protected mode" in error.suggestion


@pytest.mark.parametrize(
    "told", ["LOADING Redis is loading", "MASTERDOWN Link", "CLUSTERDOWN", "MOVED 1 a:1", "ASK 1 a:1"]
)
def test_what_passes_is_worth_another_try(told: str) -> None:
    error = translate(hiredis.ReplyError(told), "reading")
    assert isinstance(error, SourceTransientError) and error.why == told


def test_nobody_there() -> None:
    error = _refusal(RedisAddress.parse(f"redis://127.0.0.1:{free_port()}"))
    assert isinstance(error, SourceTransientError) and error.why == "Connection refused"


def test_no_such_host_and_no_such_socket(tmp_path: Path) -> None:
    assert isinstance(_refusal(RedisAddress.parse("redis://nowhere.invalid")), SourceTransientError)
    error = _refusal(RedisAddress.parse(f"unix://{tmp_path}/none.sock"))
    assert error.why == "No such file or directory"


def test_server_that_is_no_redis() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.recv(10_000)
            connection.close()

        thread = Thread(target=answer)
        thread.start()
        error = _refusal(RedisAddress.parse(f"redis://127.0.0.1:{listening.getsockname()[1]}"))
        thread.join()
    assert "no Redis server" in error.why


def test_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("io_connectors.redis.live.wire._REPLY_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        error = _refusal(RedisAddress.parse(f"redis://127.0.0.1:{listening.getsockname()[1]}"))
    assert isinstance(error, SourceTransientError) and "timed out" in error.why


def test_unix_socket(guarded: RedisServer) -> None:
    address = RedisAddress.parse(f"unix://{guarded.socket}", "", SecretRef.keep("GUARDED", _PASSWORD))
    rows = ordered([row for page in pages_of(address) for row in page.rows])
    assert_same(rows, read_dump(guarded))


def test_no_password_in_what_workers_are_sent(guarded: RedisServer) -> None:
    with open_live(_address(guarded, "reader"), Selection(), 100, None) as live:
        plan = live.plan({}, anew=False)
        sent = pickle.dumps([plan.open_reader, *(page.place for page in plan.pages.values())])
    assert _PASSWORD.encode() not in sent


def test_passwords_are_nowhere(guarded: RedisServer, target: Path) -> None:
    environment = {"ENGRAM_MIGRATE_SOURCE_PASSWORD": _PASSWORD}
    flags = ("--source", guarded.url, "--source-user", "reader", "--log-level", "debug", "--source-db", "all")
    ended = migrate(target, *flags, environment=environment)
    assert ended.code == 0, ended
    assert stored(target).records
    looked_at = [path for path in target.rglob("*") if path.is_file()]
    secret = _PASSWORD.encode()
    assert looked_at and not [path for path in looked_at if secret in path.read_bytes()]
    assert _PASSWORD not in ended.out + ended.err


def _refusal(address: RedisAddress, selection: Selection | None = None) -> SourceError:
    with (
        pytest.raises(SourceError) as failed,
        open_live(address, selection or Selection(), 10, None) as live,
    ):
        live.plan({}, anew=False)
    assert failed.value.suggestion
    return failed.value
