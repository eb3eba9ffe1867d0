"""Whatever is asked along the OpenAPI document, the server answers, and never by 500."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from starlette.routing import Route

from engram_store.server.app import create_app
from engram_store.server.openapi import document
from engram_store.server.served import Served
from engram_store.store import Store
from pipelines.text_embedder import TextEmbedder
from tests.server.serving import Serving
from tests.store.synthetic import Link, memories, write

schema = schemathesis.pytest.from_fixture("api")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server with a few memories, so that not everything is a 404."""
    folder = tmp_path_factory.mktemp("filled") / "store"
    store = Store.open(folder, create=True)
    run = store.create_run("0", {"model": "local/lexical-1", "started_at": "2025-01-01T00:00:00Z"})
    write(run, "0", memories(["0", "a"], space="default"), [Link("e", "0", "a", "fk", "default", "default")])
    store.finalize()
    with Serving(folder) as server:
        yield server


@pytest.fixture(scope="module")
def api(filled: Serving) -> schemathesis.BaseSchema:
    # What holds its connection open has tests of its own.
    found = schemathesis.openapi.from_url(f"{filled.url}/api-docs/openapi.json")
    return found.exclude(path="/api/v1/engram/lock", method="POST")


@schema.parametrize()
@settings(
    max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)
def test_nothing_is_answered_by_500(case: Any) -> None:
    answer = case.call()
    case.validate_response(answer, checks=[not_a_server_error])
    assert answer.status_code != 500
    assert "Traceback" not in answer.text


def test_every_route_is_in_the_document(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store", create=True)
    app = create_app(Served(store, TextEmbedder()))
    routes = [route for route in app.routes if isinstance(route, Route)]
    found = {
        (route.path.replace(":name}", "}"), method.lower())
        for route in routes
        for method in route.methods or ()
        if method != "HEAD"
    }
    undocumented = {("/", "get"), ("/api-docs/openapi.json", "get"), ("/metrics/prometheus", "get")}
    documented = {(path, method) for path, item in document()["paths"].items() for method in item}
    assert found - undocumented == documented


def test_extensions_are_marked() -> None:
    for path, item in document()["paths"].items():
        ours = path.startswith(("/api/v1/engram", "/api/v1/memory_spaces"))
        assert all(
            operation["tags"] == (["extension"] if ours else ["engram"]) for operation in item.values()
        )
