"""Stores that nobody damaged are valid, whatever they hold: 200 small ones, made at random."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from engram_store import files
from engram_store.store import Store
from io_connectors.engram.address import open_home
from tests.corruption.chance import alarms, made, memories, seeds, twenties
from tests.corruption.conftest import OneServer


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "sync", lambda path, cached=True: None)


@pytest.mark.parametrize("twenty", range(10))
def test_no_false_alarm(twenty: int, tmp_path: Path) -> None:
    for seed in seeds(twenty):
        store = tmp_path / str(seed)
        home = open_home(str(store), create=True)
        for name in made(home, random.Random(seed)):
            assert alarms(home, name, store, files=seed % 2 == 0) == [], f"seed {seed}"


@pytest.mark.parametrize("twenty", twenties(1))
def test_no_false_alarm_over_http(twenty: int, tmp_path: Path, server: OneServer) -> None:
    for seed in seeds(twenty):
        store = tmp_path / str(seed)
        Store.open(store, create=True)
        home = open_home(server.serve(store))
        for name in made(home, random.Random(seed)):
            assert alarms(home, name, store, files=seed % 2 == 0) == [], f"seed {seed}"


def test_what_is_made_differs() -> None:
    """Else 200 stores would be one store."""
    page = memories(random.Random(3), set())
    assert page.embeddings is not None and len(page) > 2
    assert len({np.sign(v).tobytes() for v in page.embeddings}) == len(page)
