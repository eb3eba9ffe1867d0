"""What may stop a running pipeline from outside, and how it is said."""

from __future__ import annotations

import _thread
import signal
import threading
from types import FrameType
from typing import Any

import psutil

from engram_store.errors import Interrupted, MigrationError

AGAIN = "run the same command again; finished pages are kept"


class CtrlC(Interrupted):
    """Stopped by the user."""

    exit_code = 130


class Watch:
    """Interrupts the main thread, which waits in the runner, and remembers why.

    The runner waits for a killed worker for ever; its loss shows only as an exception in the
    thread that started it. SIGTERM and a limit that was passed end the run the same way.
    """

    def __init__(self) -> None:
        self._reason: MigrationError | None = None

    def __enter__(self) -> Watch:
        self._hook = threading.excepthook
        threading.excepthook = self._on_thread_failure
        self._in_main = threading.current_thread() is threading.main_thread()
        if self._in_main:
            self._handler = signal.signal(signal.SIGTERM, self._on_terminate)
        return self

    def __exit__(self, *_: object) -> None:
        threading.excepthook = self._hook
        if self._in_main:
            signal.signal(signal.SIGTERM, self._handler)
        if self._reason is not None:
            _end_workers()

    def abort(self, reason: MigrationError) -> None:
        """Ends the run from another thread; the first reason counts."""
        if self._reason is None:
            self._reason = reason
            _thread.interrupt_main()

    def reason(self) -> MigrationError:
        """Why the main thread was interrupted."""
        return self._reason or CtrlC("the run was stopped (Ctrl-C)", suggestion=AGAIN)

    def _on_thread_failure(self, failure: Any) -> None:
        if failure.exc_type is RuntimeError and "Worker subprocess exited" in str(failure.exc_value):
            self.abort(
                Interrupted(
                    "a worker process ended in the middle of its work",
                    why=f"{failure.exc_value}; if nobody killed it, the system may have, for want of memory",
                    suggestion=f"{AGAIN}; if memory was short, with fewer --parallel-workers",
                )
            )
        else:
            self._hook(failure)

    def _on_terminate(self, _number: int, _frame: FrameType | None) -> None:
        self._reason = self._reason or Interrupted("the run was told to stop (SIGTERM)", suggestion=AGAIN)
        raise KeyboardInterrupt


def _end_workers() -> None:
    """Ends Beam's local workers, which would go on for seconds without their parent."""
    for child in psutil.Process().children(recursive=True):
        try:
            if any("pipelines.worker" in word for word in child.cmdline()):
                child.kill()
        except psutil.NoSuchProcess:
            continue
