from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from io_connectors.engram.address import open_home
from io_connectors.engram.home import RunHome
from tests.server.serving import Serving


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    """A server of one test's own, with an empty store."""
    with Serving(tmp_path / "served") as server:
        yield server


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server of one module's tests; each uses spaces and runs of its own."""
    with Serving(tmp_path_factory.mktemp("shared") / "store") as server:
        yield server


@pytest.fixture
def client(shared: Serving) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shared.url, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture(params=["path", "http", "objects"])
def home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunHome:
    """The same store, opened by its path, through a server, and in object storage."""
    if request.param == "path":
        return open_home(str(tmp_path / "store"), create=True)
    if request.param == "objects":
        # The mirror is in the folder that a command is started in.
        monkeypatch.chdir(tmp_path)
        return open_home(request.getfixturevalue("bucket_url"), create=True)
    server: Serving = request.getfixturevalue("serving")
    return open_home(server.url)
