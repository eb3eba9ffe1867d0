"""Files and targets for the tests of Redis."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo import cache

#: When the shop's dump was made, in seconds since 1970.
MADE_AT = 1_790_000_000


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where a store may be made; nothing is there yet."""
    return tmp_path / "store"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The dump of the demo's shop: 808 keys of all types, some with times to live, three expired."""
    path = tmp_path / "shop.rdb"
    assert cache.build(path, made_at=MADE_AT) == 808
    return path
