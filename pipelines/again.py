"""A run once more, by its own settings: where its records came from, planned as they were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

import yaml

from engram_store.errors import ConfigurationError
from io_connectors.engram.home import RunHome, TargetRun
from pipelines.pipelines import pipeline_of
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    from pipelines.planned import PlannedSource


@contextmanager
def settings_file(run: TargetRun, target: str) -> Iterator[str]:
    """The settings of a run as a configuration file.

    Raises:
        ConfigurationError: The run was not made by a pipeline.
    """
    manifest = run.manifest
    if "settings" not in manifest:
        raise ConfigurationError(
            f"run `{run.id}` was not made by a pipeline",
            why="there is nothing that it could be read from again",
            suggestion="name another run",
            example=f"engram-migrate runs --target {target}",
        )
    with NamedTemporaryFile("w", encoding="utf-8", suffix=".yaml") as file:
        yaml.safe_dump({**manifest["settings"], "target": target, "run": run.id}, file)
        file.flush()
        yield file.name


@dataclass(frozen=True)
class Kept:
    """A run that was made before, opened once more.

    Attributes:
        settings: Its settings.
        home: Its target, locked.
        run: The run.
        source: Its source, planned on the boundaries that were saved.
    """

    settings: Settings
    home: RunHome
    run: TargetRun
    source: PlannedSource


@contextmanager
def kept(run: TargetRun, target: str, flags: Sequence[str]) -> Iterator[Kept]:
    """Opens a run once more, with its source; nothing is written.

    Args:
        run: The run.
        target: The target that it is in.
        flags: Settings that come on top of the run's own, such as a password.

    Raises:
        ConfigurationError: The run was not made by a pipeline, or a flag is wrong.
        SourceError: The source cannot be reached or read.
        ResumeError: The source is another one, or the flags would map it otherwise.
        TargetTransientError: A migration is writing to the target.
    """
    from pipelines.command import settings_of

    with settings_file(run, target) as file:
        pipeline = pipeline_of(run.manifest["system"])
        settings = settings_of(pipeline.COMMAND, ["--config", file, *flags])
    with pipeline.kept(settings) as (home, found, source):
        yield Kept(settings, home, found, source)
