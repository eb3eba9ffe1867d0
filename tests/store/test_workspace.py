"""How much memory joins of names may take; that it is enough is what ``make soak`` shows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from engram_store.catalogue import CataloguedPage
from engram_store.workspace import memory_for


def test_memory_grows_by_the_root_of_the_rows() -> None:
    pages = cast("list[CataloguedPage]", [SimpleNamespace(rows=30_000_000, edge_rows=60_000_000)])
    assert memory_for([]) == 128_000_000
    assert 230_000_000 < memory_for(pages) < 400_000_000
    assert memory_for(pages * 4) == pytest.approx(2 * memory_for(pages))
