"""Whatever is asked along the OpenAPI document, the server answers, and never by 500."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.core.result import Ok
from starlette.routing import Route

from engram_store.server.app import create_app
from engram_store.server.openapi import document
from engram_store.server.served import Served
from engram_store.store import Store
from engram_store.wire import ARROW
from pipelines.text_embedder import TextEmbedder
from tests.server.serving import Serving
from tests.store.synthetic import Link, memories, write


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


@schemathesis.serializer(ARROW)
def _as_it_is(_context: schemathesis.SerializationContext, value: Any) -> bytes:
    return value if isinstance(value, bytes) else bytes(str(value), "utf-8")


def _operations() -> dict[str, Any]:
    found = schemathesis.openapi.from_dict(document()).get_all_operations()
    operations = {result.ok().label: result.ok() for result in found if isinstance(result, Ok)}
    # What holds its connection open has tests of its own.
    del operations["POST /api/v1/engram/lock"]
    return operations


OPERATIONS = _operations()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_nothing_is_answered_by_500(filled: Serving, operation: str) -> None:
    @settings(
        max_examples=15,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    @given(case=OPERATIONS[operation].as_strategy())
    def ask(case: Any) -> None:
        answer = case.call(base_url=filled.url)
        assert answer.status_code < 500, answer.text
        assert b"Traceback" not in answer.content

    ask()


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
