"""The parts that a live server's keys are read by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hiredis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engram_store.errors import SourceError
from io_connectors.redis.live import buckets
from io_connectors.redis.live.address import RedisAddress
from io_connectors.redis.live.buckets import KeyBuckets, hash_of, key_of
from io_connectors.redis.live.census import Listing
from io_connectors.redis.live.session import connect
from io_connectors.redis.live.spool import Slice, append
from io_connectors.redis.live.undisturbed import Disturbed, undisturbed
from tests.servers.redis import RedisServer

_KEYS = st.lists(st.binary(max_size=20), max_size=60)


@settings(max_examples=20)
@given(_KEYS, st.integers(1, 9), st.integers(1, 200))
def test_parts_hold_every_key_once(
    tmp_path_factory: pytest.TempPathFactory, keys: list[bytes], ranges: int, buffer: int
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(buckets, "_BUFFER_BYTES", buffer)
        with KeyBuckets(tmp_path_factory.mktemp("listing") / "keys") as held:
            held.add(keys)
            held.add(keys[:3])
            parts = list(Listing(0, held).parts(ranges))
            hashes = {key_of(entry): hash_of(entry) for entry in held.entries()}
    assert sorted(key for _, some in parts for key in some) == sorted(set(keys))
    numbers = [part.number for part, _ in parts]
    assert numbers == sorted(set(numbers)) and set(numbers) <= set(range(ranges))
    for part, some in parts:
        assert part.rows == len(some)
        assert part.fingerprint == sum(hashes[key] for key in some) % 2**64
        assert {hashes[key] * ranges >> 64 for key in some} == {part.number}


@given(st.lists(_KEYS, max_size=5))
def test_slices_hold_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[bytes]]
) -> None:
    path = tmp_path_factory.mktemp("list") / "keys"
    with path.open("wb") as file:
        slices = [Slice(str(path), 0, *append(file, keys)) for keys in groups]
    assert [one.keys() for one in slices] == groups


def test_list_that_is_not_there_or_not_whole(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    with pytest.raises(SourceError, match="list of keys"):
        Slice(str(path), 0, 0, 10).keys()
    path.write_bytes(b"\x01\0\0\0a")
    with pytest.raises(SourceError, match="list of keys") as failed:
        Slice(str(path), 0, 0, 10).keys()
    assert failed.value.why == "it ends too early"


def test_value_that_changes_while_it_is_read(redis_server: RedisServer) -> None:
    client: Any = redis_server.client()
    client.delete("list")
    session = connect(RedisAddress.parse(redis_server.url))
    changes = iter([1, 2])

    def read(changing: Any) -> int:
        found: int = session.wire.call("LLEN", "list")
        if next(changing, None):
            client.rpush("list", "more")
        return found

    assert undisturbed(session.wire, b"list", lambda: read(changes)) == 2
    with pytest.raises(Disturbed):
        undisturbed(session.wire, b"list", lambda: read(iter([1])))
    with pytest.raises(hiredis.ReplyError, match="WRONGTYPE"):
        undisturbed(session.wire, b"list", lambda: session.wire.call("GET", "list"))
    assert session.wire.call("LLEN", "list") == 5
    session.close()
    client.delete("list")
