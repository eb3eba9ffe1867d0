"""The tables of the report's fields, made from its schema: ``python -m tests.docs.report_table``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.reporting.schema import schema


def lines() -> list[str]:
    """A table for the report, and one for each object in it."""
    whole = schema()
    parts = {"report": whole, **whole["$defs"]}
    return [line for name, part in parts.items() for line in _table(name, part)]


def _table(name: str, part: Mapping[str, Any]) -> Iterator[str]:
    yield f"| field of {name} | type | meaning |"
    yield "| --- | --- | --- |"
    for field, of in part["properties"].items():
        meaning = re.sub("``(.*?)``", r"`\1`", of["description"])
        yield f"| `{field}` | {_type(of)} | {meaning} |"
    yield ""


def _type(of: Mapping[str, Any]) -> str:
    if "$ref" in of:
        return str(of["$ref"]).rpartition("/")[2]
    if "anyOf" in of:
        return " or ".join(map(_type, of["anyOf"]))
    if of.get("type") == "array":
        return f"array of {_type(of['items'])}"
    if of.get("type") == "object":
        return f"object of {_type(of['additionalProperties'])}"
    return str(of.get("type", of.get("const", "anything")))


if __name__ == "__main__":
    sys.stdout.write("\n".join(lines()))
