"""Deliveries that nobody disturbed are valid, whatever they hold: 200 small ones, made at random."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from engram_store import files
from io_connectors.engram.public import client
from pipelines.delivered import delivery_checks
from tests.corruption.chance import alarms, made, seeds, twenties
from tests.engram_double.double import EngramDouble
from tests.engram_public.staging import home_of


@pytest.fixture(scope="module")
def server() -> Iterator[EngramDouble]:
    """A double for all, emptied before each delivery."""
    with EngramDouble() as double:
        yield double


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "sync", lambda path, cached=True: None)


@pytest.mark.parametrize("twenty", twenties(2))
def test_no_false_alarm(twenty: int, tmp_path: Path, server: EngramDouble) -> None:
    compared = 0
    for seed in seeds(twenty):
        server.spaces.clear()
        home = home_of(tmp_path / str(seed), server, say=lambda line: None)
        # Listings of one page, and of several.
        with patch.object(client, "_MOST_LISTED", 5 if seed % 2 else 1_000), home.lock():
            for name in made(home, random.Random(seed)):
                assert alarms(home, name, tmp_path / str(seed), files=seed % 2 == 0) == [], f"seed {seed}"
            home.read_back()
        for name in home.runs():
            checks = delivery_checks(home.run(name))
            assert len(checks) == 2 and all(check.passed for check in checks), f"seed {seed}: {checks}"
            counts = home.run(name).finding("delivery")["vectors"]
            assert counts["not_compared"] == 0
            compared += counts["equal"]
    assert compared > 100, "or hardly anything was delivered"
