"""Look-ups of single keys find what is there; spelled names are read back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_store.errors import SourceError
from io_connectors.redis.live.address import RedisAddress
from io_connectors.redis.live.lookups import KeyLookups
from io_connectors.redis.live.session import Session, connect
from io_connectors.redis.rows import HASH, LIST, SET, STREAM, STRING, ZSET
from io_connectors.redis.spelling import PART, spelled, unspelled
from tests.servers.redis import RedisServer


@given(st.binary(max_size=12) | st.text(max_size=12).map(str.encode))
def test_a_spelled_name_is_read_back(name: bytes) -> None:
    assert unspelled(spelled(name)) == name


@pytest.fixture(scope="module")
def session(redis_server: RedisServer) -> Iterator[Session]:
    client = redis_server.client(db=11)
    client.set(b"odd\xff%41", "x")
    client.set("empty", "")
    client.rpush("list", "x")
    client.sadd("set", "x")
    client.hset("hash", "f", "x")
    client.zadd("zset", {"x": 1})
    client.xadd("stream", {"f": "x"})
    with closing(connect(RedisAddress.parse(redis_server.url))) as session:
        yield session
    client.flushdb()


@pytest.mark.parametrize(
    ("kind", "key", "found"),
    [
        (STRING, spelled(b"odd\xff%41"), 1),
        (STRING, "empty", 1),
        (STRING, "gone", 0),
        (LIST, "list", 1),
        (LIST, "gone", 0),
        (SET, "set", 1),
        (HASH, "hash", 1),
        (HASH, f"hash{PART}f", None),
        (ZSET, "zset", 1),
        (STREAM, "stream", 1),
        ("of a module", "x", None),
    ],
)
def test_a_key_is_found_by_its_name(session: Session, kind: str, key: str, found: int | None) -> None:
    assert KeyLookups(session, 11).by_key(kind, key) == found
    assert KeyLookups(session, None).by_key(kind, f"11_{key}") == found


def test_the_first_keys(session: Session) -> None:
    assert KeyLookups(session, 11).first("", 100) == 7
    assert KeyLookups(session, 11).related(STRING, "empty") is None


def test_a_failed_look_up_is_an_error_of_the_tree(session: Session) -> None:
    with pytest.raises(SourceError, match="looking up single keys failed"):
        KeyLookups(session, 11).by_key(LIST, "hash")
