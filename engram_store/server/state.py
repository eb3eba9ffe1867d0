"""How the server is: health, figures for Prometheus, and what tells it from the public server."""

from __future__ import annotations

import shutil
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engram_store.server.answers import Json
from engram_store.server.requests import asked_space, served
from engram_store.server.spaces import counts

#: What a probe asks for, and what tells it that this server answers.
IDENTITY = "/api/v1/engram"
SERVER = "engram-migrate"
#: The version of the extensions.
API = 1


class Figures:
    """The server's own figures."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "engram_requests", "Requests answered.", ["method", "status"], registry=self.registry
        )
        self.seconds = Histogram("engram_request_seconds", "Time to answer.", registry=self.registry)
        self.pages = Counter("engram_pages_written", "Pages acknowledged.", registry=self.registry)
        self.writing = Gauge("engram_page_writes", "Pages being written now.", registry=self.registry)
        self.memories = Gauge("engram_memories", "Memories.", ["space"], registry=self.registry)


def _release() -> str:
    try:
        return version("engram-migrate")
    except PackageNotFoundError:
        return "unknown"


_IDENTITY = {"server": SERVER, "version": _release(), "api": API}


async def identity(_request: Request) -> Response:
    """GET /api/v1/engram."""
    return Json(_IDENTITY)


async def health(_request: Request) -> Response:
    """GET /health and /health/alive."""
    return Json({"status": "healthy"})


async def system_health(request: Request) -> Response:
    """GET /api/v1/system/health."""
    space = asked_space(request)
    found = await counts(request)
    shown = found if space is None else {space: found.get(space, 0)}
    spaces: list[dict[str, Any]] = [{"space": name, "memories": n} for name, n in shown.items()]
    return Json({"status": "healthy", "spaces": spaces})


async def disk(request: Request) -> Response:
    """GET /api/v1/engram/disk."""
    return Json({"free_bytes": shutil.disk_usage(served(request).store.path).free})


async def metrics(request: Request) -> Response:
    """GET /metrics/prometheus."""
    figures: Figures = request.app.state.figures
    figures.memories.clear()
    for space, memories in (await counts(request)).items():
        figures.memories.labels(space).set(memories)
    return Response(generate_latest(figures.registry), media_type="text/plain; version=0.0.4")


ROUTES = [
    Route(IDENTITY, identity),
    Route(f"{IDENTITY}/disk", disk),
    Route("/health", health),
    Route("/health/alive", health),
    Route("/api/v1/system/health", system_health),
    Route("/metrics/prometheus", metrics),
]
