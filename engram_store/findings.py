"""What was found out about a run, kept beside its pages as JSON: counts, orphans, checkpoint, report."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson

from engram_store import files
from engram_store.errors import ConfigurationError, IntegrityError

_NAME = re.compile(r"[a-z][a-z_]{0,39}")
#: Files of the run itself.
_TAKEN = ("planned", "committed")


def save(folder: Path, name: str, finding: object) -> None:
    """Keeps a finding as ``<name>.json``.

    Raises:
        ConfigurationError: The name is impossible.
        TargetTerminalError: The disk is full or may not be written.
    """
    files.write_bytes(_path(folder, name), orjson.dumps(finding, option=orjson.OPT_INDENT_2))


def load(folder: Path, name: str) -> Any:
    """What ``save`` kept, or None.

    Raises:
        ConfigurationError: The name is impossible.
        IntegrityError: It cannot be read.
    """
    path = _path(folder, name)
    try:
        return orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise IntegrityError(
            f"`{path}` cannot be read.",
            why=str(error),
            suggestion="Remove the file and give the same command again.",
            example=f"rm '{path}'",
        ) from error


def names(path: Path, otherwise: set[str]) -> set[str]:
    """The names of pages that a file lists; ``otherwise`` if there is no such file.

    Raises:
        IntegrityError: It is not a list of names.
    """
    try:
        found = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return otherwise
    except ValueError as error:
        found = error
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise IntegrityError(
            f"The list of pages `{path}` is damaged.",
            why=str(found) if isinstance(found, ValueError) else "It is not a list of names.",
            suggestion="Remove the file and give the command of the migration again: written pages are kept.",
            example=f"rm '{path}'",
        )
    return set(found)


def _path(folder: Path, name: str) -> Path:
    if not _NAME.fullmatch(name) or name in _TAKEN:
        raise ConfigurationError(
            f"`{name[:80]}` cannot name a finding.",
            why="A finding's name is 1 to 40 lower-case letters and `_`, and no file of the run itself.",
            suggestion="Choose another name.",
        )
    return folder / f"{name}.json"
