"""The OpenAPI document: every route, what it takes, what it answers. Extensions are marked so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engram_store.model import DIMENSION
from engram_store.server.answers import Json
from engram_store.server.state import API, IDENTITY
from engram_store.wire import ARROW

Schema = Mapping[str, Any]

_TEXT: Schema = {"type": "string"}
_ANY: Schema = {"type": "object"}
_NAMES: Schema = {"type": "array", "items": _TEXT}
_MOMENT: Schema = {"type": "string", "format": "date-time"}
_VECTOR: Schema = {
    "type": "array",
    "items": {"type": "number"},
    "minItems": DIMENSION,
    "maxItems": DIMENSION,
}
_RUN = f"{IDENTITY}/runs/{{run}}"


def _whole(least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


def _object(required: Sequence[str] = (), **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required)}


_SPACE_NAME: Schema = {"type": "string", "pattern": "^[a-z0-9_-]{3,64}$"}
_MEMORY = _object(
    ("id", "content", "confidence", "timestamp", "memory_type"),
    id=_TEXT,
    space=_TEXT,
    content=_TEXT,
    confidence={"type": "number"},
    activation={"type": "number"},
    decay_rate={"type": "number"},
    timestamp={"type": ["string", "null"]},
    memory_type=_TEXT,
    source=_ANY,
    model=_TEXT,
    run=_TEXT,
    page=_TEXT,
)
_REMEMBER = _object(
    ("id", "content"),
    id={"type": "string", "minLength": 1},
    content={"type": "string", "minLength": 1, "maxLength": 100_000},
    embedding=_VECTOR,
    confidence={"type": "number"},
    timestamp=_MOMENT,
    memory_space_id=_SPACE_NAME,
)
_HIT = _object(("vector",), vector=_VECTOR, space=_TEXT, k=_whole(1, 1_000), at=_MOMENT)
_LOCK = _object(("token", "who"), token={"type": "string", "minLength": 1}, who=_TEXT)

#: Parameters by name: where they stand, whether they must be there, what they are.
_PARAMETERS: Mapping[str, tuple[str, bool, Schema]] = {
    "X-Memory-Space": ("header", False, _TEXT),
    "X-Engram-Lock": ("header", False, _TEXT),
    "space": ("query", False, _TEXT),
    "at": ("query", False, _MOMENT),
    "query": ("query", False, _TEXT),
    "embedding": ("query", False, {"type": "string", "description": "a JSON list of 768 numbers"}),
    "max_results": ("query", False, _whole(1, 1_000)),
    "offset": ("query", False, _whole(0, 2**62)),
    "limit": ("query", False, _whole(1, 1_000)),
    "include_embeddings": ("query", False, {"type": "boolean"}),
    "tier": ("query", False, _TEXT),
    "direction": ("query", False, {"enum": ["out", "in", "both"]}),
    "depth": ("query", False, _whole(1, 5)),
    "columns": ("query", False, _TEXT),
    "part": ("query", False, {"enum": ["memories", "edges"]}),
    "start": ("query", False, _whole(0, 2**62)),
    "?id": ("query", True, _TEXT),
}
_READ = ("X-Memory-Space", "space")
_OF_MEMORY = (*_READ, "?id")
_AROUND = (*_OF_MEMORY, "depth", "limit")
_RECALL = (*_READ, "query", "embedding", "max_results", "at")
_LIST = (*_READ, "offset", "limit", "include_embeddings", "tier", "at")

#: (method, path, summary, parameters, body, answer); an answer is a status and a schema.
_Line = tuple[str, str, str, Sequence[str], Schema | None, tuple[int, Schema | None]]

_PUBLIC: Sequence[_Line] = (
    ("get", "/health", "Whether the server answers", (), None, (200, _ANY)),
    ("get", "/health/alive", "Whether the server answers", (), None, (200, _ANY)),
    ("get", "/api/v1/system/health", "Memories of each space", _READ, None, (200, _ANY)),
    ("get", "/api/v1/spaces", "All spaces", (), None, (200, _ANY)),
    ("post", "/api/v1/spaces", "Make a space", (), _object(("id",), id=_SPACE_NAME), (201, _ANY)),
    ("post", "/api/v1/memories/remember", "Keep one memory", _READ[:1], _REMEMBER, (201, _ANY)),
    ("get", "/api/v1/memories/recall", "The nearest memories", _RECALL, None, (200, _ANY)),
    ("get", "/api/v1/memories", "Some memories of a space", _LIST, None, (200, _ANY)),
    ("get", "/api/v1/memories/{id}", "One memory", (*_READ, "at"), None, (200, _MEMORY)),
)
_CHECKS = "/api/v1/memory_spaces/{space}"
_EXTENSIONS: Sequence[_Line] = (
    ("get", IDENTITY, "Which server this is", (), None, (200, _ANY)),
    ("get", f"{IDENTITY}/disk", "Bytes that are free", (), None, (200, _ANY)),
    ("get", f"{IDENTITY}/memory", "One memory, whatever its id", (*_OF_MEMORY, "at"), None, (200, _MEMORY)),
    ("get", f"{IDENTITY}/memory/edges", "Its edges", (*_OF_MEMORY, "direction"), None, (200, _ANY)),
    ("get", f"{IDENTITY}/memory/neighbours", "What is around it", _AROUND, None, (200, _ANY)),
    (
        "get",
        f"{IDENTITY}/memory/embedding",
        "Its vector, 768 little-endian floats",
        _OF_MEMORY,
        None,
        (200, None),
    ),
    ("post", f"{IDENTITY}/recall", "The nearest memories to a vector", (), _HIT, (200, _ANY)),
    ("get", f"{IDENTITY}/edges", "Committed edges by origin", (), None, (200, _ANY)),
    (
        "get",
        f"{IDENTITY}/parts",
        "What is served, page by page (Arrow IPC)",
        ("part", "start"),
        None,
        (200, None),
    ),
    ("get", f"{IDENTITY}/parts/faults", "What is wrong with the index", (), None, (200, _ANY)),
    ("get", f"{_CHECKS}/count", "Memories of a space", (), None, (200, _ANY)),
    ("get", f"{_CHECKS}/validate_edges", "Edges without an end", (), None, (200, _ANY)),
    ("get", f"{_CHECKS}/validate_embeddings", "Vectors that are not sound", (), None, (200, _ANY)),
    ("post", f"{IDENTITY}/lock", "Hold the store for a migration", (), _LOCK, (200, None)),
    ("delete", f"{IDENTITY}/lock", "Let go of it", ("X-Engram-Lock",), None, (204, None)),
    ("post", f"{IDENTITY}/finalize", "Publish what was committed", ("X-Engram-Lock",), None, (200, _ANY)),
    ("get", f"{IDENTITY}/runs", "All runs", (), None, (200, _ANY)),
    ("get", _RUN, "A run's manifest", (), None, (200, _ANY)),
    ("put", _RUN, "Make a run", ("X-Engram-Lock",), _ANY, (201, _ANY)),
    ("delete", _RUN, "Take a run back", ("X-Engram-Lock",), None, (200, _ANY)),
    ("put", f"{_RUN}/manifest", "Replace a run's manifest", ("X-Engram-Lock",), _ANY, (204, None)),
    ("put", f"{_RUN}/plan", "Say which pages will be written", ("X-Engram-Lock",), _NAMES, (204, None)),
    ("put", f"{_RUN}/commit", "Say which pages count", ("X-Engram-Lock",), _NAMES, (204, None)),
    ("post", f"{_RUN}/keep_only", "Remove all other pages", ("X-Engram-Lock",), _NAMES, (204, None)),
    ("get", f"{_RUN}/pages", "A run's pages", (), None, (200, _ANY)),
    (
        "get",
        f"{_RUN}/pages/{{page}}",
        "A page's memories (Arrow IPC)",
        ("columns", "part"),
        None,
        (200, None),
    ),
    ("put", f"{_RUN}/pages/{{page}}", "Write a page (Arrow IPC)", (), None, (200, _ANY)),
    ("post", f"{_RUN}/receipts", "Receipts of pages", (), _NAMES, (200, _ANY)),
    ("get", f"{_RUN}/counts", "A run's memories by space", (), None, (200, _ANY)),
    ("post", f"{_RUN}/check_edges", "A run's orphans by origin", (), None, (200, _ANY)),
    ("get", f"{_RUN}/dead_letters", "A run's refused records, a line each", (), None, (200, None)),
    ("delete", f"{_RUN}/orphans", "Forget the list of orphans", ("X-Engram-Lock",), None, (204, None)),
    ("get", f"{_RUN}/{{name}}.json", "A finding", (), None, (200, {})),
    ("put", f"{_RUN}/{{name}}.json", "Keep a finding", (), {}, (204, None)),
)
_ERROR = _object(("error",), error=_object(("code", "message"), code=_TEXT, message=_TEXT, suggestion=_TEXT))


def document() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for tag, lines in (("engram", _PUBLIC), ("extension", _EXTENSIONS)):
        for line in lines:
            paths.setdefault(line[1], {})[line[0]] = _operation(tag, line)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Engram Migrate server", "version": str(API)},
        "paths": paths,
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "security": [{}, {"key": []}],
    }


def _operation(tag: str, line: _Line) -> dict[str, Any]:
    _method, path, summary, parameters, body, (status, schema) = line
    error = {"description": "what is wrong", "content": {"application/json": {"schema": _ERROR}}}
    answer: dict[str, Any] = {"description": "done"}
    if schema is not None:
        answer["content"] = {"application/json": {"schema": schema}}
    operation: dict[str, Any] = {
        "tags": [tag],
        "summary": summary,
        "parameters": [*_in_path(path), *map(_parameter, parameters)],
        "responses": {str(status): answer, "default": error},
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    if summary.startswith("Write a page"):
        binary = {"type": "string", "format": "binary"}
        operation["requestBody"] = {"required": True, "content": {ARROW: {"schema": binary}}}
    return operation


def _in_path(path: str) -> list[dict[str, Any]]:
    names = [part.partition("}")[0] for part in path.split("{")[1:]]
    return [
        {"name": name, "in": "path", "required": True, "schema": {**_TEXT, "minLength": 1}} for name in names
    ]


def _parameter(name: str) -> dict[str, Any]:
    place, required, schema = _PARAMETERS[name]
    return {"name": name.lstrip("?"), "in": place, "required": required, "schema": schema}


async def openapi(_request: Request) -> Response:
    """GET /api-docs/openapi.json."""
    return Json(document())


ROUTES = [Route("/api-docs/openapi.json", openapi)]
