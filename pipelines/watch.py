"""What may stop a running pipeline from outside, and how it is said."""

from __future__ import annotations

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
# The thread in which Beam starts a worker and waits for its end.
_STARTER = "run_worker"
# How long a run may take to end before it is told once more.
_INSIST_SECONDS = 2.0
_FEWER_WORKERS = "if memory was short, give fewer --parallel-workers"


class CtrlC(Interrupted):
    """Stopped by the user."""

    exit_code = 130


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP, on its way to the end of the command."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def heeding_signals() -> Iterator[None]:
    """Makes SIGTERM and SIGHUP end the block by ``Terminated``, as Ctrl-C by ``KeyboardInterrupt``."""
    with _handling(_terminate, *_told()):
        yield


def why_stopped(number: int) -> Interrupted:
    """What the user is told of a signal."""
    if number == signal.SIGINT:
        return CtrlC("the run was stopped (Ctrl-C)")
    return Interrupted(f"the run was told to stop ({signal.Signals(number).name})")


def _told() -> list[signal.Signals]:
    """The signals by which a run is told to stop; under ``nohup`` the end of a terminal is none."""
    heard = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return [signal.SIGTERM, signal.SIGHUP] if heard else [signal.SIGTERM]


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
        # Beside the event: a signal may come while that is being set, and must not raise any more.
        self._open = False
        self._ended = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> Watch:
        self._hook = threading.excepthook
        threading.excepthook = self._on_thread_failure
        self._handlers = ExitStack()
        self._handlers.enter_context(_handling(self._on_signal, signal.SIGINT, *_told()))
        self._open = True
        # Begun now: a handler of signals that starts a thread may wait for a lock that its own thread holds.
        threading.Thread(target=self._insist, name="insisting on the end", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._open = False
        self._ended.set()
        with self._lock:
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
                _interrupt_main()

    def _insist(self) -> None:
        """Interrupts again and again: what an interrupt meets may swallow it, and a worker may just begin."""
        told = False
        while not self._ended.wait(_INSIST_SECONDS):
            with self._lock:
                if self._open and told:
                    _interrupt_main()
                told = self.reason is not None

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self.reason = self.reason or why_stopped(number)
        # The runner waits for each of its workers to end; one that has just begun never would.
        _end_workers()
        if self._open:
            raise KeyboardInterrupt

    def _on_thread_failure(self, failure: Any) -> None:
        if failure.exc_type is RuntimeError and "Worker subprocess exited" in str(failure.exc_value):
            why = f"{failure.exc_value}; if nobody killed it, the system may have, for want of memory"
            self.abort(
                Interrupted(
                    "a worker process ended in the middle of its work", why=why, suggestion=_FEWER_WORKERS
                )
            )
        elif failure.thread and failure.thread.name == _STARTER:
            why = str(failure.exc_value)
            self.abort(
                Interrupted("a worker process could not be started", why=why, suggestion=_FEWER_WORKERS)
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


def _interrupt_main() -> None:
    # By a true signal, since only that wakes a main thread that waits for a lock.
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, signal.SIGINT)


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated(number)


def _end_workers() -> None:
    """Ends Beam's local workers, which would go on for seconds without their parent."""
    for child in psutil.Process().children(recursive=True):
        try:
            if any("pipelines.worker" in word for word in child.cmdline()):
                child.kill()
        except psutil.NoSuchProcess:
            continue
