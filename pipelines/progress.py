"""How far a run is, told from the ledger: the one source that no runner's counters can spoil."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TextIO

import psutil
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from engram_store.errors import IntegrityError, TargetTransientError
from engram_store.model import PageReceipt
from io_connectors.engram.home import TargetRun
from pipelines.logs import json_line, logs_are_json

#: Records between two lines where there is no terminal.
LINE_EVERY = 10_000
_INTERVAL = 0.5


@dataclass(frozen=True, slots=True)
class State:
    """How far a run is.

    Attributes:
        done: Records acknowledged, those of earlier attempts included.
        total: Records planned.
        rate: Records a second since this attempt started.
        eta: Seconds left at that rate, or None while nothing is known.
        memory: Resident bytes of this process and its workers.
        dead_letters: Records refused, in earlier attempts too.
        pages: Pages acknowledged, in earlier attempts too.
        planned_pages: Pages planned.
        memories: Memories written, in earlier attempts too.
        edges: Edges written, in earlier attempts too.
        bytes: Bytes written, in earlier attempts too.
    """

    done: int
    total: int
    rate: float
    eta: float | None
    memory: int
    dead_letters: int
    pages: int
    planned_pages: int
    memories: int
    edges: int
    bytes: int

    def line(self) -> str:
        """The state as one line of text."""
        share = 100.0 * self.done / self.total if self.total else 100.0
        eta = "–" if self.eta is None else clock(self.eta)
        return (
            f"{self.done:,} of {self.total:,} records ({share:.1f} %), {self.rate:,.0f}/s,"
            f" ETA {eta}, {self.memory / 2**20:,.0f} MB"
        )


class LedgerWatcher:
    """A side thread that looks at the ledger and shows what is new.

    Args:
        run: The run whose pages are the ledger.
        page_rows: Planned rows of each page.
        earlier: Receipts of the pages that are done already.
        show: Called with each new state.

    Attributes:
        receipts: The earlier receipts, and those that came since; whole after the exit.
    """

    def __init__(
        self,
        run: TargetRun,
        page_rows: Mapping[str, int],
        earlier: Mapping[str, PageReceipt],
        show: Callable[[State], None],
    ) -> None:
        self._run = run
        self._page_rows = page_rows
        self.receipts = dict(earlier)
        self._show = show
        # Pages that are to be written again are not done until their files change.
        self._stale = {receipt.page_id: receipt.written_at for receipt in run.receipts(self._unseen())}
        self._before = sum(page_rows[page_id] for page_id in earlier)
        self._done = self._before
        self._written: Counter[str] = Counter()
        for receipt in earlier.values():
            self._count(receipt)
        self._start = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)

    def __enter__(self) -> LedgerWatcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        interval = _INTERVAL
        while not self._stop.wait(interval):
            begun, spent = time.monotonic(), time.thread_time()
            # What cannot be read at this moment, such as a page that is being replaced, is at the next; the
            # last look, when all is written, keeps nothing back.
            with suppress(TargetTransientError, IntegrityError):
                self._look()
            # Listing many pages takes time: at most a hundredth of a core's, and a tenth of the target's.
            interval = max(_INTERVAL, 100 * (time.thread_time() - spent), 10 * (time.monotonic() - begun))

    def _look(self) -> None:
        for receipt in self._run.receipts(self._unseen()):
            if receipt.written_at == self._stale.get(receipt.page_id):
                continue
            self.receipts[receipt.page_id] = receipt
            self._done += self._page_rows[receipt.page_id]
            self._count(receipt)
        self._show(self._state())

    def _count(self, receipt: PageReceipt) -> None:
        self._written["dead_letters"] += receipt.dead_letters
        self._written["memories"] += sum(receipt.memories.values())
        self._written["edges"] += sum(receipt.edges.values())
        self._written["bytes"] += receipt.bytes

    def _unseen(self) -> set[str]:
        return (self._run.page_ids() & self._page_rows.keys()) - self.receipts.keys()

    def _state(self) -> State:
        total = sum(self._page_rows.values())
        took = max(time.monotonic() - self._start, 1e-9)
        rate = (self._done - self._before) / took
        eta = (total - self._done) / rate if rate else None
        return State(
            done=self._done,
            total=total,
            rate=rate,
            eta=eta,
            memory=memory_in_use(),
            dead_letters=self._written["dead_letters"],
            pages=len(self.receipts),
            planned_pages=len(self._page_rows),
            memories=self._written["memories"],
            edges=self._written["edges"],
            bytes=self._written["bytes"],
        )


class Lines:
    """Shows progress as lines, one every 10,000 records."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._next = 0
        self._shown = -1

    def __call__(self, state: State) -> None:
        """Prints a line if enough is new."""
        finished = state.done == state.total
        if state.done >= self._next or (finished and self._shown != state.total):
            print(self._text(state), file=self._stream, flush=True)
            self._shown, self._next = state.done, state.done + LINE_EVERY

    def close(self) -> None:
        """Nothing is left open."""

    def _text(self, state: State) -> str:
        if not logs_are_json():
            return state.line()
        return json_line("info", __name__, state.line(), **asdict(state))


class Bar:
    """Shows progress as a bar on a terminal."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rest]}"), console=console
        )
        self._task = self._progress.add_task("records", total=None, rest="")
        self._progress.start()

    def __call__(self, state: State) -> None:
        """Moves the bar."""
        rest = state.line().split("), ", 1)[1]
        self._progress.update(self._task, completed=state.done, total=state.total, rest=rest)

    def close(self) -> None:
        """Leaves the bar as it stands."""
        self._progress.stop()


def shown_on(stream: TextIO = sys.stderr) -> Bar | Lines:
    """A bar on a terminal, lines elsewhere and in a JSON log."""
    console = Console(file=stream)
    return Bar(console) if console.is_terminal and not logs_are_json() else Lines(stream)


def memory_in_use() -> int:
    """Resident bytes of this process and all its children."""
    process = psutil.Process()
    total = 0
    for part in (process, *process.children(recursive=True)):
        try:
            total += part.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def clock(seconds: float) -> str:
    """``1:02:03``."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
