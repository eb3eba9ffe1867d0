"""What may stop a running pipeline from outside, and how it is said."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any, NoReturn

import psutil

from engram_store.errors import Interrupted, MigrationError

# What Beam's threads raise, to nobody, when a worker's connection is gone; grpc's own names.
_LOST_CONNECTIONS = ("RpcError", "_MultiThreadedRendezvous")


class CtrlC(Interrupted):
    """Stopped by the user."""

    exit_code = 130


class Terminated(KeyboardInterrupt):
    """SIGTERM, on its way to the end of the command."""


@contextmanager
def heeding_sigterm() -> Iterator[None]:
    """Makes SIGTERM end the block by ``Terminated``, as Ctrl-C ends it by ``KeyboardInterrupt``."""
    with _handling(_terminate, signal.SIGTERM):
        yield


def why_stopped(terminated: bool) -> Interrupted:
    """What the user is told of a SIGTERM or Ctrl-C."""
    if terminated:
        return Interrupted("the run was told to stop (SIGTERM)")
    return CtrlC("the run was stopped (Ctrl-C)")


class Watch:
    """Interrupts the main thread, which waits or works in the runner, and remembers why.

    The runner waits for a killed worker for ever; its loss shows only as an exception in the
    thread that started it. A limit that was passed ends the run the same way. What Beam makes
    of an interrupt that comes in the middle of a transform does not matter: the reason counts.

    Attributes:
        reason: Why the main thread was interrupted, or None.
    """

    def __init__(self) -> None:
        self.reason: MigrationError | None = None
        self._open = False
        self._lock = threading.Lock()

    def __enter__(self) -> Watch:
        self._hook = threading.excepthook
        threading.excepthook = self._on_thread_failure
        self._handlers = ExitStack()
        self._handlers.enter_context(_handling(self._on_signal, signal.SIGTERM, signal.SIGINT))
        self._open = True
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._open = False
        self._handlers.close()
        if self.reason is None:
            threading.excepthook = self._hook
        else:
            # Threads that served a worker fail when it is gone, however long after this.
            _end_workers()

    def abort(self, reason: MigrationError) -> None:
        """Ends the run from another thread; the first reason counts, and none after the run's end."""
        with self._lock:
            if self._open and self.reason is None:
                self.reason = reason
                _thread.interrupt_main()

    def _on_signal(self, number: int, _frame: FrameType | None) -> NoReturn:
        self.reason = self.reason or why_stopped(number == signal.SIGTERM)
        raise KeyboardInterrupt

    def _on_thread_failure(self, failure: Any) -> None:
        if failure.exc_type is RuntimeError and "Worker subprocess exited" in str(failure.exc_value):
            self.abort(
                Interrupted(
                    "a worker process ended in the middle of its work",
                    why=f"{failure.exc_value}; if nobody killed it, the system may have, for want of memory",
                    suggestion="if memory was short, give fewer --parallel-workers",
                )
            )
        elif failure.exc_type.__name__ not in _LOST_CONNECTIONS:
            # A lost connection to a worker is said by the end of that worker.
            self._hook(failure)


@contextmanager
def _handling(handler: Callable[[int, FrameType | None], None], *signals: signal.Signals) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


def _end_workers() -> None:
    """Ends Beam's local workers, which would go on for seconds without their parent."""
    for child in psutil.Process().children(recursive=True):
        try:
            if any("pipelines.worker" in word for word in child.cmdline()):
                child.kill()
        except psutil.NoSuchProcess:
            continue
