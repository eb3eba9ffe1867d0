"""Extensions that read: a memory by space and id whatever these hold, its edges, what is around it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engram_store import space_checks
from engram_store.reader import Direction
from engram_store.server.answers import Json, memory_document, refuse
from engram_store.server.requests import (
    json_object,
    moment,
    parse_moment,
    served,
    space_of,
    text,
    whole,
)
from engram_store.server.spaces import counts
from engram_store.server.state import IDENTITY

_MOST_NEIGHBOURS = 1_000
_MOST_DEPTH = 5
_DIRECTIONS: dict[str, Direction] = {"out": "out", "in": "in", "both": "both"}


async def memory(request: Request) -> Response:
    """GET …/memory?space=&id=."""
    found = served(request).get(space_of(request), text(request, "id"), moment(request, "at"))
    if found is None:
        raise _no_memory(request)
    return Json(memory_document(found))


async def edges(request: Request) -> Response:
    """GET …/memory/edges?space=&id=&direction=."""
    direction = request.query_params.get("direction", "out")
    if direction not in _DIRECTIONS:
        raise refuse(400, "`direction` must be out, in or both.")
    store, space, id = served(request), space_of(request), text(request, "id")

    def find() -> list[dict[str, Any]]:
        return [asdict(edge) for edge in store.reader.edges(space, id, _DIRECTIONS[direction])]

    return Json({"edges": await run_in_threadpool(find)})


async def neighbours(request: Request) -> Response:
    """GET …/memory/neighbours?space=&id=&depth=&limit=."""
    depth = whole(request, "depth", 1, 1, _MOST_DEPTH)
    limit = whole(request, "limit", _MOST_NEIGHBOURS, 1, _MOST_NEIGHBOURS)
    store, space, id = served(request), space_of(request), text(request, "id")

    def find() -> list[dict[str, Any]]:
        found = store.reader.neighbours(space, id, depth, limit)
        return [{"memory": memory_document(near.memory), "distance": near.distance} for near in found]

    # A step of a walk takes less time than another thread does to take it up.
    return Json({"neighbours": find() if depth == 1 else await run_in_threadpool(find)})


async def embedding(request: Request) -> Response:
    """GET …/memory/embedding?space=&id=: 768 little-endian 32-bit floats."""
    vector = await run_in_threadpool(served(request).vector, space_of(request), text(request, "id"))
    if vector is None:
        raise _no_memory(request)
    return Response(vector.astype("<f4").tobytes(), media_type="application/octet-stream")


async def recall(request: Request) -> Response:
    """POST …/recall {"vector": […], "space": null, "k": 10, "at": null}."""
    document = await json_object(request)
    vector, space, k = document.get("vector"), document.get("space"), document.get("k", 10)
    if not isinstance(vector, list) or any(type(part) not in (int, float) for part in vector):
        raise refuse(400, "`vector` must be a list of numbers.")
    if not (space is None or isinstance(space, str)) or type(k) is not int or not 1 <= k <= _MOST_NEIGHBOURS:
        raise refuse(400, f"`space` must be a text or null, and `k` 1 to {_MOST_NEIGHBOURS:,}.")
    at = None if document.get("at") is None else parse_moment(document["at"], "at")
    found = await run_in_threadpool(served(request).recall, vector, space, k, at)
    return Json({"memories": [{"memory": memory_document(hit), "score": score} for hit, score in found]})


async def edge_counts(request: Request) -> Response:
    """GET …/edges: committed edges by origin."""
    return Json(served(request).reader.edge_counts())


async def count(request: Request) -> Response:
    """GET /api/v1/memory_spaces/{space}/count."""
    space = request.path_params["space"]
    return Json({"space": space, "count": (await counts(request)).get(space, 0)})


async def validate_edges(request: Request) -> Response:
    """GET /api/v1/memory_spaces/{space}/validate_edges."""
    space, store = request.path_params["space"], served(request).store
    found = await run_in_threadpool(space_checks.check_edges, store.path, space)
    return Json({"space": space, **asdict(found), "valid": not found.orphans})


async def validate_embeddings(request: Request) -> Response:
    """GET /api/v1/memory_spaces/{space}/validate_embeddings."""
    space, store = request.path_params["space"], served(request)

    def check() -> dict[str, Any]:
        return asdict(space_checks.check_vectors(store.reader, space))

    found = await run_in_threadpool(check)
    return Json({"space": space, **found, "valid": not found["unsound"]})


def _no_memory(request: Request) -> Exception:
    return refuse(404, f"There is no such memory in space `{space_of(request)}`.")


#: In the order in which they are tried.
ROUTES = [
    Route(f"{IDENTITY}/memory", memory),
    Route(f"{IDENTITY}/memory/neighbours", neighbours),
    Route(f"{IDENTITY}/memory/edges", edges),
    Route(f"{IDENTITY}/memory/embedding", embedding),
    Route(f"{IDENTITY}/recall", recall, methods=["POST"]),
    Route(f"{IDENTITY}/edges", edge_counts),
    Route("/api/v1/memory_spaces/{space}/count", count),
    Route("/api/v1/memory_spaces/{space}/validate_edges", validate_edges),
    Route("/api/v1/memory_spaces/{space}/validate_embeddings", validate_embeddings),
]
