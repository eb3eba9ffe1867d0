"""What has no field on the server survives in the content, whatever it is and however long."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_store.errors import IntegrityError
from engram_store.model import Edge, Memory, Source
from io_connectors.engram.public.envelope import (
    MOST_BYTES,
    continuation,
    fold,
    parts_of,
    readable,
    unfold,
)

_TEXT = st.text(max_size=40)
_NUMBER = st.floats(0, 1, width=32)
_TIME = st.one_of(st.none(), st.datetimes().map(lambda at: f"{at.isoformat()}Z"))

_MEMORIES = st.builds(
    Memory,
    id=st.text(min_size=1, max_size=40),
    space=st.just("users"),
    content=st.one_of(_TEXT, st.dictionaries(_TEXT, _TEXT).map(lambda d: orjson.dumps(d).decode())),
    confidence=_NUMBER,
    activation=_NUMBER,
    decay_rate=st.floats(0, 1e6, width=32),
    created_at=_TIME,
    source=st.builds(Source, _TEXT, _TEXT, _TEXT),
    model=_TEXT,
    run=_TEXT,
    page=_TEXT,
)
_EDGES = st.builds(
    Edge,
    id=_TEXT,
    source=st.just(""),
    source_space=st.just("users"),
    target=_TEXT,
    target_space=_TEXT,
    type=_TEXT,
    weight=_NUMBER,
    created_at=_TIME,
    properties=st.one_of(st.none(), _TEXT),
)


@given(_MEMORIES, st.lists(_EDGES, max_size=4), st.floats(0, 4e9), st.booleans(), st.integers(0, 90_000))
def test_an_envelope_opens_to_the_same_memory_and_edges(
    memory: Memory, edges: list[Edge], as_of: float, moved: bool, longer: int
) -> None:
    memory = memory._replace(content=memory.content + "\n€" * longer)
    edges = [replace(edge, source=memory.id) for edge in edges]
    contents = fold(memory, as_of, edges, moved=moved)
    assert all(0 < len(content.encode()) <= MOST_BYTES and content.strip() for content in contents)
    assert parts_of(contents[0]) == len(contents)
    opened = unfold("users", memory.id, memory.confidence, contents)
    assert opened.memory == memory._replace(page="")
    assert (opened.as_of, opened.moved, list(opened.edges)) == (as_of, moved, edges)


def test_readable_text_comes_first() -> None:
    text = '{"title":"Wool blanket","tags":["red","warm"],"price":{"amount":12.5},"note":null}'
    assert readable(text) == "title: Wool blanket; tags: red; tags: warm; amount: 12.5"
    memory = Memory("a", "users", text, 0.9, 0.5, 0.01, None, Source("s", "k", "1"), "m", "r", "p")
    (content,) = fold(memory, 0.0, [])
    assert content.startswith(f"{readable(text)}\n{{")
    assert fold(memory._replace(content="{}"), 0.0, [])[0].startswith("a\n")


def test_a_node_with_many_edges_goes_on_in_continuations() -> None:
    memory = Memory("hub", "users", "{}", 0.9, 0.5, 0.01, None, Source("s", "k", "1"), "m", "r", "")
    edges = [Edge(f"e{n}", "hub", "users", f"n{n}", "users", "KNOWS", 0.5, None, None) for n in range(5_000)]
    contents = fold(memory, 0.0, edges)
    assert len(contents) > 3
    assert unfold("users", "hub", 0.9, contents).edges == tuple(edges)
    assert [continuation("hub", part) for part in (1, 2, 3)] == ["hub", "hub~part2", "hub~part3"]
    with pytest.raises(IntegrityError, match="does not open"):
        unfold("users", "hub", 0.9, contents[:-1])


@pytest.mark.parametrize(
    "content", ["", "x", "a\nb\nc", 'a\n{}\n{"engram_migrate":2,"parts":1}', "a\n{}\n[1]"]
)
def test_a_strange_content_is_no_envelope(content: str) -> None:
    assert parts_of(content) is None
