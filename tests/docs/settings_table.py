"""A guide's tables of settings, made from the model: ``python -m tests.docs.settings_table neo4j``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from typing import Any

from pipelines.settings.kinds import Records, Switch, Text
from pipelines.settings.load import PREFIX
from pipelines.settings.model import Settings, kind_of
from pipelines.settings.schema import SETTINGS

_HEAD = ["| {} | environment | default | meaning |", "| --- | --- | --- | --- |"]


def lines(settings: type[Settings]) -> list[str]:
    """A table for each group of settings, in the order of the help."""
    groups: dict[str, list[Field[Any]]] = {}
    for declared in fields(settings):
        groups.setdefault(declared.metadata["group"], []).append(declared)
    return [line for group, members in groups.items() for line in _table(group, members)]


def _table(group: str, settings: list[Field[Any]]) -> Iterator[str]:
    yield _HEAD[0].format(f"{group} flag")
    yield _HEAD[1]
    for setting in settings:
        variable = "–" if isinstance(kind_of(setting), Records) else f"`{PREFIX}{setting.name.upper()}`"
        cells = (_flags(setting), variable, _default(setting), _meaning(setting))
        yield f"| {' | '.join(cells)} |"
    yield ""


def _flags(setting: Field[Any]) -> str:
    if isinstance(kind_of(setting), Records):
        return f"`{setting.name}` (in a file only)"
    flag = setting.name.replace("_", "-")
    names = [f"--{flag}", *filter(None, [setting.metadata["alias"]])]
    if isinstance(kind_of(setting), Switch):
        names.append(f"--no-{flag}")
    return ", ".join(f"`{name}`" for name in names)


def _default(setting: Field[Any]) -> str:
    if setting.default is MISSING or setting.default in ("", ()):
        return "–"
    return f"`{str(setting.default).lower() if isinstance(setting.default, bool) else setting.default}`"


def _meaning(setting: Field[Any]) -> str:
    text = str(setting.metadata["help"]).replace("*", r"\*")
    kind = kind_of(setting)
    options = kind.options if isinstance(kind, Text) else ()
    return f"{text} ({', '.join(f'`{option}`' for option in options)})" if options else text


if __name__ == "__main__":
    sys.stdout.write("\n".join(lines(SETTINGS[sys.argv[1]])))
