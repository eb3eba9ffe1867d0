"""The routes that the public server has, asked as its clients ask."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from engram_store.model import DIMENSION
from engram_store.server import remembered
from engram_store.server.remembered import Arrival
from engram_store.server.served import Served
from engram_store.store import Store
from pipelines.text_embedder import TextEmbedder
from tests.server.serving import Serving
from tests.store.synthetic import memories, vectors, write

VECTOR = vectors(["someone"])[0].tolist()


def remember(client: httpx.Client, space: str, name: str, **fields: object) -> httpx.Response:
    body = {"id": name, "content": "trail running shoes", "memory_space_id": space, **fields}
    return client.post("/api/v1/memories/remember", json=body)


def error_of(answer: httpx.Response) -> str:
    """The message of an error, which is always JSON."""
    error = answer.json()["error"]
    assert error["code"] and error["message"]
    assert "Traceback" not in answer.text
    return str(error["message"])


def test_a_space_is_made_and_listed(client: httpx.Client) -> None:
    first = client.post("/api/v1/spaces", json={"id": " made_space "})
    again = client.post("/api/v1/spaces", json={"id": "made_space"})
    assert (first.status_code, again.json()) == (201, first.json())
    assert first.json()["id"] == "made_space" and first.json()["created_at"]
    listed = {space["id"]: space for space in client.get("/api/v1/spaces").json()["spaces"]}
    assert listed["made_space"]["created_at"] == first.json()["created_at"]
    assert listed["made_space"]["memories"] == 0


@pytest.mark.parametrize("name", ["ab", "x" * 65, "Upper", "a.b", "a/b", "a b", "ü" * 5, "", None, 7])
def test_a_space_with_an_impossible_name_is_refused(client: httpx.Client, name: object) -> None:
    assert "characters" in error_of(client.post("/api/v1/spaces", json={"id": name}))
    assert remember(client, "people", "x", memory_space_id=name or "!").status_code == 400


def test_a_memory_is_there_at_once(client: httpx.Client) -> None:
    answer = remember(client, "at_once", "a/b ü", confidence=0.25, timestamp="2025-01-31T12:00:00+02:00")
    assert (answer.status_code, answer.json()["memory_id"]) == (201, "a/b ü")
    found = client.get("/api/v1/memories/a%2Fb%20%C3%BC", params={"space": "at_once"}).json()
    assert found["content"] == "trail running shoes"
    assert (found["confidence"], found["timestamp"]) == (0.25, "2025-01-31T10:00:00Z")
    health = client.get("/api/v1/system/health", params={"space": "at_once"}).json()
    assert health["spaces"] == [{"space": "at_once", "memories": 1}]
    assert client.get("/api/v1/memory_spaces/at_once/count").json()["count"] == 1


def test_the_same_id_again_replaces(client: httpx.Client) -> None:
    for content in ("one", "two", "one", "three"):
        assert remember(client, "replaced", "a", content=content).status_code == 201
    assert client.get("/api/v1/memories/a", params={"space": "replaced"}).json()["content"] == "three"
    assert client.get("/api/v1/memory_spaces/replaced/count").json()["count"] == 1


def test_the_header_names_the_space(client: httpx.Client) -> None:
    header = {"X-Memory-Space": "by_header"}
    body = {"id": "a", "content": "x", "memory_space_id": "by_body"}
    client.post("/api/v1/memories/remember", json=body, headers=header, params={"space": "by_query"})
    assert client.get("/api/v1/memories/a", headers=header, params={"space": "by_query"}).status_code == 200
    assert client.get("/api/v1/memories/a", params={"space": "by_header"}).status_code == 200
    assert client.get("/api/v1/memories/a", params={"space": "by_body"}).status_code == 404
    assert client.get("/api/v1/memories/a").status_code == 404
    client.post("/api/v1/memories/remember", json={"id": "z", "content": "x"}, params={"space": "by_query"})
    assert client.get("/api/v1/memories/z").json()["space"] == "default"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"content": " \n"}, 400),
        ({"content": "x" * 100_001}, 400),
        ({"content": "ü" * 50_001}, 400),
        ({"content": None}, 400),
        ({"id": ""}, 400),
        ({"id": None}, 400),
        ({"id": 7}, 400),
        ({"embedding": [0.1] * 767}, 400),
        ({"embedding": [1e39] * DIMENSION}, 400),
        ({"embedding": ["x"] * DIMENSION}, 400),
        ({"embedding": [True] * DIMENSION}, 400),
        ({"embedding": "x"}, 400),
        ({"confidence": "high"}, 400),
        ({"timestamp": "yesterday"}, 400),
        ({"timestamp": "2025-01-31T12:00:00"}, 400),
        ({"timestamp": 7}, 400),
        ({"confidence": 7}, 201),
        ({"content": "x" * 100_000}, 201),
        ({"embedding": [0.0] * DIMENSION}, 201),
        ({"auto_link": True, "tags": ["unknown", "fields"]}, 201),
    ],
)
def test_what_is_remembered_is_checked(client: httpx.Client, fields: dict[str, object], status: int) -> None:
    answer = remember(client, "checked", "checked", **fields)
    assert answer.status_code == status, answer.text
    if status != 201:
        error_of(answer)


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{}", {}, 415),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{", {"Content-Type": "application/json"}, 400),
        (b'{"id": NaN}', {"Content-Type": "application/json"}, 400),
        (b"[]", {"Content-Type": "application/json; charset=utf-8"}, 400),
        (b'{"id": "a", "content": "' + b"x" * (2 << 20) + b'"}', {"Content-Type": "application/json"}, 413),
    ],
)
def test_a_body_is_json_within_limits(
    client: httpx.Client, content: bytes, headers: dict[str, str], status: int
) -> None:
    answer = client.post("/api/v1/memories/remember", content=content, headers=headers)
    assert answer.status_code == status
    error_of(answer)


def test_recall_by_text_and_by_vector(client: httpx.Client) -> None:
    remember(client, "recalled", "shoes", embedding=VECTOR)
    remember(client, "recalled", "blanket", content="a warm woollen blanket")
    remember(client, "elsewhere", "blanket", content="a warm woollen blanket")
    asked = {"space": "recalled", "query": "woollen blanket"}
    first, *_ = client.get("/api/v1/memories/recall", params=asked).json()["memories"]["vivid"]
    assert (first["id"], first["space"]) == ("blanket", "recalled")
    by_vector = {"space": "recalled", "embedding": json.dumps(VECTOR), "max_results": "1"}
    (hit,) = client.get("/api/v1/memories/recall", params=by_vector).json()["memories"]["vivid"]
    assert hit["id"] == "shoes" and hit["similarity_score"] == pytest.approx(1.0, abs=1e-5)
    assert hit["confidence"] == {
        "value": pytest.approx(0.7),
        "category": "Medium",
        "reasoning": "As it is stored",
    }


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"query": "  "},
        {"embedding": "x"},
        {"embedding": "[1]"},
        {"embedding": json.dumps([0.0] * DIMENSION)},
        {"query": "x", "max_results": "0"},
        {"query": "x", "max_results": "٣"},
        {"query": "x", "at": "now"},
    ],
)
def test_a_recall_that_cannot_be_is_refused(client: httpx.Client, asked: dict[str, str]) -> None:
    answer = client.get("/api/v1/memories/recall", params=asked)
    assert answer.status_code == 400
    error_of(answer)


def test_memories_are_listed_with_vectors(client: httpx.Client) -> None:
    for number in range(5):
        remember(client, "listed", f"m{number}", embedding=VECTOR)
    asked = {"space": "listed", "offset": "1", "limit": "3", "include_embeddings": "true", "tier": "hot"}
    page = client.get("/api/v1/memories", params=asked).json()
    assert page["tier_counts"]["total"] == 5
    assert len({memory["id"] for memory in page["memories"]}) == 3
    assert np.array_equal(np.float32(page["memories"][0]["embedding"]), np.float32(VECTOR))
    every = client.get("/api/v1/memories", params={"space": "listed"}).json()["memories"]
    assert {memory["id"] for memory in every} == {f"m{number}" for number in range(5)}
    assert "embedding" not in every[0]


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nothing", 404), ("DELETE", "/api/v1/spaces", 405)]
)
def test_what_is_not_there_says_so(client: httpx.Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert "route" in error_of(answer)


def test_health_and_figures(client: httpx.Client) -> None:
    assert client.get("/health").json() == client.get("/health/alive").json() == {"status": "healthy"}
    remember(client, "figures", 'a"b')
    figures = client.get("/metrics/prometheus").text
    assert 'engram_memories{space="figures"} 1.0' in figures
    assert 'engram_requests_total{method="POST",status="201"}' in figures


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    store = Store.open(tmp_path / "store", create=True)
    with store.lock():
        served = Served(store, TextEmbedder())
        yield served
        served.close()


def arrival(id: str, content: str = "x") -> Arrival:
    return Arrival("people", id, content, 0.5, None, vectors([f"{id}{content}"])[0])


def test_memories_outlast_a_crash_and_become_part_of_the_store(serving: Serving) -> None:
    with httpx.Client(base_url=serving.url, trust_env=False) as client:
        remember(client, "people", "a", content="old")
        remember(client, "people", "b")
        remember(client, "people", "a", content="new")
    serving.kill()
    serving.start()
    with httpx.Client(base_url=serving.url, trust_env=False) as client:
        assert client.get("/api/v1/memories/a", params={"space": "people"}).json()["content"] == "new"
    assert serving.end().code == 0
    with Store.open(serving.store).reader() as reader:
        assert reader.spaces() == {"people": 2}
        memory = reader.get("people", "a")
        assert memory is not None and memory.content == "new"


def test_what_waits_is_folded_and_what_it_replaced_is_dropped(served: Served) -> None:
    for content in ("one", "two"):
        served.remember(arrival("a", content))
        served.finalize()
        memory = served.reader.get("people", "a")
        assert memory is not None and memory.content == content
    assert len(served.remembered) == 0
    assert len(served.store.run("http").page_ids()) == 1
    served.remember(arrival("a", "three"))
    assert served.recall(arrival("a", "three").vector, "people", 5, None)[0][0].content == "three"
    assert len(served.recall(arrival("a", "three").vector, None, 5, None)) == 1


def test_many_memories_are_folded_by_themselves(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engram_store.server.served.FOLD_AT", 5)
    for number in range(5):
        served.remember(arrival(f"m{number}"))
    for _ in range(200):
        if not served.remembered:
            break
        time.sleep(0.05)
    with served.store.reader() as reader:
        assert reader.count("people") == 5


def test_too_many_waiting_memories_make_a_client_wait(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "MOST", 1)
    served.remember(arrival("a"))
    with pytest.raises(Exception, match="wait to become part"):
        served.remember(arrival("b"))


def test_a_remembered_memory_replaces_a_migrated_one(served: Served) -> None:
    run = served.store.create_run("first", {"model": "local/lexical-1", "started_at": "2025-01-01T00:00:00Z"})
    write(run, "p", memories(["a", "b"], space="people"))
    served.finalize()
    served.remember(arrival("a", "newer"))
    hits = served.recall(arrival("a", "newer").vector, "people", 5, None)
    assert sorted((memory.id, memory.content) for memory, _ in hits) == [("a", "newer"), ("b", "{}")]
    result = served.finalize()
    assert (result.memories, result.superseded_memories) == ({"people": 2}, 1)
    assert served.undo("http").memories == {"people": 2}
    memory = served.get("people", "a")
    assert memory is not None and memory.content == "{}"
