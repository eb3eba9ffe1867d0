"""Servers for the tests: a process of its own each, as a user starts it."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from types import TracebackType

import httpx

from tests.pipelines.command import Ended, Started, start
from tests.servers.ports import free_port

_SECONDS = 60


class Serving:
    """``engram-migrate serve`` on a free loopback port; it keeps its address when it is started again."""

    def __init__(self, store: Path, *flags: str, environment: dict[str, str] | None = None) -> None:
        self.store = store
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._flags = flags
        self._environment = environment or {}
        self._process: Started | None = None

    def start(self) -> None:
        """Starts it and returns once it answers."""
        arguments = ("serve", str(self.store), "--port", str(self.port), *self._flags)
        self._process = start("pipelines", *arguments, environment=self._environment)
        deadline = time.monotonic() + _SECONDS
        while not self._answers():
            if not self._process.running() or time.monotonic() > deadline:
                raise AssertionError(self._process.end(1))
            time.sleep(0.05)

    def end(self, how: signal.Signals = signal.SIGTERM) -> Ended:
        """Ends it and returns how it ended."""
        assert self._process is not None
        self._process.signal(how)
        process, self._process = self._process, None
        return process.end(_SECONDS)

    def kill(self) -> None:
        """Ends it as a crash does."""
        self.end(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Stops it, or lets it go on."""
        assert self._process is not None
        self._process.signal(number)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=5, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def __enter__(self) -> Serving:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.running():
            self.end(signal.SIGKILL)
