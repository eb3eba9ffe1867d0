"""What a request says: its space, its numbers and moments, its body within limits."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request

from engram_store.errors import ConfigurationError
from engram_store.run import Run
from engram_store.server.answers import Refused, refuse
from engram_store.server.served import Served

#: Bytes of a body: of a memory, as the public server has it, and of a page.
SMALL = 2 * 1024 * 1024
LARGE = 256 * 1024 * 1024

DEFAULT_SPACE = "default"
_SPACE_HEADER = "x-memory-space"


def served(request: Request) -> Served:
    """The store that is served."""
    found: Served = request.app.state.served
    return found


def space_of(request: Request) -> str:
    """The space of a reading request: its header, else ``?space=``, else ``default``."""
    return asked_space(request) or DEFAULT_SPACE


def asked_space(request: Request) -> str | None:
    """The space that a reading request names, if it names one."""
    return request.headers.get(_SPACE_HEADER) or request.query_params.get("space") or None


def space_header(request: Request) -> str | None:
    """The space that a request's header names, if it does."""
    return request.headers.get(_SPACE_HEADER)


def text(request: Request, name: str) -> str:
    """A parameter that must be there; it may be empty."""
    value = request.query_params.get(name)
    if value is None:
        raise refuse(400, f"The parameter `{name}` is missing.")
    return value


def whole(request: Request, name: str, default: int, least: int, most: int) -> int:
    """A whole number within bounds."""
    given = request.query_params.get(name)
    if given is None:
        return default
    if not (given.isascii() and given.isdecimal() and len(given) < 20 and least <= int(given) <= most):
        raise refuse(400, f"`{name}` must be a whole number from {least} to {most}.")
    return int(given)


def switch(request: Request, name: str) -> bool:
    """``true`` or ``false``; false if it is not given."""
    given = request.query_params.get(name, "false")
    if given not in ("true", "false"):
        raise refuse(400, f"`{name}` must be true or false.")
    return given == "true"


def moment(request: Request, name: str) -> datetime | None:
    """An RFC 3339 moment, or None if it is not given."""
    given = request.query_params.get(name)
    return None if given is None else parse_moment(given, name)


def parse_moment(given: Any, name: str) -> datetime:
    """An RFC 3339 moment with its zone."""
    try:
        parsed = datetime.fromisoformat(given.replace("Z", "+00:00").replace("z", "+00:00"))
        parsed.timestamp()
    except (ValueError, AttributeError, TypeError, OverflowError):
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise refuse(400, f"`{name}` must be a moment such as 2025-01-31T12:00:00Z.")
    return parsed


def number(given: Any, name: str, default: float) -> float:
    """A finite number of a JSON document."""
    if given is None:
        return default
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not math.isfinite(given):
        raise refuse(400, f"`{name}` must be a number.")
    return float(given)


async def body(request: Request, limit: int) -> bytes:
    """A request's body.

    Raises:
        Refused: It is larger than the limit (413), or its client went away in the middle of it.
    """
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > limit:
        raise _too_large(limit)
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            parts.append(part)
    except ClientDisconnect:
        raise refuse(400, "The body was cut off.") from None
    return b"".join(parts)


async def json_body(request: Request, limit: int = SMALL) -> Any:
    """A JSON body.

    Raises:
        Refused: It is too large, has another content type, or is not JSON.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise refuse(415, "The content type must be `application/json`.")
    try:
        return orjson.loads(await body(request, limit))
    except ValueError as error:
        raise refuse(400, "The body is not JSON.", why=str(error)) from error


async def json_object(request: Request, limit: int = SMALL) -> dict[str, Any]:
    """A JSON body that is an object."""
    found = await json_body(request, limit)
    if not isinstance(found, dict):
        raise refuse(400, "The body must be a JSON object.")
    return found


async def names_body(request: Request) -> list[str]:
    """A JSON body that is a list of page names."""
    found = await json_body(request, LARGE)
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise refuse(400, "The body must be a JSON list of page names.")
    return found


def run_of(request: Request) -> Run:
    """The run of a request's path.

    Raises:
        Refused: There is none of that name (404).
    """
    try:
        return served(request).store.run(request.path_params["run"])
    except ConfigurationError as error:
        raise Refused(404, error) from error


def _too_large(limit: int) -> Refused:
    return refuse(413, f"The body is larger than {limit:,} bytes.", suggestion="Send it in smaller parts.")
