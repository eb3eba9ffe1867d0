"""The public server's routes, with its answers, as far as a migration meets them."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import datetime, timezone
from typing import Any

import numpy as np
import orjson
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from engram_store.server import paths  # noqa: F401  # knows `name`
from tests.engram_double.spaces import Quirks, Remembered, Space

VERSION = "0.1.0"

_NAME = re.compile(r"[a-z0-9_-]{3,64}")
_MOST_BODY = 2 * 1024 * 1024
_MOST_CONTENT = 100_000
_MOST_LISTED = 1_000


class DoubleState:
    """What a double holds, and what it was asked.

    Attributes:
        spaces: All spaces, as on its disk.
        touched: Those that were asked for since the start.
        asked: Each request, as (method, path).
        written: Each write that was answered, as (space, id), in its order.
    """

    def __init__(self, quirks: Quirks) -> None:
        self.quirks = quirks
        self.spaces: dict[str, Space] = {}
        self.touched: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self.written: list[tuple[str, str]] = []

    async def touch(self, name: str) -> Space:
        """A space, made if it is not there; any write or read does that."""
        if not _NAME.fullmatch(name.strip()):
            raise _refusal(400, f"Invalid memory space '{name}'")
        if name not in self.spaces:
            await asyncio.sleep(self.quirks.space_seconds)
        self.touched.add(name)
        return self.spaces.setdefault(name, Space())


class _Refused(Exception):
    def __init__(self, answer: Response) -> None:
        self.answer = answer


def app(state: DoubleState) -> Starlette:
    """The double as an application."""
    routes = [
        Route("/health", _health),
        Route("/api/v1/spaces", _list_spaces),
        Route("/api/v1/spaces", _make_space, methods=["POST"]),
        Route("/api/v1/system/health", _system_health),
        Route("/api/v1/memories/remember", _remember, methods=["POST"]),
        Route("/api/v1/memories/search", _search),
        Route("/api/v1/memories", _list_memories),
        Route("/api/v1/memories/{id:name}", _get),
        Route("/api/v1/memories/{id:name}", _delete, methods=["DELETE"]),
    ]
    made = Starlette(
        routes=routes,
        middleware=[Middleware(_Guarded, state=state)],
        exception_handlers={_Refused: _refused},
    )
    made.state.double = state
    return made


class _Guarded:
    """Notes each request, and refuses those without the key."""

    def __init__(self, app: ASGIApp, state: DoubleState) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._state.asked.append((scope["method"], scope["path"]))
        key = self._state.quirks.key
        answer: ASGIApp = self._app
        if key and Headers(scope=scope).get("Authorization") != f"Bearer {key}":
            answer = _error(401, "UNAUTHORIZED", "API key not found")
        await answer(scope, receive, send)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, _Refused)
    return error.answer


async def _health(request: Request) -> Response:
    return JSONResponse({"status": "healthy", "service": "engram", "version": VERSION})


async def _list_spaces(request: Request) -> Response:
    state = _state(request)
    return JSONResponse({"spaces": [_described(state, name) for name in sorted(state.touched)]})


async def _make_space(request: Request) -> Response:
    state, name = _state(request), (await request.json())["id"].strip()
    await state.touch(name)
    return JSONResponse(_described(state, name), 201)


async def _system_health(request: Request) -> Response:
    state = _state(request)
    asked = request.query_params.get("space")
    known = [name for name in sorted(state.touched) if asked in (None, name)]
    spaces = [{"space": name, "memories": len(state.spaces[name].memories)} for name in known]
    return JSONResponse({"status": "healthy", "checks": [], "spaces": spaces})


async def _remember(request: Request) -> Response:
    state, body = _state(request), await request.body()
    if len(body) > _MOST_BODY:
        raise _Refused(PlainTextResponse("length limit exceeded", 413))
    if request.headers.get("Content-Type") != "application/json":
        raise _Refused(PlainTextResponse("Expected request with `Content-Type: application/json`", 415))
    document = _parsed(body)
    # Everything else is dropped without a word.
    content, id = document["content"], str(document.get("id") or f"mem_{len(state.written)}")
    if not content.strip() or len(content.encode()) > _MOST_CONTENT:
        raise _refusal(400, "Memory content cannot be empty or too large")
    vector = np.array(document.get("embedding", [0.5] * 768), dtype=np.float32)
    if vector.shape != (768,):
        raise _refusal(400, f"Embedding must be 768 dimensions, got {vector.size}")
    confidence = float(np.float32(min(1.0, max(0.0, document.get("confidence", 0.7)))))
    when = document.get("timestamp") or datetime.now(timezone.utc).isoformat()
    name = request.headers.get("X-Memory-Space") or document.get("memory_space_id") or "default"
    space = await state.touch(name)
    await asyncio.sleep(state.quirks.seconds)
    activation = confidence * (1 - 0.5 * len(space.memories) / 100_000)
    kept = Remembered(content, vector, confidence, when.replace("Z", "+00:00"), activation)
    space.store(id, kept, state.quirks)
    state.written.append((name, id))
    return JSONResponse({"memory_id": id, "consolidation_state": "Recent", "auto_links": []}, 201)


async def _search(request: Request) -> Response:
    raise _refusal(400, "Missing 'query' parameter")


async def _list_memories(request: Request) -> Response:
    space, asked = await _asked_space(request), request.query_params
    if asked.get("tier", "hot") != "hot":
        raise _refusal(400, f"Invalid tier value: '{asked['tier']}'")
    offset, limit = int(asked.get("offset", 0)), min(int(asked.get("limit", 100)), _MOST_LISTED)
    with_vectors = asked.get("include_embeddings") == "true"
    found = [
        {
            "id": id,
            "content": memory.content,
            "confidence": memory.confidence,
            "timestamp": memory.timestamp,
            **({"embedding": memory.vector.astype(np.float64)} if with_vectors else {}),
        }
        for id, memory in space.listed(_state(request).quirks)[offset : offset + limit]
    ]
    pagination = {"offset": offset, "limit": limit, "returned": len(found)}
    # What is no number becomes null.
    document = {"memories": found, "count": len(found), "pagination": pagination}
    return Response(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")


async def _get(request: Request) -> Response:
    space, id = await _asked_space(request), request.path_params["id"]
    memory = space.memories.get(id)
    if memory is None:
        raise _Refused(_error(404, "MEMORY_NOT_FOUND", f"Memory with ID '{id}' not found"))
    return JSONResponse(
        {
            "id": id,
            "content": memory.content,
            "confidence": memory.confidence,
            "timestamp": memory.timestamp,
            "memory_type": "episodic",
        }
    )


async def _delete(request: Request) -> Response:
    return JSONResponse({"status": "not_supported"})


async def _asked_space(request: Request) -> Space:
    name = request.headers.get("X-Memory-Space") or request.query_params.get("space") or "default"
    return await _state(request).touch(name)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        raise _refusal(400, "Failed to parse the request body as JSON") from None
    if not isinstance(document, dict) or not isinstance(document.get("content"), str):
        raise _Refused(PlainTextResponse("missing field `content`", 422))
    return document


def _described(state: DoubleState, name: str) -> dict[str, str]:
    opened_at = state.spaces[name].opened_at
    return {"id": name, "persistence_root": f"/data/{name}", "created_at": opened_at}


def _refusal(status: int, message: str) -> _Refused:
    return _Refused(_error(status, "INVALID_MEMORY_INPUT", message))


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": message, "cognitive_guidance": "…"}}, status)


def _state(request: Request) -> DoubleState:
    state: DoubleState = request.app.state.double
    return state
