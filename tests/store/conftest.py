from __future__ import annotations

from pathlib import Path

import pytest

from engram_store.run import Run
from engram_store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store", create=True)


@pytest.fixture
def run(store: Store) -> Run:
    return store.create_run("first", {"model": "lexical", "started_at": "2025-01-01T00:00:00Z"})


@pytest.fixture
def later(store: Store) -> Run:
    return store.create_run("again", {"model": "lexical", "started_at": "2025-02-01T00:00:00Z"})
