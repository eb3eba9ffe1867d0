"""The routes that the public Engram server has, in its forms; what we add to an answer stands beside."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engram_store.errors import ConfigurationError
from engram_store.model import DIMENSION, Memory
from engram_store.recall import Vectors
from engram_store.server import paths  # noqa: F401  # knows `name`
from engram_store.server.answers import Json, confidence_info, memory_document, refuse
from engram_store.server.remembered import Arrival
from engram_store.server.requests import (
    DEFAULT_SPACE,
    asked_space,
    json_object,
    moment,
    number,
    parse_moment,
    served,
    space_header,
    space_of,
    switch,
    whole,
)
from engram_store.server.spaces import counts

_SPACE_NAME = re.compile(r"[a-z0-9_-]{3,64}")
_MOST_CONTENT = 100_000
_MOST_RESULTS = 1_000
#: So many are found sooner than another thread takes them up.
_FEW = 100
_DEFAULT_CONFIDENCE = 0.7


async def list_spaces(request: Request) -> Response:
    """GET /api/v1/spaces."""
    made = served(request).remembered.spaces()
    spaces = [
        _space(request, name, made.get(name)) | {"memories": n} for name, n in (await counts(request)).items()
    ]
    return Json({"spaces": spaces})


async def make_space(request: Request) -> Response:
    """POST /api/v1/spaces; again with the same name, it changes nothing."""
    name = _checked_space((await json_object(request)).get("id"), "id")
    made = await run_in_threadpool(served(request).remembered.make_space, name)
    return Json(_space(request, name, made), status_code=201)


async def remember(request: Request) -> Response:
    """POST /api/v1/memories/remember."""
    document = await json_object(request)
    space = _checked_space(
        space_header(request) or document.get("memory_space_id") or DEFAULT_SPACE, "memory_space_id"
    )
    id, content = document.get("id"), document.get("content")
    if not isinstance(id, str) or not id:
        raise refuse(400, "`id` must be a text.", "A memory without an id could not be found again.")
    if not isinstance(content, str) or not content.strip() or len(content.encode()) > _MOST_CONTENT:
        raise refuse(400, f"`content` must be a text of 1 to {_MOST_CONTENT:,} bytes, not only blanks.")
    given = document.get("timestamp")
    at = _microseconds(datetime.now(timezone.utc) if given is None else parse_moment(given, "timestamp"))
    confidence = min(1.0, max(0.0, number(document.get("confidence"), "confidence", _DEFAULT_CONFIDENCE)))
    vector = _vector(document["embedding"]) if document.get("embedding") is not None else None
    store = served(request)

    def keep() -> Memory:
        made = store.embed(content) if vector is None else vector
        return store.remember(Arrival(space, id, content, confidence, at, made))

    return Json(_stored(await run_in_threadpool(keep)), status_code=201)


async def recall(request: Request) -> Response:
    """GET /api/v1/memories/recall, by ``query`` or by ``embedding``."""
    space, at = asked_space(request), moment(request, "at")
    k = whole(request, "max_results", 10, 1, _MOST_RESULTS)
    query, embedding = (request.query_params.get(name) for name in ("query", "embedding"))
    if embedding is None and not (query and query.strip()):
        raise refuse(400, "Give `query`, a text, or `embedding`, a JSON list of 768 numbers.")
    store = served(request)

    def find() -> list[tuple[Memory, float]]:
        vector = _vector(_json(embedding)) if embedding is not None else store.embed(query or "")
        return store.recall(vector, space, k, at)

    found = await run_in_threadpool(find)
    strategy = "exact cosine over all memories of the space" if space else "exact cosine over all memories"
    best = found[0][1] if found else 0.0
    return Json(
        {
            "memories": {
                "vivid": [_hit(memory, score) for memory, score in found],
                "associated": [],
                "reconstructed": [],
            },
            "recall_confidence": confidence_info(min(1.0, max(0.0, best)), "Cosine of the best memory"),
            "query_analysis": {
                "understood_intent": query or "embedding",
                "search_strategy": strategy,
                "cognitive_load": "Low",
                "suggestions": [],
            },
            "system_message": f"{len(found)} memories",
        }
    )


async def get_memory(request: Request) -> Response:
    """GET /api/v1/memories/{id}."""
    memory = served(request).get(space_of(request), request.path_params["id"], moment(request, "at"))
    if memory is None:
        raise refuse(404, f"There is no such memory in space `{space_of(request)}`.")
    return Json(memory_document(memory))


async def list_memories(request: Request) -> Response:
    """GET /api/v1/memories."""
    store, space = served(request), space_of(request)
    offset, limit = whole(request, "offset", 0, 0, 2**62), whole(request, "limit", 100, 1, _MOST_RESULTS)
    at, vectors = moment(request, "at"), switch(request, "include_embeddings")

    def find() -> dict[str, Any]:
        waiting = {memory.id: memory for memory, _ in store.remembered.of(space)}
        counted = store.reader.count(space)
        found = [waiting.pop(memory.id, memory) for memory in store.reader.page(space, offset, limit, at)]
        new = [memory for memory in waiting.values() if store.reader.get(space, memory.id) is None]
        found += new[max(0, offset - counted) :][: limit - len(found)]
        documents = [memory_document(memory) for memory in found]
        for document in documents if vectors else ():
            vector = store.vector(space, document["id"])
            document["embedding"] = None if vector is None else vector.tolist()
        return {"memories": documents, "count": len(found), "tier_counts": _tiers(counted + len(new))}

    small = limit <= _FEW and not vectors and not store.remembered
    return Json(find() if small else await run_in_threadpool(find))


def _tiers(total: int) -> dict[str, int]:
    """Every memory is in the one tier there is."""
    return {"hot": total, "warm": 0, "cold": 0, "total": total}


def _space(request: Request, name: str, made: str | None) -> dict[str, Any]:
    return {"id": name, "persistence_root": str(served(request).store.path), "created_at": made}


def _checked_space(name: Any, field: str) -> str:
    stripped = name.strip() if isinstance(name, str) else ""
    if not _SPACE_NAME.fullmatch(stripped):
        raise refuse(400, f"`{field}` must be 3 to 64 characters of a–z, 0–9, `_` and `-`.")
    return stripped


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError as error:
        raise _no_vector() from error


def _vector(given: Any) -> Vectors:
    if not isinstance(given, list) or any(type(part) not in (int, float) for part in given):
        raise _no_vector()
    try:
        vector = np.array(given, dtype=np.float32)
    except (OverflowError, ValueError) as error:
        raise _no_vector() from error
    if vector.shape != (DIMENSION,) or not np.isfinite(vector).all():
        raise _no_vector()
    return vector


def _no_vector() -> ConfigurationError:
    return ConfigurationError(
        f"`embedding` must be a list of {DIMENSION} numbers that a 32-bit float can hold.",
        suggestion="Embed the text with the model of the store's memories.",
    )


def _microseconds(at: datetime) -> int:
    return int((at - datetime(1970, 1, 1, tzinfo=timezone.utc)) / timedelta(microseconds=1))


def _stored(memory: Memory) -> dict[str, Any]:
    now = datetime.now(timezone.utc).isoformat()
    return {
        "memory_id": memory.id,
        "storage_confidence": confidence_info(memory.confidence, "As it was sent"),
        "consolidation_state": "Recent",
        "observed_at": memory.created_at,
        "stored_at": now,
        "links": None,
        "auto_links": [],
        "system_message": f"Stored in space {memory.space}.",
    }


def _hit(memory: Memory, score: float) -> dict[str, Any]:
    return {
        **memory_document(memory),
        "confidence": confidence_info(memory.confidence, "As it is stored"),
        "activation_level": memory.activation,
        "similarity_score": score,
        "retrieval_path": "cosine",
        "observed_at": memory.created_at,
        "tags": [],
    }


#: In the order in which they are tried.
ROUTES = [
    Route("/api/v1/memories/recall", recall),
    Route("/api/v1/memories/remember", remember, methods=["POST"]),
    Route("/api/v1/memories", list_memories),
    Route("/api/v1/memories/{id:name}", get_memory),
    Route("/api/v1/spaces", list_spaces),
    Route("/api/v1/spaces", make_space, methods=["POST"]),
]
