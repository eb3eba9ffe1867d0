"""What is migrated under difficulties: a dump of some thousand keys, and what becomes of it undisturbed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from demo import cache as shop_cache
from tests.pipelines.stored import Stored, stored
from tests.redis.migrations import migrate

#: When the dumps were made; times to live count from then.
MADE_AT = 1_790_000_000
#: Small pages: some two hundred of them.
PAGE = ("--batch-size", "20", "--ttl-as-decay")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where a store may be made; nothing is there yet."""
    return tmp_path / "store"


@pytest.fixture(scope="session")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dump of about 4,000 keys."""
    path = tmp_path_factory.mktemp("dump") / "shop.rdb"
    shop_cache.build(path, products=1_000, made_at=MADE_AT)
    return path


@pytest.fixture(scope="session")
def undisturbed(dump: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Stored]:
    """What the dump's store holds after a run that nothing disturbed."""

    @cache
    def read() -> Stored:
        target = tmp_path_factory.mktemp("undisturbed") / "store"
        migrate(target, "--use-rdb", dump, *PAGE).succeeded()
        return stored(target)

    return read
