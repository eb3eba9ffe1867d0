"""A double of the public Engram server on a free loopback port, to start, stop and start again."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timezone
from types import TracebackType

import uvicorn

from tests.engram_double.app import DoubleState, app
from tests.engram_double.spaces import Quirks, Space
from tests.servers.ports import free_port

_SECONDS = 30


class EngramDouble:
    """The double; what it holds can be looked at from the test."""

    def __init__(self, quirks: Quirks | None = None) -> None:
        self.quirks = quirks or Quirks()
        self.state = DoubleState(self.quirks)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def spaces(self) -> dict[str, Space]:
        """What it holds."""
        return self.state.spaces

    def ids(self, space: str) -> set[str]:
        """The ids that a space holds."""
        return set(self.spaces[space].memories)

    def start(self) -> None:
        """Starts it and returns once it listens."""
        config = uvicorn.Config(
            app(self.state), host="127.0.0.1", port=self.port, log_level="error", lifespan="off"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + _SECONDS
        while not self._server.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def stop(self) -> None:
        """Ends it at once; connections are cut."""
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(_SECONDS)

    def restart(self, losing: int = 0) -> None:
        """Ends it and starts it again, without its last writes; it lists no space until one is asked for."""
        self.stop()
        for space, id in self.state.written[len(self.state.written) - losing :]:
            self.spaces[space].memories.pop(id, None)
        self.state.touched.clear()
        for found in self.spaces.values():
            found.opened_at = datetime.now(timezone.utc).isoformat()
        self.start()

    def __enter__(self) -> EngramDouble:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
