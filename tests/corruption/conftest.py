from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from engram_store.server.app import create_app
from engram_store.server.served import Served
from engram_store.store import Store
from pipelines.text_embedder import TextEmbedder
from tests.corruption.made import make
from tests.servers.ports import free_port


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store as it was made; never to be changed."""
    store = tmp_path_factory.mktemp("pristine") / "store"
    make(store)
    return store


@pytest.fixture
def store(pristine: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    return Path(shutil.copytree(pristine, tmp_path / "store"))


class OneServer:
    """A server in a thread, which serves one store after the other."""

    def __init__(self) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._app: ASGIApp | None = None
        self._server = uvicorn.Server(
            uvicorn.Config(self._answer, port=port, lifespan="off", log_level="error", interface="asgi3")
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def serve(self, store: Path) -> str:
        """Serves another store from now on; gives the address."""
        self._app = create_app(Served(Store.open(store), TextEmbedder()))
        return self.url

    def end(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._app is not None
        await self._app(scope, receive, send)


@pytest.fixture(scope="session")
def server() -> Iterator[OneServer]:
    server = OneServer()
    server.start()
    yield server
    server.end()
