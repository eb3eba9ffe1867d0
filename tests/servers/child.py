"""A server as a child process of the tests: it dies with them, even if they are killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from typing_extensions import Self


class ChildServer(ABC):
    """A server in a temporary folder; a context manager that starts it, and removes it at the end.

    Args:
        name: The server's name, for the folder's name and in errors.
        start_seconds: How long it may take to answer.
        ends_by: The signal that stops it as an administrator would.
        dies_by: The signal that it gets when the tests are gone.
        starts_with: What else its process is started with: the user, for example.
    """

    def __init__(
        self,
        name: str,
        *,
        start_seconds: float,
        ends_by: signal.Signals = signal.SIGTERM,
        dies_by: str = "KILL",
        starts_with: Mapping[str, Any] | None = None,
    ) -> None:
        self._name = name
        self._start_seconds = start_seconds
        self._ends_by = ends_by
        self._dies_by = dies_by
        self._starts_with = dict(starts_with or {})
        self._folder = Path(tempfile.mkdtemp(prefix=f"engram-{name.lower()}-"))
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """What starts the server."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether the server answers already."""

    @property
    def pid(self) -> int:
        """The server's process id; a LookupError when it is stopped."""
        if self._process is None:
            raise LookupError("the server is stopped")
        return self._process.pid

    def start(self) -> None:
        """Starts the server and returns once it answers."""
        self._process = self._run(*self._command())
        deadline = time.monotonic() + self._start_seconds
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop(signal.SIGKILL)
                raise RuntimeError(f"{self._name} did not start: {self.log()[-2000:]}")
            time.sleep(0.05)

    def stop(self, how: signal.Signals | None = None) -> None:
        """Stops the server, as an administrator would if not said otherwise; SIGKILL is a crash."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(self._ends_by if how is None else how)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def restart(self, how: signal.Signals | None = None) -> None:
        """Stops and starts the server at the same address; what it saved is kept."""
        self.stop(how)
        self.start()

    def log(self) -> str:
        """What the server has printed."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def remove(self) -> None:
        """Stops the server and removes its folder."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    @property
    def _log(self) -> Path:
        return self._folder / "server.log"

    def _run(self, *command: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Starts a program of the server's in its folder; what it prints goes to the log."""
        setpriv = shutil.which("setpriv")
        with_us = [setpriv, "--pdeathsig", self._dies_by] if setpriv else []
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [*with_us, *command],
                cwd=self._folder,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._starts_with,
            )
