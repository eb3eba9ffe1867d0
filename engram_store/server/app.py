"""The server as an ASGI application."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from engram_store.errors import MigrationError
from engram_store.server import graph, openapi, page, parts, public, runs, state
from engram_store.server.answers import Refused, on_defect, on_error, on_http, on_refused
from engram_store.server.guard import Guard
from engram_store.server.served import Served


def create_app(served: Served, key: str | None = None) -> Starlette:
    """The application that serves a store.

    Args:
        served: The store.
        key: The key that every request must show; None only where nobody but this machine can ask.
    """
    figures = state.Figures()
    app = Starlette(
        routes=[
            # Look-ups first: each route that is tried before costs a microsecond.
            *(*graph.ROUTES, *public.ROUTES, *runs.ROUTES, *parts.ROUTES),
            *(*state.ROUTES, *openapi.ROUTES, *page.ROUTES),
        ],
        middleware=[Middleware(Guard, key=key, figures=figures)],
        exception_handlers={
            MigrationError: on_error,
            Refused: on_refused,
            HTTPException: on_http,
            Exception: on_defect,
        },
    )
    app.router.redirect_slashes = False
    app.state.served = served
    app.state.figures = figures
    app.state.writing = 0
    return app
