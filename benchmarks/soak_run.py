"""One migration, looked at from its start to the end of its second, idle run."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.commands import followed, pages_written
from benchmarks.following import Sample

_LOOK_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class Moment(Sample):
    """What was seen at one moment.

    Attributes:
        pages: Pages acknowledged.
    """

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
        disk: Bytes in the store: ``memories``, ``edges``, ``index``, ``other``.
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
    disk: dict[str, int]
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


def soak(
    source: str, records: int, arguments: Sequence[str], folder: Path, workers: int, failed: Path
) -> Soaked:
    """Migrates a source into a new store in ``folder``, twice.

    Args:
        source: The kind of source.
        records: Rows or keys.
        arguments: What follows ``python -m``.
        folder: Where the store and the log go.
        workers: Worker processes.
        failed: Where the moments go if the command fails.

    Raises:
        SystemExit: A command failed, or the store is not valid.
    """
    store = folder / "store"
    command = [*arguments, "--target", str(store), "--parallel-workers", str(workers)]
    moments: list[Moment] = []

    def look(sample: Sample) -> None:
        moments.append(Moment(sample.wall, sample.cpu, sample.resident, pages_written(store)))

    started, begun = time.time(), time.perf_counter()
    try:
        cpu = followed(command, folder / "log", look, _LOOK_EVERY)
    except SystemExit:
        failed.write_text(json.dumps([asdict(moment) for moment in moments]))
        raise
    wall = time.perf_counter() - begun
    begun = time.perf_counter()
    followed(command, folder / "log", lambda _: None)
    again = time.perf_counter() - begun
    run = next((store / "runs").iterdir())
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
            "pages": max(path.stat().st_mtime for path in (run / "memories").iterdir()) - started,
            "edges": (run / "orphans.json").stat().st_mtime - started,
            "index": (store / "CURRENT").stat().st_mtime - started,
            "checks": wall,
        },
        again=again,
        disk=_disk(store, run),
        moments=moments,
    )


def _disk(store: Path, run: Path) -> dict[str, int]:
    parts = {
        "memories": _size(run / "memories"),
        "edges": _size(run / "edges"),
        "index": _size(store / "serving"),
    }
    return {**parts, "other": _size(store) - sum(parts.values())}


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
