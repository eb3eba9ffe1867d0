"""A run once more, by its own settings: where its records came from, planned as they were."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

import yaml

from engram_store.errors import ConfigurationError
from io_connectors.engram.home import TargetRun
from pipelines.pipelines import pipeline_of
from pipelines.settings.load import load

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


@contextmanager
def planned_again(run: TargetRun, target: str, flags: Sequence[str]) -> Iterator[PlannedSource]:
    """The source of a run, planned on its saved boundaries; nothing is written.

    Args:
        run: The run.
        target: The target that it is in.
        flags: Settings that come on top of the run's own, such as a password.

    Raises:
        ConfigurationError: The run was not made by a pipeline, or a flag is wrong.
        SourceError: The source cannot be reached or read.
        ResumeError: The saved boundaries belong to another source.
    """
    with settings_file(run, target) as file:
        pipeline = pipeline_of(run.manifest["system"])
        command = pipeline.COMMAND
        loaded = load(
            command.kind, command.program, command.description, ["--config", file, *flags], os.environ
        )
    if loaded.beam_flags:
        raise ConfigurationError(
            f"there is no flag `{loaded.beam_flags[0]}`",
            suggestion="see the settings of the run's pipeline",
            example=f"{command.program} --help",
        )
    with pipeline.planned_again(loaded.settings, run) as source:
        yield source
