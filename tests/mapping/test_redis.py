"""Whole pages of keys: what expires, what becomes several memories, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.testing.util import assert_that
from hypothesis import given
from hypothesis import strategies as st

from engram_store.errors import ConfigurationError
from io_connectors.pages import DeadLetter, EdgePage, MappedPage, SourcePage
from io_connectors.redis.rows import HASH, LIST, SET, STRING, ZSET, HashField, KeyRow
from transforms.mapping.keyspace_choices import KEYS, KeyspaceChoices, KeyspaceMapping
from transforms.mapping.redis import SYSTEM, MapRedis, map_page

AS_OF = 1_700_000_000_000
HOUR = 3_600_000
YEAR = 365 * 24 * HOUR


def key(
    name: bytes, value: Any = b"text", type_: str = STRING, expire_at: int | None = None, db: int = 0
) -> KeyRow:
    return KeyRow(db, name, type_, value, expire_at)


def page_of(*rows: KeyRow, several_databases: bool = False, **choices: Any) -> MappedPage:
    mapping = KeyspaceMapping(KeyspaceChoices(**choices), AS_OF, several_databases)
    return map_page(SourcePage("p", KEYS, rows), mapping)


USER = key(
    b"user:1",
    [HashField(b"name", b"Ann", None), HashField(b"code", b"123456", AS_OF + HOUR)],
    HASH,
    AS_OF + 10 * HOUR,
)
BOARD = key(b"board", [(b"ann", 100.0), (b"bob", 0.0), (b"\xff", 25.0)], ZSET)


def test_memories_of_keys() -> None:
    page = page_of(
        key(b"greeting", b"Hello"),
        key(b"queue", [b"b", b"a"], LIST, AS_OF + HOUR),
        key(b"session:\xff", b"\x00", db=3),
        key_spaces={"session:*": "sessions"},
    )
    memories = page.memories
    assert memories.ids == ["redis_greeting", "redis_queue", "redis_session:%FF"]
    assert memories.keys == ["greeting", "queue", "session:%FF"]
    assert (memories.system, memories.kinds) == (SYSTEM, ["string", "list", "string"])
    assert memories.spaces == ["redis", "redis", "sessions"]
    assert memories.texts == ["greeting: Hello", "queue: b | a", None]
    assert memories.confidence == [0.9] * 3
    assert memories.activation == [0.5] * 3
    assert memories.decay_rate == [0.01] * 3
    assert memories.created_at == [None] * 3
    assert memories.contents[1] == (
        '{"type":"list","db":0,"key":"queue","value":["b","a"],"expire_at":"2023-11-14T23:13:20.000Z"}'
    )
    assert json.loads(memories.contents[2])["db"] == 3
    assert (page.dead_letters, page.expired, page.derived, len(page.edges)) == ((), 0, 0, 0)


def test_records_get_the_values_chosen() -> None:
    page = page_of(key(b"a"), confidence=0.3, activation=0.4, decay_rate=0.2, memory_space="cache")
    memories = page.memories
    assert (memories.confidence, memories.activation, memories.decay_rate) == ([0.3], [0.4], [0.2])
    assert memories.spaces == ["cache"]


def test_with_several_databases_names_tell_which() -> None:
    rows = (key(b"a"), key(b"a", db=12))
    memories = page_of(*rows, several_databases=True).memories
    assert memories.ids == ["redis_0_a", "redis_12_a"]
    assert memories.keys == ["0_a", "12_a"]


@given(st.integers(1_000, 10 * YEAR))
def test_time_left_as_decay(left: int) -> None:
    (decay,) = page_of(key(b"a", expire_at=AS_OF + left), ttl_as_decay=True).memories.decay_rate
    assert decay == pytest.approx(1 / (left / 1000 / 3600), rel=1e-12)


@pytest.mark.parametrize("seconds", [10**n for n in range(9)] + [10 * YEAR // 1000])
def test_the_store_keeps_decays_well_enough(seconds: int) -> None:
    (decay,) = page_of(key(b"a", expire_at=AS_OF + seconds * 1000), ttl_as_decay=True).memories.decay_rate
    assert 3600 / float(np.float32(decay)) == pytest.approx(seconds, rel=1e-6)


def test_decay_of_what_stays() -> None:
    rows = (key(b"a"), key(b"b", expire_at=AS_OF + HOUR))
    assert page_of(*rows, ttl_as_decay=True).memories.decay_rate == [0.01, 1.0]
    assert page_of(*rows, ttl_as_decay=False).memories.decay_rate == [0.01, 0.01]


def test_what_had_expired_is_left_out_and_counted() -> None:
    fields = [HashField(b"gone", b"1", AS_OF), HashField(b"stays", b"2", AS_OF + 1)]
    page = page_of(
        key(b"over", expire_at=AS_OF),
        key(b"long over", expire_at=0),
        key(b"just not", expire_at=AS_OF + 1),
        key(b"some fields", fields, HASH),
        key(b"no fields", fields[:1], HASH),
    )
    assert page.memories.ids == ["redis_just not", "redis_some fields"]
    assert json.loads(page.memories.contents[1])["value"] == {"stays": "2"}
    assert (page.expired, page.derived, page.dead_letters) == (3, 0, ())


def test_fields_as_memories() -> None:
    page = page_of(key(b"a"), USER, hash_fields_as_memories=True, ttl_as_decay=True)
    memories = page.memories
    assert memories.ids == ["redis_a", "redis_user:1", "redis_user:1%#code", "redis_user:1%#name"]
    assert memories.keys[2:] == ["user:1%#code", "user:1%#name"]
    assert memories.kinds == ["string", "hash", "hash_field", "hash_field"]
    assert memories.texts[2:] == ["user 1: code: 123456", "user 1: name: Ann"]
    assert memories.decay_rate == [0.01, 0.1, 1.0, 0.1]
    assert memories.contents[2] == (
        '{"type":"hash_field","db":0,"key":"user:1","field":"code","value":"123456",'
        '"expire_at":"2023-11-14T23:13:20.000Z"}'
    )
    assert json.loads(memories.contents[3])["expire_at"] == "2023-11-15T08:13:20.000Z"
    assert page.derived == 2
    assert page.edges == EdgePage(
        ids=["redis_user:1%#code#HAS_FIELD", "redis_user:1%#name#HAS_FIELD"],
        sources=["redis_user:1"] * 2,
        source_spaces=["redis"] * 2,
        targets=["redis_user:1%#code", "redis_user:1%#name"],
        target_spaces=["redis"] * 2,
        types=["HAS_FIELD"] * 2,
        origins=["HAS_FIELD"] * 2,
        weights=[1.0, 1.0],
        created_at=[None] * 2,
        properties=[None] * 2,
    )


def test_members_as_memories() -> None:
    page = page_of(BOARD, zset_members_as_memories=True, key_spaces={"board": "games"})
    memories, edges = page.memories, page.edges
    bob, raw, ann = "redis_board%#bob", "redis_board%#%FF", "redis_board%#ann"
    assert memories.ids == ["redis_board", bob, raw, ann]
    assert memories.activation == [0.5, 0.0, 0.25, 1.0]
    assert memories.spaces == ["games"] * 4
    assert memories.texts == ["board: ann | bob", "board: bob", "board", "board: ann"]
    assert memories.contents[2] == (
        '{"type":"zset_member","db":0,"key":"board","member":{"$type":"bytes","base64":"/w=="},'
        '"score":25.0,"rank":1,"expire_at":null}'
    )
    assert page.derived == 3
    assert edges.types == ["HAS_MEMBER"] * 3 + ["NEXT_RANKED"] * 2
    assert edges.origins == edges.types
    assert edges.sources == ["redis_board"] * 3 + [bob, raw]
    assert edges.targets == [bob, raw, ann, raw, ann]
    assert edges.weights == [0.0, 0.25, 1.0, 0.75, 0.25]
    assert set(edges.source_spaces + edges.target_spaces) == {"games"}
    assert len(set(edges.ids)) == 5


def test_parts_only_of_the_type_that_was_chosen_and_edges_only_if_wanted() -> None:
    assert page_of(USER, BOARD, hash_fields_as_memories=True).derived == 2
    assert page_of(USER, BOARD, zset_members_as_memories=True).derived == 3
    both = page_of(USER, BOARD, hash_fields_as_memories=True, zset_members_as_memories=True, edges=False)
    assert (both.derived, len(both.memories), len(both.edges)) == (5, 7, 0)


def test_an_empty_zset_has_no_members() -> None:
    page = page_of(key(b"z", [], ZSET), zset_members_as_memories=True)
    assert (page.derived, len(page.memories), len(page.edges)) == (0, 1, 0)


def test_fields_that_are_embedded_go_by_the_first_pattern() -> None:
    page = page_of(USER, text_fields={"user:?": ("code",), "user:*": ("name",)})
    assert page.memories.texts == ["user 1: code: 123456"]


def test_a_key_too_large_is_refused_whole() -> None:
    large = key(b"large\xff", [b"x" * 300, b"\xff"], SET, db=2)
    page = page_of(key(b"a"), large, key(b"b"), content_limit=200, several_databases=True)
    assert page.memories.ids == ["redis_0_a", "redis_0_b"]
    (letter,) = page.dead_letters
    assert (letter.stage, letter.kind, letter.key) == ("map", "set", "2_large%FF")
    assert "the limit is 200" in letter.reason
    assert json.loads(letter.record)["value"] == ["x" * 300, {"$type": "bytes", "base64": "/w=="}]
    assert (page.expired, page.derived) == (0, 0)


def test_a_refused_hash_has_no_parts() -> None:
    page = page_of(USER, content_limit=20, hash_fields_as_memories=True)
    assert (len(page.memories), len(page.edges), page.derived, len(page.dead_letters)) == (0, 0, 0, 1)


def test_a_type_without_a_form_is_refused_and_what_was_not_read_stays_so() -> None:
    unread = DeadLetter("read", "p", "module", "m", "an unknown module", "", "{}")
    source = SourcePage("p", KEYS, (key(b"g", b"", "graph"),), (unread,))
    page = map_page(source, KeyspaceMapping(KeyspaceChoices(), AS_OF))
    assert page.dead_letters[0] == unread
    assert page.dead_letters[1].reason == "a key of the type `graph` has no JSON form"
    assert json.loads(page.dead_letters[1].record) == {
        "type": "graph",
        "db": 0,
        "key": "g",
        "expire_at": None,
    }


def test_an_empty_page() -> None:
    page = page_of()
    assert (len(page.memories), len(page.edges), page.expired) == (0, 0, 0)


def test_in_a_pipeline() -> None:
    mapping = KeyspaceMapping(KeyspaceChoices(), AS_OF)
    with beam.Pipeline() as pipeline:
        pages = pipeline | beam.Create([SourcePage("p", KEYS, (key(b"a"),))]) | MapRedis(mapping)
        assert_that(pages | beam.Map(lambda page: page.memories.ids), _is([["redis_a"]]))


def _is(expected: list[list[str]]) -> Any:
    def check(found: list[list[str]]) -> None:
        assert found == expected

    return check


@pytest.mark.parametrize("choices", [{"memory_space": "Big!"}, {"key_spaces": {"a*": "x"}}])
def test_impossible_spaces(choices: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="cannot name a memory space"):
        KeyspaceChoices(**choices)


def test_digests_tell_what_decides() -> None:
    def digest(**choices: Any) -> str:
        return KeyspaceChoices(**choices).digests()[KEYS]

    one, other = {"a*": "aaa", "b*": "bbb"}, {"b*": "bbb", "a*": "aaa"}
    assert digest() == digest(content_limit=1)
    different = [
        digest(),
        digest(key_spaces=one),
        digest(key_spaces=other),
        digest(memory_space="cache"),
        digest(text_fields={"a*": ("x",)}),
        digest(hash_fields_as_memories=True),
        digest(zset_members_as_memories=True),
        digest(edges=False),
        digest(ttl_as_decay=True),
        digest(confidence=0.1),
        digest(activation=0.1),
        digest(decay_rate=0.1),
    ]
    assert len(set(different)) == len(different)
