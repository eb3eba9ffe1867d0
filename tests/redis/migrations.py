"""Migrations from dump files and append-only files, and what they left in the store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engram_store.model import Memory
from engram_store.store import Store
from pipelines import redis
from tests.pipelines.command import Ended, Started, start, until
from tests.pipelines.stored import only_run, page_files


def in_process(*arguments: str | Path) -> int:
    """Runs a migration with one worker in this process; gives its exit code."""
    return redis.main([*map(str, arguments), "--parallel-workers", "1"])


def start_migration(
    target: Path, *flags: str | Path, environment: Mapping[str, str] | None = None
) -> Started:
    """Starts a migration in a process of its own, with two workers if the flags do not say."""
    workers = () if "--parallel-workers" in flags else ("--parallel-workers", "2")
    arguments = ("pipelines.redis", "--target", str(target), *workers, *map(str, flags))
    return start(*arguments, environment=environment)


def migrate(target: Path, *flags: str | Path, environment: Mapping[str, str] | None = None) -> Ended:
    """Runs a migration in a process of its own."""
    return start_migration(target, *flags, environment=environment).end()


def started(target: Path, pages: int, *flags: str | Path) -> Started:
    """A migration that has acknowledged some more pages."""
    before = len(page_files(target))
    process = start_migration(target, *flags)
    until(lambda: len(page_files(target)) >= before + pages or not process.running())
    assert process.running(), process.end()
    return process


def found(target: Path) -> dict[str, Memory]:
    """The memories of a store, by their ids."""
    with Store.open(target).reader() as reader:
        memories = [memory for space in reader.spaces() for memory in reader.scan(space)]
    by_id = {memory.id: memory for memory in memories}
    assert len(by_id) == len(memories)
    return by_id


def as_of(target: Path) -> int:
    """When the only run counts times to live from, in milliseconds since 1970."""
    document: Any = json.loads((only_run(target).path / "checkpoint.json").read_bytes())
    moment: int = document["pages"]["as_of"]
    return moment
