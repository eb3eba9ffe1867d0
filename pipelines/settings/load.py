"""Where settings come from: flags, then ``ENGRAM_MIGRATE_*``, then a file, then defaults."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar

import yaml

from engram_store.errors import ConfigurationError
from pipelines.settings.kinds import Switch
from pipelines.settings.model import Settings, kind_of

PREFIX = "ENGRAM_MIGRATE_"

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Loaded(Generic[S]):
    """Settings, and what the command line said beside them.

    Attributes:
        settings: The settings.
        print_config: Whether only to print them.
        beam_flags: Flags that are not ours, for Beam.
    """

    settings: S
    print_config: bool
    beam_flags: tuple[str, ...]


def load(
    kind: type[S], program: str, description: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> Loaded[S]:
    """Reads all settings.

    Args:
        kind: Which settings there are.
        program: The command's name, for its help.
        description: What the command does, for its help.
        arguments: The command line.
        environment: The environment.

    Raises:
        ConfigurationError: A value is wrong, a file cannot be read, a name is unknown.
    """
    parser = _parser(kind, program, description)
    flags, rest = parser.parse_known_args(list(arguments))
    given = {name: value for name, value in vars(flags).items() if value is not None}
    print_config = bool(given.pop("print_config", False))
    file = given.pop("config", None) or environment.get(f"{PREFIX}CONFIG")
    values = _from_file(kind, file) if file else {}
    values |= _from_environment(kind, environment)
    values |= {name: _parsed(kind, name, text, f"--{_dashed(name)}") for name, text in given.items()}
    return Loaded(kind(**values), print_config, tuple(rest))


class _Parser(argparse.ArgumentParser):
    """Bad usage is an error of our tree, like every other bad setting."""

    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(
            message, suggestion="see the help for what there is", example=f"{self.prog} --help"
        )


def _parser(kind: type[Settings], program: str, description: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=program,
        description=description,
        allow_abbrev=False,
        epilog="Each setting is also read from ENGRAM_MIGRATE_<NAME> and from the --config file. "
        "Other flags go to Apache Beam, e.g. --runner.",
    )
    parser.add_argument("--config", metavar="FILE", help="YAML file of settings (see --print-config)")
    parser.add_argument(
        "--print-config", action="store_true", default=None, help="print the settings as such a file, and end"
    )
    groups: dict[str, Any] = {}
    for declared in fields(kind):
        group = declared.metadata["group"]
        if group not in groups:
            groups[group] = parser.add_argument_group(group)
        _add(groups[group], declared)
    return parser


def _add(group: Any, declared: Field[Any]) -> None:
    names = [f"--{_dashed(declared.name)}", *filter(None, [declared.metadata["alias"]])]
    text = declared.metadata["help"].replace("%", "%%")
    default = getattr(declared, "default", None)
    if isinstance(kind_of(declared), Switch):
        action = argparse.BooleanOptionalAction
        group.add_argument(*names, dest=declared.name, action=action, default=None, help=text)
        return
    if isinstance(default, (int, float)) or (isinstance(default, str) and default):
        text += f" (default {default})"
    group.add_argument(*names, dest=declared.name, default=None, help=text, metavar="VALUE")


def _parsed(kind: type[Settings], name: str, value: Any, where: str) -> Any:
    if isinstance(value, bool):
        return value
    declared = next(f for f in fields(kind) if f.name == name)
    try:
        return kind_of(declared).parse(value)
    except ValueError as error:
        raise _wrong(where, declared, error) from error


def _from_environment(kind: type[Settings], environment: Mapping[str, str]) -> dict[str, Any]:
    names = {f"{PREFIX}{f.name.upper()}": f.name for f in fields(kind)}
    return {
        name: _parsed(kind, name, environment[variable], variable)
        for variable, name in names.items()
        if variable in environment
    }


def _from_file(kind: type[Settings], file: str) -> dict[str, Any]:
    document = _read(file)
    declared = {f.name: f for f in fields(kind)}
    values = {}
    for name, value in document.items():
        if name not in declared:
            near = difflib.get_close_matches(str(name), declared, n=1)
            raise ConfigurationError(
                f"`{file}` has a setting `{name}`, which there is not",
                suggestion=f"did you mean `{near[0]}`?" if near else "print the settings there are",
                example="python -m pipelines.postgresql --print-config",
            )
        try:
            values[name] = kind_of(declared[name]).check(value)
        except ValueError as error:
            raise _wrong(f"{name} in {file}", declared[name], error) from error
    return values


def _read(file: str) -> Mapping[str, Any]:
    try:
        document = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"the configuration file `{file}` cannot be read",
            why=" ".join(str(error).split()),
            suggestion="check its path, and that it is YAML",
        ) from error
    if document is None:
        return {}
    if not isinstance(document, Mapping):
        raise ConfigurationError(
            f"the configuration file `{file}` is not a mapping of settings",
            suggestion="start from the settings that are printed",
            example="python -m pipelines.postgresql --print-config > migration.yaml",
        )
    return document


def _wrong(where: str, declared: Field[Any], error: ValueError) -> ConfigurationError:
    return ConfigurationError(f"`{where}` is wrong", why=str(error), suggestion=declared.metadata["help"])


def _dashed(name: str) -> str:
    return name.replace("_", "-")
