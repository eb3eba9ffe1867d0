"""Attempts at one migration, each killed at a moment that chance chose, and what each must leave behind."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import orjson
import psutil

from engram_store.store import Store
from tests.pipelines.command import Ended, Started, gone, start
from tests.pipelines.stored import kept, page_files

#: How long an attempt may go on after it was killed, or without reaching its moment, in seconds.
_LONGEST = 300.0
_LOOK_EVERY = 0.005

#: What is killed: the process group, the launcher alone, or one of its workers.
VICTIMS = ("group", "launcher", "worker")


@dataclass(frozen=True, slots=True)
class Moment:
    """When to kill: some seconds after something is seen.

    Attributes:
        phase: What is seen; see ``Target.reached``.
        pages: How many new pages ``pages`` means.
        delay: Seconds after that.
    """

    phase: str
    pages: int
    delay: float


@dataclass(frozen=True, slots=True)
class Target:
    """What can be seen of a migration's progress from outside, without disturbing it.

    Attributes:
        store: The store's folder.
        temporary: The folder that is ``TMPDIR`` to the command.
    """

    store: Path
    temporary: Path

    def pages(self) -> int:
        """How many pages are acknowledged."""
        folders = self.store.glob("runs/*/memories")
        return sum(not name.startswith(".") for folder in folders for name in os.listdir(folder))

    def planned(self) -> int:
        """How many pages the last attempt had planned."""
        return sum(manifest.get("planned_pages", 0) for manifest in self._manifests())

    def reached(self, moment: Moment, begun: int, pages: int) -> bool:
        """Whether an attempt that began at a time (ns), with some pages, has come to a moment's phase."""
        looks: dict[str, Callable[[], bool]] = {
            "start": lambda: True,
            "plan": lambda: self._written("checkpoint.json", begun) or self._written("planned.json", begun),
            "pages": lambda: self.pages() >= min(pages + moment.pages, self.planned() or pages + 1),
            "commit": lambda: self._written("seal.json", begun) or self._written("orphans.json", begun),
            "finalize": lambda: any(self.store.glob("serving/.tmp-*")),
            "check": lambda: any(self.temporary.glob("engram-validate-*")),
            "report": lambda: self._written("report.json", begun),
        }
        return looks[moment.phase]()

    def served(self) -> dict[str, int] | None:
        """What readers are given at this moment, by space; None while there is nothing to read."""
        if not (self.store / "CURRENT").exists():
            return None
        with Store.open(self.store).reader() as reader:
            return reader.spaces()

    def complete(self) -> bool:
        """Whether the run is finished."""
        return any(manifest["state"] == "complete" for manifest in self._manifests())

    def left(self) -> list[str]:
        """What should not be there once a migration has ended well."""
        stray = [*self.store.rglob(".tmp-*"), *self.temporary.iterdir()]
        return sorted(str(path) for path in stray if not _is_beams(path))

    def _manifests(self) -> Iterator[dict[str, Any]]:
        return (orjson.loads(path.read_bytes()) for path in self.store.glob("runs/*/MANIFEST.json"))

    def _written(self, name: str, since: int) -> bool:
        return any(path.stat().st_mtime_ns > since for path in self.store.glob(f"runs/*/{name}"))


@dataclass
class Kills:
    """A migration that is killed again and again.

    Attributes:
        target: Where it goes.
        command: The same command each time, without the number of workers.
        environment: Its environment.
        random: Draws the moments, the victims and the numbers of workers.
        phases: How often it was killed, by phase.
        victims: How often it was killed, by victim.
        overheads: Seconds from an attempt's start to its first new page.
        ended: Attempts that ended well before their moment came.
        finished: Whether the migration was finished once; then another reading may replace its pages.
    """

    target: Target
    command: tuple[str, ...]
    environment: Mapping[str, str]
    random: Random
    phases: Counter[str] = field(default_factory=Counter)
    victims: Counter[str] = field(default_factory=Counter)
    overheads: list[float] = field(default_factory=list)
    ended: int = 0
    finished: bool = False

    def kill(self, moment: Moment) -> bool:
        """One attempt, killed at a moment; False if it ended well before that.

        Whatever was killed: no process is left, finished pages stay as they are, and readers are
        given all or nothing.
        """
        self.finished |= self.target.complete()
        before = page_files(self.target.store)
        served = self.target.served()
        attempt = self._start()
        if not self._await(attempt, moment, len(before)):
            attempt.end().succeeded()
            self.ended += 1
            return False
        victim = self._strike(attempt)
        self.phases[moment.phase] += 1
        self.victims[victim] += 1
        if not self.finished:
            assert kept(before, page_files(self.target.store)), "a finished page was written again"
        now = self.target.served()
        assert served is None or now == served, "readers saw something else"
        return True

    def finish(self) -> Ended:
        """The last attempt, which nobody kills."""
        return self._start().end()

    def _start(self) -> Started:
        workers = str(self.random.choice((1, 2)))
        return start(*self.command, "--parallel-workers", workers, environment=self.environment)

    def _await(self, attempt: Started, moment: Moment, pages: int) -> bool:
        """Waits for the moment; False if the attempt ended before."""
        begun, since, first = time.time_ns(), time.monotonic(), 0.0
        while not self.target.reached(moment, begun, pages):
            if not first and self.target.pages() > pages:
                first = time.monotonic() - since
            if not attempt.running():
                return False
            assert time.monotonic() < since + _LONGEST, f"`{moment.phase}` did not come"
            time.sleep(_LOOK_EVERY)
        if self.target.pages() > pages:
            self.overheads.append(first or time.monotonic() - since)
        time.sleep(moment.delay)
        return attempt.running()

    def _strike(self, attempt: Started) -> str:
        family = attempt.family.children(recursive=True)
        workers = attempt.workers()
        victim = self.random.choice(VICTIMS if workers else VICTIMS[:2])
        if victim == "worker":
            _kill(self.random.choice(workers))
            ended = attempt.end(_LONGEST)
            # A worker that had nothing more to do is not missed.
            if ended.code:
                ended.failed(75, "run the same command again")
        else:
            kill: Callable[[int, int], None] = os.killpg if victim == "group" else os.kill
            kill(attempt.family.pid, signal.SIGKILL)
            ended = attempt.end(60)
            # It may have ended well just before.
            if ended.code != -signal.SIGKILL:
                ended.succeeded()
        assert gone(family), family
        return victim


def _is_beams(path: Path) -> bool:
    """Whether a folder is the empty one that each pipeline of Beam has for the moment of its making."""
    return path.name.startswith("beam-pipeline-temp") and not any(path.iterdir())


def _kill(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.kill()
