"""All that a store holds, read through the interface that a path and a URL share."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from io_connectors.engram.address import open_home
from io_connectors.engram.home import TargetRun

_AT = datetime(2100, 1, 1, tzinfo=timezone.utc)


def records(target: str | Path) -> dict[str, object]:
    """Name → every field of each memory, vector and edge, without the moment of writing."""
    home = open_home(str(target))
    (name,) = home.runs()
    found: dict[str, object] = {}
    with home.reader() as reader:
        for space in reader.spaces():
            for memory in reader.scan(space, _AT):
                key = f"{space}/{memory.id}"
                assert key not in found
                # Activation depends on when the run started.
                found[key] = (
                    memory.content,
                    memory.confidence,
                    memory.created_at,
                    memory.source,
                    memory.page,
                )
                for edge in reader.edges(space, memory.id):
                    assert f"{key} {edge.id}" not in found
                    found[f"{key} {edge.id}"] = edge
        found |= {f"origin {origin}": count for origin, count in reader.edge_counts().items()}
    return found | _vectors(home.run(name))


def _vectors(run: TargetRun) -> dict[str, object]:
    found: dict[str, object] = {}
    for page_id in run.page_ids():
        batch = run.memories(page_id, ["id", "embedding"])
        names = (f"vector {page_id} {id}" for id in batch["id"].to_pylist())
        found |= zip(names, batch["embedding"].to_pylist(), strict=True)
    return found
