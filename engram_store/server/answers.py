"""What the server answers: JSON, errors as JSON, and long work that keeps its connection alive."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from engram_store.errors import (
    ConfigurationError,
    IntegrityError,
    MappingError,
    MigrationError,
    TargetTerminalError,
    TargetTransientError,
)
from engram_store.model import Memory

#: Seconds after which a client that is told to come back should do so.
RETRY_AFTER = 1

#: Seconds between two signs of life during long work; clients wait longer than this for a byte.
SIGN_OF_LIFE = 5.0

_STATUS: Mapping[type[MigrationError], int] = {
    ConfigurationError: 400,
    MappingError: 400,
    IntegrityError: 422,
    TargetTransientError: 503,
    TargetTerminalError: 507,
}

_log = logging.getLogger(__name__)


class Refused(Exception):
    """An answer other than the error's usual one.

    Args:
        status: The HTTP status.
        error: What is said.
    """

    def __init__(self, status: int, error: MigrationError) -> None:
        super().__init__(error.what)
        self.status = status
        self.error = error


class Json(Response):
    """A JSON answer."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The answer's bytes."""
        return orjson.dumps(content)


def refuse(status: int, what: str, why: str = "", suggestion: str = "") -> Refused:
    """A refusal of a request that is wrong in itself."""
    return Refused(status, ConfigurationError(what, why=why, suggestion=suggestion))


def error_answer(error: MigrationError, status: int | None = None) -> Json:
    """An error of the tree as an answer."""
    status = status or _STATUS.get(type(error), 500)
    headers = {"Retry-After": str(RETRY_AFTER)} if status in (429, 503) else None
    return Json(error_document(error), status_code=status, headers=headers)


def error_document(error: MigrationError) -> dict[str, Any]:
    """An error as JSON: code, message, and what a person can do about it."""
    parts = {
        "code": type(error).__name__,
        "message": error.what,
        "why": error.why,
        "suggestion": error.suggestion,
        "example": error.example,
    }
    return {"error": parts}


async def on_error(_request: Request, error: Exception) -> Json:
    """Answers an error of the tree."""
    assert isinstance(error, MigrationError)
    return error_answer(error)


async def on_refused(_request: Request, refused: Exception) -> Json:
    """Answers a refusal."""
    assert isinstance(refused, Refused)
    return error_answer(refused.error, refused.status)


async def on_http(_request: Request, error: Exception) -> Json:
    """Answers what no route is for."""
    status = getattr(error, "status_code", 404)
    what = {404: "There is no such route.", 405: "This route does not know that method."}.get(
        status, str(getattr(error, "detail", error))
    )
    refused = refuse(status, what, suggestion="See the routes under /api-docs/openapi.json.")
    answer = error_answer(refused.error, status)
    answer.headers.update(getattr(error, "headers", None) or {})
    return answer


async def on_defect(request: Request, error: Exception) -> Json:
    """Answers a defect of ours, without showing its insides; they go to the log."""
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    defect = MigrationError("The server met a defect of its own.", suggestion="Look at the server's log.")
    return error_answer(defect, 500)


async def long_work(work: Callable[[], Any]) -> Response:
    """The answer to work that takes as long as it takes.

    If it takes long, blanks are sent meanwhile, so that neither side takes the other for dead; the
    status has been sent by then, and an error stands in the body under ``error``.
    """
    task = asyncio.ensure_future(run_in_threadpool(work))
    if (await asyncio.wait({task}, timeout=SIGN_OF_LIFE))[0]:
        return Json(task.result())
    return StreamingResponse(_with_signs_of_life(task), media_type="application/json")


async def _with_signs_of_life(task: asyncio.Future[Any]) -> AsyncIterator[bytes]:
    yield b" "
    while not (await asyncio.wait({task}, timeout=SIGN_OF_LIFE))[0]:
        yield b" "
    try:
        document = task.result()
    except MigrationError as error:
        document = error_document(error)
    yield orjson.dumps(document)


def confidence_info(value: float, reasoning: str) -> dict[str, Any]:
    """A confidence as the public server shows it in answers."""
    category = "High" if value > 0.7 else "Medium" if value > 0.4 else "Low"
    return {"value": value, "category": category, "reasoning": reasoning}


def memory_document(memory: Memory) -> dict[str, Any]:
    """A memory as JSON: the public server's fields, and ours beside them."""
    # Spelt out: dataclasses.asdict takes longer than finding the memory.
    source = memory.source
    return {
        "id": memory.id,
        "space": memory.space,
        "content": memory.content,
        "confidence": memory.confidence,
        "activation": memory.activation,
        "decay_rate": memory.decay_rate,
        "created_at": memory.created_at,
        "timestamp": memory.created_at,
        "memory_type": "semantic",
        "source": {"system": source.system, "kind": source.kind, "key": source.key},
        "model": memory.model,
        "run": memory.run,
        "page": memory.page,
    }
