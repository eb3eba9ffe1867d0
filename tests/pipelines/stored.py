"""What a store holds, in one form that does not depend on how it came there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from hashlib import blake2b
from pathlib import Path

import jsonschema
import orjson

from engram_store.model import Memory
from engram_store.reader import Reader
from engram_store.run import Run
from engram_store.store import Store
from pipelines.reporting.schema import schema


@dataclass(frozen=True)
class Stored:
    """Every record of a store, without run, page and time of writing.

    Attributes:
        records: ``memory space/id`` or ``edge space/id`` → a digest of all that it holds.
        kinds: Memories by the table they came from.
        types: Edges by type.
        origins: Edges by origin, as the store counts them.
    """

    records: dict[str, str]
    kinds: Counter[str]
    types: Counter[str]
    origins: dict[str, int]

    def differences(self, other: Stored) -> list[str]:
        """Up to ten records that are not the same in both."""
        names = self.records.keys() | other.records.keys()
        return sorted(n for n in names if self.records.get(n) != other.records.get(n))[:10]


def stored(target: Path) -> Stored:
    """Reads a store of one run back, record by record."""
    run = only_run(target)
    moment = datetime.fromtimestamp(run.started_at, timezone.utc)
    found = Stored({}, Counter(), Counter(), {})
    vectors = _vectors(run)
    with Store.open(target).reader() as reader:
        found.origins.update(reader.edge_counts())
        for space in reader.spaces():
            for memory in reader.scan(space, moment):
                _note(found, reader, memory, vectors[memory.space, memory.id])
    return found


def only_run(target: Path) -> Run:
    """The run of a store that has one."""
    store = Store.open(target)
    (name,) = store.runs()
    return store.run(name)


def report(target: Path) -> dict[str, object]:
    """The report of a store's only run, which is as the published schema says."""
    document: dict[str, object] = orjson.loads((only_run(target).path / "report.json").read_bytes())
    jsonschema.validate(document, schema())
    return document


def page_files(target: Path) -> dict[str, tuple[int, int]]:
    """The page files of memories: name → (inode, time of writing), which a rewritten page changes."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in _pages(target)}


def kept(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> bool:
    """Whether all page files that were there still are, and were not written again."""
    return all(after.get(name) == file for name, file in before.items())


def temporaries(target: Path) -> list[Path]:
    """Pages that were being written when their process was killed."""
    return [path for path in target.glob("runs/*/memories/.tmp-*")]


def _pages(target: Path) -> Iterator[Path]:
    return target.glob("runs/*/memories/[!.]*.parquet")


def _vectors(run: Run) -> dict[tuple[str, str], bytes]:
    vectors: dict[tuple[str, str], bytes] = {}
    for page_id in run.page_ids():
        batch = run.memories(page_id, ["space", "id", "embedding"])
        names = zip(batch["space"].to_pylist(), batch["id"].to_pylist(), strict=True)
        vectors.update(zip(names, batch["embedding"].to_pylist(), strict=True))
    return vectors


def _note(found: Stored, reader: Reader, memory: Memory, vector: bytes) -> None:
    name = f"{memory.space}/{memory.id}"
    assert f"memory {name}" not in found.records
    values = (memory.content, memory.confidence, memory.activation, memory.decay_rate, memory.created_at)
    found.records[f"memory {name}"] = _digest(*values, memory.source, memory.model, vector)
    found.kinds[memory.source.kind] += 1
    for edge in reader.edges(memory.space, memory.id, "out"):
        assert f"edge {name} {edge.id}" not in found.records
        found.records[f"edge {name} {edge.id}"] = _digest(edge)
        found.types[edge.type] += 1


def _digest(*values: object) -> str:
    return blake2b(repr(values).encode(), digest_size=12).hexdigest()
