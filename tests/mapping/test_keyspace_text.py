"""What is embedded of a key."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from io_connectors.redis.rows import (
    HASH,
    JSON,
    LIST,
    SET,
    STREAM,
    STRING,
    ZSET,
    HashField,
    KeyRow,
    Stream,
    StreamEntry,
)
from tests.mapping.test_keyspace_values import BYTES
from transforms.mapping.keyspace_text import key_text
from transforms.mapping.keyspace_values import key_content
from transforms.mapping.text_words import TEXT_LIMIT


def text(type_: str, value: Any, key: bytes = b"k", fields: tuple[str, ...] | None = None) -> str | None:
    return key_text(key_content(KeyRow(0, key, type_, value, None)), fields)


def hash_of(**fields: str) -> list[HashField]:
    return [HashField(name.encode(), value.encode(), None) for name, value in fields.items()]


ANN = hash_of(age="41", city="Paris", name="Ann", bio="Knits.")
LOG = Stream(
    [StreamEntry("1-0", [(b"msg", b"old"), (b"raw", b"\xff")]), StreamEntry("2-0", [(b"msg", b"new")])],
    *("2-0", "0-0", 2, []),
)


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        (STRING, b"Hello there", "k: Hello there"),
        (STRING, b"\xff\x00", "k"),
        (STRING, b"", "k"),
        (LIST, [b"b", b"\xff", b"", b"a"], "k: b | a"),
        (SET, [b"b", b"a"], "k: a | b"),
        (ZSET, [(b"last", 1.0), (b"first", 9.5), (b"\xff", 10.0)], "k: first | last"),
        (HASH, ANN, "k: name: Ann | bio: Knits. | age: 41 | city: Paris"),
        (HASH, [*ANN[:1], HashField(b"\xff", b"odd", None), HashField(b"n", b"\xff", None)],
         "k: age: 41 | odd"),
        (STREAM, LOG, "k: msg: new | msg: old"),
        (JSON, b'{"title": "T", "tags": ["a", {"x": "b"}], "n": 5, "ok": true}', "k: T | a | b"),
        (JSON, b'"alone"', "k: alone"),
        (JSON, b'"\xff"', "k"),
        (JSON, b'{"a": 1, "a": "twice"}', 'k: {"a": 1, "a": "twice"}'),
    ],
)  # fmt: skip
def test_texts_by_hand(type_: str, value: Any, expected: str) -> None:
    assert text(type_, value) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (b"user:1001:profile", "user 1001 profile: x"),
        (b"cache_page/de-DE.html", "cache page de DE html: x"),
        ("straße:名前".encode(), "straße 名前: x"),
        (b"\xffkey", "x"),
        (b"::", "x"),
        (b"", "x"),
    ],
)
def test_words_of_a_key(key: bytes, expected: str) -> None:
    assert text(STRING, b"x", key) == expected


@given(st.text(st.characters(max_codepoint=0x2FF)))
def test_words_are_runs_of_letters_and_digits(key: str) -> None:
    words = "".join(letter if letter.isalnum() else " " for letter in key).split()
    content = orjson.dumps({"type": STRING, "db": 0, "key": key, "value": "x"}).decode()
    assert key_text(content, None) == ": ".join((" ".join(words), "x") if words else ("x",))


@pytest.mark.parametrize(("key", "value"), [(b"", b""), (b"17", b"4.5"), (b"\xff", b"\x00"), (b"_:_", b" ")])
def test_without_a_letter_there_is_no_text(key: bytes, value: bytes) -> None:
    assert text(STRING, value, key) is None


def test_chosen_fields_in_their_order() -> None:
    assert text(HASH, ANN, fields=("city", "none", "age")) == "k: city: Paris | age: 41"
    assert text(HASH, ANN, fields=()) == "k"
    assert text(LIST, [b"a"], fields=("city",)) == "k: a"


@given(BYTES)
def test_bytes_that_are_no_text_say_nothing(value: bytes) -> None:
    found = text(LIST, [value, b"end"])
    assert found in ("k: end", f"k: {value.decode(errors='replace')} | end")


def test_texts_end_at_the_limit() -> None:
    assert text(STRING, b"x" * 100_000) == "k: " + "x" * (TEXT_LIMIT - 3)
    found = text(LIST, [b"word"] * 100_000)
    assert found is not None and len(found) == TEXT_LIMIT
