"""Ids of keys: exactly the key where it is plain text, and never the same for two keys."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from io_connectors.redis.globs import glob
from io_connectors.redis.rows import STRING, KeyRow
from io_connectors.redis.spelling import PART, spelled
from transforms.mapping.keyspace_choices import KeyspaceChoices
from transforms.mapping.keyspace_names import first_matches, memory_id, part_key, source_key

#: Bytes that look like what names are spelled with, much more often than chance would have them.
NAMES = st.binary() | st.lists(
    st.sampled_from(
        [b"%", b"#", b"2", b"5", b"25", b"F", b"FF", b"f", b"7F", b"_", b"0", b"\xff", b"\x00", b"a"]
    )
).map(b"".join)


def unspelled(text: str) -> bytes:
    """The name that a text spells."""
    found = re.sub("%([0189A-F][0-9A-F]|25|7F)", lambda f: chr(0xDC00 + int(f[1], 16)), text)
    return b"".join(
        bytes([ord(char) & 0xFF]) if "\udc00" <= char <= "\udcff" else char.encode() for char in found
    )


def name_of(db: int, key: bytes, several: bool) -> str:
    return source_key(KeyRow(db, key, STRING, b"", None), several)


@given(NAMES)
@example(b"%41%e4%2f")
@example(b"%%25%FF")
def test_names_can_be_told_from_their_spelling(name: bytes) -> None:
    assert unspelled(spelled(name)) == name
    assert PART not in spelled(name)
    assert not re.search("[\x00-\x1f\x7f\ud800-\udfff]", spelled(name))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"user:1001:profile", "user:1001:profile"),
        ("käse/测试 😀".encode(), "käse/测试 😀"),
        (b"", ""),
        (b"100%", "100%"),
        (b"a%20b%2fc%e4", "a%20b%2fc%e4"),
        (b"caf%C3%A9", "caf%25C3%25A9"),
        (b"caf\xc3", "caf%C3"),
        (b"\x00\n\x7f\xff", "%00%0A%7F%FF"),
        (b"%25", "%2525"),
        (b"a#b%#c", "a#b%25#c"),
        (b"\xed\xa0\x80", "%ED%A0%80"),
    ],
)
def test_spelling(name: bytes, text: str) -> None:
    assert spelled(name) == text


@given(st.integers(0, 99), st.integers(0, 99), NAMES, NAMES)
def test_no_two_keys_share_an_id(db: int, other_db: int, key: bytes, other: bytes) -> None:
    assert (name_of(db, key, True) == name_of(other_db, other, True)) == ((db, key) == (other_db, other))
    assert (name_of(db, key, False) == name_of(other_db, other, False)) == (key == other)


@given(NAMES, NAMES, NAMES, NAMES)
@example(b"a", b"%#b", b"a%#", b"b")
@example(b"a%", b"#b", b"a", b"%#b")
def test_no_two_parts_share_an_id(key: bytes, name: bytes, other: bytes, other_name: bytes) -> None:
    one, two = part_key(spelled(key), name), part_key(spelled(other), other_name)
    assert (one == two) == ((key, name) == (other, other_name))
    assert one != spelled(other)


def test_ids() -> None:
    assert memory_id(name_of(3, b"user:1", False)) == "redis_user:1"
    assert memory_id(name_of(3, b"1_user:1", True)) == "redis_3_1_user:1"
    assert memory_id(name_of(0, b"", False)) == "redis_"
    assert part_key("user:1", b"na\xffme") == "user:1%#na%FFme"


def test_the_first_pattern_that_matches_gives_the_space() -> None:
    choices = KeyspaceChoices(key_spaces={"user:*:log": "logs", "user:*": "users", "*:log": "rest"})
    keys = [b"user:1:log", b"user:1", b"a:log", b"other"]
    spaces = first_matches(keys, choices.key_spaces, choices.memory_space)
    assert spaces == ["logs", "users", "rest", "redis"]
    assert choices.spaces == ("logs", "users", "rest", "redis")
    assert first_matches(keys, {}, "everything") == ["everything"] * 4


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("user:*", b"user:1:a", True),
        ("user:*", b"users", False),
        ("*", b"", True),
        ("**a**", b"bab", True),
        ("?", b"\n", True),
        ("?", "é".encode(), False),
        ("??", "é".encode(), True),
        ("é*", "état".encode(), True),
        ("h[ae]llo", b"hello", True),
        ("h[ae]llo", b"hillo", False),
        ("h[^e]llo", b"hallo", True),
        ("h[^e]llo", b"hello", False),
        ("h[a-c]llo", b"hbllo", True),
        ("h[c-a]llo", b"hbllo", True),
        ("h[a-c]llo", b"hdllo", False),
        ("[]", b"]", False),
        ("[^]", b"x", True),
        ("[a", b"a", True),
        (r"[\]]", b"]", True),
        ("[-.]", b"-", True),
        ("[a-]", b"]", True),
        (r"\*", b"*", True),
        (r"\*", b"x", False),
        ("a\\", b"a\\", True),
        ("a.c", b"abc", False),
        ("A", b"a", False),
        ("", b"", True),
        ("", b"a", False),
    ],
)
def test_patterns_are_those_of_redis(pattern: str, key: bytes, matches: bool) -> None:
    assert bool(glob(pattern).fullmatch(key)) is matches


@given(st.text(alphabet=r"ab[]^-\*?é", max_size=8), st.binary(max_size=4))
def test_any_pattern_is_one(pattern: str, key: bytes) -> None:
    glob(pattern).fullmatch(key)
