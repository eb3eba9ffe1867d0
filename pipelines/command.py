"""A pipeline as a command: settings in, report and exit code out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Generic, TypeVar

import yaml

from engram_store.errors import ConfigurationError, IntegrityError
from engram_store.files import make_folder
from pipelines.address_space import check_address_space
from pipelines.embedding import announce
from pipelines.guard import guarded
from pipelines.logs import set_up_logs
from pipelines.preview import Preview
from pipelines.report import Report
from pipelines.reporting.saved import save_report
from pipelines.settings.load import Loaded, load
from pipelines.settings.model import Settings, as_document
from pipelines.terminal import say

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Command(Generic[S]):
    """What tells one pipeline's command from another's.

    Attributes:
        kind: Its settings.
        program: How it is called.
        description: What it does, in a sentence.
        example: A source's address, for the error when there is none.
        sources: The settings of which exactly one says where the records are.
    """

    kind: type[S]
    program: str
    description: str
    example: str
    sources: tuple[str, ...] = ("source",)


def run_command(
    command: Command[S],
    migrate: Callable[[S, Sequence[str]], Report],
    preview: Callable[[S], Preview],
    arguments: Sequence[str],
) -> int:
    """Runs a pipeline's command.

    Returns:
        The exit code; see ``docs/architecture.md``.
    """
    return guarded(lambda: _run(command, migrate, preview, arguments))


def settings_of(command: Command[S], arguments: Sequence[str]) -> S:
    """The settings with which a pipeline's run is looked at once more.

    Raises:
        ConfigurationError: A setting is wrong, or there is no such setting.
    """
    loaded = load(command.kind, command.program, command.description, arguments, os.environ)
    set_up_logs(loaded.settings.log_format, loaded.settings.log_level)
    if loaded.beam_flags:
        raise ConfigurationError(
            f"there is no flag `{loaded.beam_flags[0]}`",
            suggestion="see which flags the source has",
            example=f"{command.program} --help",
        )
    _check_source(command, loaded.settings)
    check_address_space()
    return loaded.settings


def _run(
    command: Command[S],
    migrate: Callable[[S, Sequence[str]], Report],
    preview: Callable[[S], Preview],
    arguments: Sequence[str],
) -> int:
    loaded = load(command.kind, command.program, command.description, arguments, os.environ)
    settings = loaded.settings
    set_up_logs(settings.log_format, settings.log_level)
    _check_beam_flags(command, loaded)
    if loaded.print_config:
        print(yaml.safe_dump(as_document(settings), sort_keys=False, allow_unicode=False), end="")
        return 0
    _check_source(command, settings)
    check_address_space()
    announce(settings)
    if settings.dry_run:
        say(preview(settings).lines())
        return 0
    if settings.report_dir:
        # Found wanting now, and not when all is done.
        make_folder(Path(settings.report_dir))
    report = migrate(settings, loaded.beam_flags)
    say(report.lines())
    print("\nReport: " + "\n        ".join(save_report(report, settings)))
    return 0 if report.valid else IntegrityError.exit_code


def _check_source(command: Command[S], settings: S) -> None:
    flags = {name: f"`--{name.replace('_', '-')}`" for name in command.sources}
    given = [flag for name, flag in flags.items() if getattr(settings, name)]
    example = f"{command.program} --source {command.example}"
    if not given:
        raise ConfigurationError(
            "`--source` is missing",
            suggestion=f"say where the records are, by {' or '.join(flags.values())}",
            example=example,
        )
    if len(given) > 1:
        raise ConfigurationError(
            f"{' and '.join(given)} are given, and only one can be the source",
            suggestion="leave all but one out",
            example=example,
        )


def _check_beam_flags(command: Command[S], loaded: Loaded[S]) -> None:
    if loaded.beam_flags:
        from pipelines.beam_run import check_beam_flags

        ours = ["--config", "--print-config"]
        for declared in fields(command.kind):
            ours += ["--" + declared.name.replace("_", "-"), *filter(None, [declared.metadata["alias"]])]
        check_beam_flags(loaded.beam_flags, ours)
