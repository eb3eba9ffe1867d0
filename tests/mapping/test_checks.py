"""Contents that no memory can hold."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from transforms.mapping.checks import why_refused

LIMIT = 10_000
PARTS = [
    r"\ud83d",
    r"\ude00",
    r"\uD83D\uDE00",
    r"\\",
    r"\\\\",
    r"\"",
    r"\n",
    "a",
    r"\u0000",
    r"\u00e9",
    "😀",
    "ud800",
]


@given(st.lists(st.sampled_from(PARTS), max_size=8).map("".join))
def test_exactly_half_pairs_are_refused(text: str) -> None:
    content = f'{{"a":"{text}"}}'
    try:
        json.loads(content)["a"].encode()
        sayable = True
    except UnicodeEncodeError:
        sayable = False
    assert (why_refused([content], LIMIT) == {}) is sayable


def test_deep_json_is_no_surrogate() -> None:
    assert why_refused(["[" * 3000 + r'"\ud83d\ude00"' + "]" * 3000], LIMIT) == {}


@given(st.text("aé😀", max_size=60), st.integers(1, 100))
def test_limit_is_in_bytes(text: str, limit: int) -> None:
    assert bool(why_refused([text], limit)) is (len(text.encode()) > limit)


def test_reasons_by_position() -> None:
    refused = why_refused(['{"a":1}', r'"\ud800"', "x" * 2000], 1000)
    assert list(refused) == [1, 2]
    assert "surrogate" in refused[1]
    assert "2,000 bytes" in refused[2] and "1,000" in refused[2]
