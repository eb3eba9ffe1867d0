"""Migrations from a test's Redis: the command in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.pipelines.command import Ended, Started, migration, start, until
from tests.pipelines.stored import page_files

PAGE = ("--batch-size", "200")


def start_migration(
    source: str, target: Path, *flags: str, environment: Mapping[str, str] | None = None
) -> Started:
    """Starts a migration of a server's keys."""
    return start(*migration(source, target, *flags, pipeline="pipelines.redis"), environment=environment)


def migrate(source: str, target: Path, *flags: str, environment: Mapping[str, str] | None = None) -> Ended:
    """Runs a migration to its end."""
    return start_migration(source, target, *flags, environment=environment).end()


def started(source: str, target: Path, pages: int, *flags: str) -> Started:
    """A migration that has acknowledged some pages."""
    process = start_migration(source, target, *flags)
    until(lambda: len(page_files(target)) >= pages or not process.running())
    assert process.running(), process.end()
    return process
