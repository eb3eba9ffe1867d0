from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from engram_store.activation import activation_at
from engram_store.errors import ConfigurationError, TargetTerminalError
from engram_store.model import DIMENSION, Source
from engram_store.moments import rfc3339
from engram_store.reader import Reader
from engram_store.run import Run
from engram_store.store import Store
from tests.store.synthetic import Link, Vectors, memories, vectors, write

_START = datetime(2025, 1, 1, tzinfo=timezone.utc)
_IDS = [f"m{row}" for row in range(40)]


@pytest.fixture
def reader(store: Store, run: Run) -> Iterator[Reader]:
    spaces = ["users" if row % 3 else "orders" for row in range(10)]
    for start in range(0, 40, 10):
        ids = _IDS[start : start + 10]
        batch = memories(ids, space=spaces if start == 20 else "users", activation=0.8, decay_rate=0.01)
        write(run, f"p{start}", batch)
    chain = [Link(f"e{row}", _IDS[row], _IDS[row + 1]) for row in range(5)]
    write(run, "links", memories([]), [*chain, Link("loop", "m0", "m0"), Link("back", "m3", "m1", "rel")])
    store.finalize()
    with store.reader() as reader:
        yield reader


def test_nothing_to_read_yet(store: Store) -> None:
    with pytest.raises(TargetTerminalError, match="nothing to read yet"):
        store.reader()


def test_get(reader: Reader) -> None:
    memory = reader.get("users", "m1", at=_START)
    assert memory is not None
    assert (memory.id, memory.space, memory.content) == ("m1", "users", "{}")
    assert memory.source == Source("postgresql", "users", "m1")
    assert (memory.model, memory.run, memory.page) == ("lexical", "first", "p0")
    assert memory.created_at == "2023-11-14T22:13:20Z"
    assert memory.confidence == 0.5
    assert reader.get("users", "nobody") is None
    assert reader.get("nowhere", "m1") is None


def test_activation_fades(reader: Reader) -> None:
    at = {hours: reader.get("users", "m1", _START + timedelta(hours=hours)) for hours in (-5, 0, 100)}
    found = {hours: memory.activation for hours, memory in at.items() if memory}
    assert found == pytest.approx({-5: 0.8, 0: 0.8, 100: 0.8 * math.exp(-1)})
    now = reader.get("users", "m1")
    assert now is not None
    assert now.activation < 0.8


def test_the_formula() -> None:
    assert activation_at(1.0, math.log(2), 0, 3600) == pytest.approx(0.5)
    assert activation_at(0.4, 0.0, 0, 1e12) == 0.4


def test_counts_and_scan(reader: Reader) -> None:
    assert reader.spaces() == {"orders": 4, "users": 36}
    assert (reader.count("orders"), reader.count("none")) == (4, 0)
    assert [memory.id for memory in reader.scan("orders")] == ["m20", "m23", "m26", "m29"]
    assert len(list(reader.scan("users"))) == 36
    assert list(reader.scan("none")) == []


def test_edges(reader: Reader) -> None:
    assert [edge.id for edge in reader.edges("users", "m1")] == ["e1"]
    assert [edge.id for edge in reader.edges("users", "m1", "in")] == ["e0", "back"]
    assert [edge.id for edge in reader.edges("users", "m1", "both")] == ["e0", "e1", "back"]
    assert [edge.id for edge in reader.edges("users", "m0", "both")] == ["e0", "loop"]
    assert reader.edges("users", "nobody") == []
    [edge] = reader.edges("users", "m2")
    assert (edge.source, edge.target, edge.type, edge.properties) == ("m2", "m3", "KNOWS", '{"since": 1}')
    assert edge.weight == pytest.approx(0.8)
    assert reader.edge_counts() == {"fk": 6, "rel": 1}


def test_neighbours(reader: Reader) -> None:
    found = {near.memory.id: near.distance for near in reader.neighbours("users", "m1", depth=2)}
    assert found == {"m0": 1, "m2": 1, "m3": 1, "m4": 2}
    assert [near.distance for near in reader.neighbours("users", "m1", 9, limit=4)] == [1, 1, 1, 2]
    assert reader.neighbours("users", "nobody") == []


def test_embedding(reader: Reader) -> None:
    for id in ("m0", "m39"):
        found = reader.embedding("users", id)
        assert found is not None
        assert np.array_equal(found, vectors([id])[0].astype(np.float16).astype(np.float32))
    assert reader.embedding("users", "m20") is None


@pytest.mark.parametrize("space", [None, "users", "orders"])
@pytest.mark.parametrize("k", [1, 7, 100])
def test_recall_is_brute_force(reader: Reader, space: str | None, k: int) -> None:
    query = np.random.default_rng(1).standard_normal(DIMENSION, dtype=np.float32)
    ids = [id for id in _IDS if space is None or reader.get(space, id)]
    expected = _brute_force(ids, query, k)
    found = reader.recall(query, space, k)
    assert [memory.id for memory, _ in found] == [id for id, _ in expected]
    assert [score for _, score in found] == pytest.approx([score for _, score in expected], abs=1e-5)


def test_a_memory_recalls_itself(reader: Reader) -> None:
    [(memory, score)] = reader.recall(vectors(["m7"])[0] * 3, k=1)
    assert memory.id == "m7"
    assert score == pytest.approx(1, abs=1e-5)


def test_recall_over_superseded_rows_blocks_and_zero_vectors(
    store: Store, run: Run, later: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engram_store.vectors._ROWS_A_BLOCK", 3)
    table = vectors(_IDS)
    table[5] = 0
    write(run, "p", memories(_IDS, table=table))
    write(later, "p", memories(_IDS[::2], table=-table[::2], vector_type="float32"))
    store.finalize()
    newest = table.copy()
    newest[::2] *= -1
    query = table[4] - table[7]
    with store.reader() as reader:
        found = reader.recall(query, k=40)
    assert [memory.id for memory, _ in found] == [_IDS[row] for row in np.argsort(-_cosines(newest, query))]
    assert dict((memory.id, score) for memory, score in found)["m5"] == 0


@pytest.mark.parametrize("vector", [[0.0] * DIMENSION, [1.0] * 3, [float("nan")] * DIMENSION])
def test_vectors_that_cannot_be_compared(reader: Reader, vector: list[float]) -> None:
    with pytest.raises(ConfigurationError, match="cannot be recalled by"):
        reader.recall(vector)


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [
        (None, None),
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000001Z"),
        (-62135596800000000, "0001-01-01T00:00:00Z"),
        (253402300799999999, "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_times(microseconds: int | None, text: str | None) -> None:
    assert rfc3339(microseconds) == text


def _cosines(table: Vectors, query: Vectors) -> Vectors:
    lengths = np.linalg.norm(table, axis=1)
    cosines: Vectors = table @ query / np.where(lengths == 0, 1, lengths) / np.linalg.norm(query)
    return cosines


def _brute_force(ids: list[str], query: Vectors, k: int) -> list[tuple[str, float]]:
    scores = _cosines(vectors(ids).astype(np.float16).astype(np.float32), query)
    return [(ids[row], float(scores[row])) for row in np.argsort(-scores)[:k]]
