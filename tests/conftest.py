"""Fixtures that every test may use: samples, servers, sample databases.

With ``ENGRAM_MIGRATE_TEST_REQUIRE_SERVERS=1`` whatever is missing fails instead of being skipped.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn
from unittest.mock import patch
from uuid import uuid4

import pytest
from hypothesis import settings

from tests.servers.neo4j import Neo4jServer
from tests.servers.neo4j_samples import Neo4jSamples
from tests.servers.objects import KEYS, ObjectServer
from tests.servers.postgres import DebianPostgres, WheelPostgres, find_programs
from tests.servers.redis import RedisServer
from tests.servers.samples import SampleDatabases

_REPOSITORY = Path(__file__).resolve().parent.parent

# Machines differ in speed: no example fails for having taken long.
settings.register_profile("engram", deadline=None, print_blob=True)
settings.load_profile("engram")


def _missing(reason: str) -> NoReturn:
    if os.environ.get("ENGRAM_MIGRATE_TEST_REQUIRE_SERVERS") == "1":
        pytest.fail(f"{reason} (and ENGRAM_MIGRATE_TEST_REQUIRE_SERVERS=1 allows no skip)", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def _environment_as_found() -> Iterator[None]:
    """A password of an address is kept in the environment, where the next test would find it."""
    with patch.dict(os.environ):
        yield


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of sample data: ``postgres/``, ``neo4j/``, ``redis/``."""
    folder = Path(os.environ.get("ENGRAM_SAMPLES", _REPOSITORY.parent / "shared" / "samples"))
    if not (folder / "postgres" / "truth.json").exists():
        _missing(f"no samples under `{folder}`; set ENGRAM_SAMPLES")
    return folder


@pytest.fixture(scope="session")
def debian_postgres() -> Iterator[DebianPostgres]:
    """PostgreSQL over loopback TCP with passwords; shared, so leave it running and roles as they are."""
    programs = find_programs()
    if programs is None:
        _missing("no PostgreSQL server programs; run scripts/setup-servers.sh")
    with DebianPostgres(programs) as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[DebianPostgres]:
    """A server of one test's own, to stop, restart and crash (about two seconds)."""
    programs = find_programs()
    if programs is None:
        _missing("no PostgreSQL server programs; run scripts/setup-servers.sh")
    with DebianPostgres(programs) as server:
        yield server


@pytest.fixture(scope="session")
def wheel_postgres() -> Iterator[WheelPostgres]:
    """A newer PostgreSQL on a unix socket, without passwords, contrib and XML."""
    folder = Path(tempfile.mkdtemp(prefix="engram-pg-"))
    with WheelPostgres(folder) as server:
        yield server
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sample_database(debian_postgres: DebianPostgres, samples: Path) -> SampleDatabases:
    """``sample_database("pagila")`` is the DSN of a shared sample, to be read only; ``.truth`` its truth."""
    return SampleDatabases(debian_postgres, samples)


@pytest.fixture
def sample_copy(sample_database: SampleDatabases) -> Iterator[Callable[[str], str]]:
    """``sample_copy("pagila")`` is the DSN of a copy that this test may change."""
    with ExitStack() as copies:
        yield lambda name: copies.enter_context(sample_database.copy(name))


def _neo4j(*settings: str) -> Neo4jServer:
    try:
        return Neo4jServer(settings=settings)
    except LookupError as error:
        _missing(str(error))


@pytest.fixture(scope="session")
def neo4j_server() -> Iterator[Neo4jServer]:
    """A Neo4j that tests share: leave it running, and take away what you put in."""
    with _neo4j() as server:
        yield server


@pytest.fixture
def own_neo4j(request: pytest.FixtureRequest) -> Iterator[Neo4jServer]:
    """A Neo4j of one test's own, to stop, restart and crash (about seven seconds).

    As an indirect parameter it takes a tuple of lines for ``neo4j.conf``.
    """
    with _neo4j(*getattr(request, "param", ())) as server:
        yield server


@pytest.fixture(scope="session")
def neo4j_sample(samples: Path) -> Iterator[Neo4jSamples]:
    """``neo4j_sample("movies")`` is a server with that sample, to be read only; ``.truth`` its truth."""
    graphs = Neo4jSamples(samples, _missing)
    yield graphs
    graphs.close()


@pytest.fixture(scope="session")
def object_server() -> Iterator[ObjectServer]:
    """Object storage that tests share; each makes buckets of its own."""
    try:
        server = ObjectServer()
    except LookupError as error:
        _missing(str(error))
    with server:
        yield server


@pytest.fixture
def bucket_url(object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty prefix in a bucket of one test's own, with the keys in the environment."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    bucket = f"test-{uuid4().hex}"
    object_server.files().create_dir(bucket)
    return object_server.url(bucket)


def _redis(*config: str) -> RedisServer:
    try:
        return RedisServer(config)
    except LookupError as error:
        _missing(str(error))


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A Redis that tests share: leave it running, and take away what you put in."""
    with _redis() as server:
        yield server


@pytest.fixture
def own_redis(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """A Redis of one test's own, to stop, restart and crash.

    As an indirect parameter it takes a tuple of lines for ``redis.conf``.
    """
    with _redis(*getattr(request, "param", ())) as server:
        yield server
