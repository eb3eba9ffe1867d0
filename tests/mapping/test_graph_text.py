"""Which properties are read as text."""

from __future__ import annotations

from typing import Any

import pytest
from neo4j.spatial import CartesianPoint

from transforms.mapping.graph_text import plan_text
from transforms.mapping.text_words import TEXT_LIMIT, TEXT_WORDS, rank


def text(record: dict[str, Any], labels: tuple[str, ...] = (), **chosen: tuple[str, ...]) -> str | None:
    return plan_text(labels, list(record), chosen).text(list(record.values()))


@pytest.mark.parametrize(
    "name",
    [
        *TEXT_WORDS,
        *(f"{word}s" for word in TEXT_WORDS),
        *("productName", "prefLabel", "rdfs__label", "contact name", "REVIEW_TEXT", "HTMLTitle", "name2"),
        *("comment_1", "Description", "summaries", "biographies", "stories", "categories", "aliases"),
    ],
)
def test_names_of_texts(name: str) -> None:
    assert rank(name) < len(TEXT_WORDS)


@pytest.mark.parametrize(
    "name",
    [
        "id",
        "city",
        "email",
        "username",
        "nameId",
        "titleCount",
        "hostname",
        "textual",
        "s",
        "es",
        "ies",
        "",
        "_",
        "7",
    ],
)
def test_names_of_other_things(name: str) -> None:
    assert rank(name) == len(TEXT_WORDS)


@pytest.mark.parametrize(
    ("record", "found"),
    [
        (
            {"released": 1999, "tagline": "Welcome", "title": "The Matrix"},
            "title: The Matrix | tagline: Welcome",
        ),
        (
            {"description": "d", "id": "x", "shortName": "s", "name": "n"},
            "name: n | shortName: s | description: d",
        ),
        ({"name": "", "content": "line1\nline2"}, "content: line1\nline2"),
        ({"name": " \t", "tags": ["a", "", "b"], "notes": []}, "tags: a, b"),
        ({"name": 5, "title": True, "notes": [1, 2], "text": b"x", "body": {"t": "2024-01-01"}}, None),
        ({"name": ""}, None),
        ({"city": "Oslo"}, None),
        ({}, None),
    ],
)
def test_text_by_names(record: dict[str, Any], found: str | None) -> None:
    assert text(record) == found


def test_text_does_not_depend_on_the_order_of_properties() -> None:
    record = {"lastName": "x", "firstName": "y", "name": "z"}
    assert text(dict(reversed(record.items()))) == text(record) == text({**record, "age": 5})


@pytest.mark.parametrize(
    ("labels", "chosen", "found"),
    [
        (("A", "B"), {"A": ("city", "name")}, "city: Oslo | name: Ann"),
        (("A", "B"), {"B": ("age",), "A": ("city",)}, "city: Oslo"),
        (("B", "A"), {"B": ("age",), "A": ("city",)}, "age: 5"),
        (("A",), {"B": ("city",)}, "name: Ann"),
        (("A",), {"A": ("missing", "city")}, "city: Oslo"),
        (("A",), {"A": ("missing",)}, None),
        (("A",), {"A": ()}, None),
        (("A",), {"A": ("at", "ok", "parts", "place", "raw")}, "at: 2024-01-01 | ok: false | parts: 0.5, x"),
    ],
)
def test_chosen_text(labels: tuple[str, ...], chosen: dict[str, tuple[str, ...]], found: str | None) -> None:
    record = {
        "name": "Ann",
        "city": "Oslo",
        "age": 5,
        "at": {"t": "2024-01-01"},
        "ok": False,
        "parts": [0.5, "x"],
        "place": CartesianPoint((1, 2)),
        "raw": b"x",
    }
    assert text(record, labels, **chosen) == found


def test_long_text_is_cut() -> None:
    assert text({"name": "x" * 100_000}) == "name: " + "x" * (TEXT_LIMIT - 6)
