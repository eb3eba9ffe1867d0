"""Digests over everything of memories and edges, in any order, each as often as it is there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_store.digests import combined, edge_hashes, memory_hashes
from engram_store.model import DIMENSION, EDGE_SCHEMA, memory_schema
from engram_store.parts import EDGE_PARTS, MEMORY_PARTS

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
_SINGLE = st.floats(0, 1, width=32)
_MOMENT = st.none() | st.integers(-(2**60), 2**60)
_MEMORIES = st.fixed_dictionaries(
    {
        "id": _TEXT,
        "space": _TEXT,
        "content": _TEXT,
        "embedding": st.integers(0, 255).map(lambda byte: bytes([byte]) * 2 * DIMENSION),
        "confidence": _SINGLE,
        "activation": _SINGLE,
        "decay_rate": _SINGLE,
        "created_at": _MOMENT,
        "source": st.fixed_dictionaries({"system": _TEXT, "kind": _TEXT, "key": _TEXT}),
    }
)
_EDGES = st.fixed_dictionaries(
    {
        **dict.fromkeys(("id", "source", "source_space", "target_space", "type", "origin"), _TEXT),
        **dict.fromkeys(("target", "properties"), st.none() | _TEXT),
        "weight": _SINGLE,
        "created_at": _MOMENT,
    }
)
Rows = list[dict[str, Any]]


def memories(rows: Rows, schema: pa.Schema | None = None) -> list[int]:
    return memory_hashes(_batch(rows, schema or memory_schema()))


def edges(rows: Rows, schema: pa.Schema = EDGE_SCHEMA) -> list[int]:
    return edge_hashes(_batch(rows, schema))


def _batch(rows: Rows, schema: pa.Schema) -> pa.RecordBatch:
    columns = [pa.array([row[field.name] for row in rows], field.type) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _positive(row: dict[str, Any]) -> dict[str, Any]:
    """An index keeps −0 as 0: the two are one."""
    return {name: value + 0.0 if isinstance(value, float) else value for name, value in row.items()}


@given(_MEMORIES, _MEMORIES)
def test_memories_that_differ_anywhere_have_other_hashes(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = memories([one, other])
    assert (first == second) == (_positive(one) == _positive(other))


@given(_EDGES, _EDGES)
def test_edges_that_differ_anywhere_have_other_hashes(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = edges([one, other])
    assert (first == second) == (_positive(one) == _positive(other))


@given(_MEMORIES, st.sampled_from(sorted(set(memory_schema().names))), st.data())
def test_a_change_of_any_field_changes_the_hash(row: dict[str, Any], name: str, data: st.DataObject) -> None:
    other = {**row, name: data.draw(_MEMORIES)[name]}
    assert (memories([row]) == memories([other])) == (_positive(row) == _positive(other))


@given(st.lists(_MEMORIES, max_size=5), st.randoms())
def test_order_does_not_matter_but_number_does(rows: Rows, chance: Any) -> None:
    mixed = chance.sample(rows, len(rows))
    assert combined(memories(mixed)) == combined(memories(rows))
    if rows:
        twice = [*rows, rows[0], rows[0]]
        assert combined(memories(twice)) != combined(memories(rows)), "as it would be by exclusive or"


@given(st.lists(_MEMORIES, max_size=3), st.lists(_EDGES, max_size=3))
def test_what_is_served_has_the_hashes_of_what_was_written(rows: Rows, links: Rows) -> None:
    assert memories(rows, MEMORY_PARTS["float16"]) == memories(rows)
    assert edges(links, EDGE_PARTS) == edges(links)


def test_texts_cannot_be_shifted_into_each_other() -> None:
    base: dict[str, Any] = dict.fromkeys(EDGE_SCHEMA.names, "a")
    base |= {"weight": 0.5, "created_at": None}
    shifted = {**base, "id": "aa", "source": ""}
    assert edges([base]) != edges([shifted])
    assert edges([{**base, "target": None}]) != edges([{**base, "target": ""}])
    assert edges([{**base, "created_at": 0}]) != edges([base])


def test_digests_are_the_same_everywhere() -> None:
    """Receipts outlive versions: a change of this value must be a change of the format."""
    row = {
        "id": "users_1",
        "space": "users",
        "content": '{"name":"Ann"}',
        "embedding": np.full(DIMENSION, 0.25, "<f2").tobytes(),
        "confidence": 0.5,
        "activation": 0.25,
        "decay_rate": 0.125,
        "created_at": 1_700_000_000_000_000,
        "source": {"system": "postgresql", "kind": "users", "key": "1"},
    }
    assert combined(memories([row])) == "ff06ec74dfc40c2215df34f2c7088294"
    assert combined(()) == "0" * 32


@pytest.mark.parametrize("hashes", [[2**128 - 1, 2], [1]])
def test_sums_are_taken_within_128_bits(hashes: list[int]) -> None:
    assert combined(hashes) == f"{1:032x}"
