"""Names and values cannot steer the terminal that they are printed on."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import __main__ as command
from pipelines.terminal import escaped
from tests.redis.migrations import found, in_process
from tests.servers.redis import RedisServer

CLEAR = "\x1b[2J\x1b]0;owned\x07"


@given(st.text())
def test_nothing_steering_is_left(text: str) -> None:
    shown = escaped(text)
    assert not any((ord(c) < 32 and c != "\t") or 127 <= ord(c) < 160 or c in "\u202e\u2066" for c in shown)


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs", "Mn"])))
def test_other_text_stays_as_it_is(text: str) -> None:
    assert escaped(text) == text


def test_steering_key_is_shown_and_does_nothing(
    redis_server: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client, target = redis_server.client(), str(tmp_path / "store")
    client.flushall()
    client.set(f"key {CLEAR}", f"value {CLEAR}")
    assert in_process("--source", redis_server.url, "--target", target, "--dry-run") == 0
    assert in_process("--source", redis_server.url, "--target", target) == 0
    client.flushall()
    assert command.main(["recall", "key value", "--target", target]) == 0
    (memory,) = found(Path(target)).values()
    assert command.main(["get", "redis", memory.id, "--target", target]) == 0
    assert command.main(["get", "redis", f"no {CLEAR}", "--target", target]) == 2
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out and "\x1b" not in printed.err
    assert "\\x1b[2J" in printed.err
