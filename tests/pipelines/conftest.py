"""The shop that the tests of stopping and going on migrate: enough pages to stop between."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import psycopg
import pytest

from demo import shop
from tests.pipelines.command import migrate
from tests.pipelines.stored import Stored, stored
from tests.servers.postgres import DebianPostgres

#: 20,000 rows, in pages of 100: about two hundred pages.
CUSTOMERS = 1_000
PAGE = ("--batch-size", "100")


def make_shop(server: DebianPostgres, name: str, customers: int = CUSTOMERS) -> str:
    """Makes the demo's shop in a new database and returns its DSN."""
    dsn = server.create_database(name)
    with psycopg.connect(dsn) as connection:
        shop.build(connection, customers)
    return dsn


@pytest.fixture(scope="module")
def shop_database(debian_postgres: DebianPostgres, request: pytest.FixtureRequest) -> str:
    """A shop for one module, to be read only."""
    return make_shop(debian_postgres, f"shop_{request.module.__name__.rpartition('.')[2]}")


@pytest.fixture(scope="module")
def undisturbed(shop_database: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Stored]:
    """What the shop's store holds after a run that nothing stopped."""

    @cache
    def read() -> Stored:
        target = tmp_path_factory.mktemp("undisturbed") / "store"
        migrate(shop_database, target, *PAGE).succeeded()
        return stored(target)

    return read


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where a store may be made; nothing is there yet."""
    return tmp_path / "store"
