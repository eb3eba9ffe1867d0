"""One migration, looked at from its start to the end of its second, idle run."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.commands import followed
from benchmarks.following import Sample

_LOOK_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class Moment:
    """What was seen at one moment.

    Attributes:
        wall: Seconds since the command was started.
        cpu: Processor seconds of all its processes so far.
        resident: Resident bytes of all its processes.
        pages: Pages acknowledged.
    """

    wall: float
    cpu: float
    resident: int
    pages: int


@dataclass(frozen=True, slots=True)
class Soaked:
    """What was seen of one migration.

    Attributes:
        source: The kind of source.
        records: Rows or keys.
        workers: Worker processes.
        memories: Memories served at the end.
        edges: Edges served at the end.
        cpu: Processor seconds of the whole command.
        wall: Seconds from its start to its end.
        ends: When each stage had ended, in seconds since the start: ``pages``, ``edges`` (checked),
            ``index`` (finalized), ``checks`` (validated and reported).
        again: Seconds of the same command given again.
        again_cpu: Its processor seconds.
        disk: Bytes in the store: ``memories``, ``edges``, ``index``, ``other``.
        failed: Checks that did not pass, in words.
        moments: One a second, in order.
    """

    source: str
    records: int
    workers: int
    memories: int
    edges: int
    cpu: float
    wall: float
    ends: dict[str, float]
    again: float
    again_cpu: float
    disk: dict[str, int]
    failed: list[str]
    moments: list[Moment]

    def save(self, path: Path) -> None:
        """Writes it as JSON."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> Soaked:
        """Reads what ``save`` wrote."""
        document = json.loads(path.read_text())
        moments = [Moment(**moment) for moment in document.pop("moments")]
        return cls(**document, moments=moments)


def soak(source: str, records: int, arguments: Sequence[str], folder: Path, workers: int) -> Soaked:
    """Migrates a source into a new store in ``folder``, twice.

    Raises:
        SystemExit: A command failed, or the store is not valid.
    """
    store = folder / "store"
    command = [*arguments, "--target", str(store), "--parallel-workers", str(workers)]
    moments: list[Moment] = []

    def look(sample: Sample) -> None:
        moments.append(Moment(sample.wall, sample.cpu, sample.resident, _pages(store)))

    started, begun = time.time(), time.perf_counter()
    cpu = followed(command, folder / "log", look, _LOOK_EVERY)
    wall = time.perf_counter() - begun
    begun = time.perf_counter()
    again_cpu = followed(command, folder / "log", lambda _: None)
    again = time.perf_counter() - begun
    run = _run(store)
    report = json.loads((run / "report.json").read_text())
    generation = json.loads(next(store.glob("serving/*/GENERATION.json")).read_text())
    return Soaked(
        source=source,
        records=records,
        workers=workers,
        memories=sum(generation["memories"].values()),
        edges=sum(generation["edges"].values()),
        cpu=cpu,
        wall=wall,
        ends={
            "pages": max(entry.stat().st_mtime for entry in os.scandir(run / "memories")) - started,
            "edges": (run / "orphans.json").stat().st_mtime - started,
            "index": (store / "CURRENT").stat().st_mtime - started,
            "checks": wall,
        },
        again=again,
        again_cpu=again_cpu,
        disk=_disk(store, run),
        failed=[check["title"] for check in report["checks"] if not check["passed"]],
        moments=moments,
    )


def _run(store: Path) -> Path:
    return next((store / "runs").iterdir())


def _pages(store: Path) -> int:
    try:
        with os.scandir(_run(store) / "memories") as entries:
            return sum(1 for entry in entries if not entry.name.startswith("."))
    except (FileNotFoundError, StopIteration):
        return 0


def _disk(store: Path, run: Path) -> dict[str, int]:
    parts = {
        "memories": _size(run / "memories"),
        "edges": _size(run / "edges"),
        "index": _size(store / "serving"),
    }
    return {**parts, "other": _size(store) - sum(parts.values())}


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
