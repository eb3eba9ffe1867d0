"""Tokens: where words begin and end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.embedding.tokens import tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World-wide WEB_page!", ["hello", "world", "wide", "web", "page"]),
        ("don’t", ["don", "t"]),
        ("Ｆｕｌｌ　Ｗｉｄｔｈ", ["full", "width"]),
        ("naïve CAFÉ", ["naïve", "café"]),
        ("cafe\u0301", ["café"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("東京都", ["東", "京", "都", "東京", "京都"]),
        ("iPhone東", ["iphone", "東"]),
        ("ok👍🏽€5", ["ok", "👍", "🏽", "€", "5"]),
        ("𞤀𞤣𞤤𞤢𞤥 𞤆𞤵𞤤𞤢𞤪", ["𞤢𞤣𞤤𞤢𞤥", "𞤨𞤵𞤤𞤢𞤪"]),
        ("— … \u200b", []),
    ],
)
def test_tokens(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


@given(st.text(st.characters(max_codepoint=127)))
def test_plain_text_takes_the_short_way_to_the_same_tokens(text: str) -> None:
    assert tokens(text + " é")[:-1] == tokens(text)
