"""The published schema of ``report.json``, made from the report's dataclasses.

python -m pipelines.reporting.schema > docs/report.schema.json
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from pipelines.report import REPORT_VERSION, Embedding, Report

_PLAIN: Mapping[object, Mapping[str, str]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    Any: {},
}
_ATTRIBUTE = re.compile(r"^ {8}(\w+): (.*(?:\n {12}.*)*)", re.MULTILINE)


def schema() -> dict[str, Any]:
    """The JSON schema of ``Report.document()``."""
    definitions: dict[str, Any] = {}
    body = _object(Report, definitions)
    _derive(definitions[Embedding.__name__], hit_rate=_told(float, Embedding.hit_rate))
    version = {"const": REPORT_VERSION, "description": "Version of this form."}
    _derive(body, version=version, valid=_told(bool, Report.valid), orphans=_told(int, Report.orphans))
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Engram Migrate: report.json, version {REPORT_VERSION}",
    }
    return {**head, **body, "$defs": definitions}


def _derive(of: dict[str, Any], **properties: Any) -> None:
    """Adds what the document tells beside the dataclass's fields."""
    of["properties"] |= properties
    of["required"] += list(properties)


def _object(kind: type, definitions: dict[str, Any]) -> dict[str, Any]:
    hints, told = get_type_hints(kind), _attributes(kind)
    properties = {
        field.name: {**_of(hints[field.name], definitions), **_described(told, field.name)}
        for field in fields(kind)
    }
    return {
        "description": (kind.__doc__ or "").partition("\n")[0],
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _of(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if is_dataclass(hint):
        assert isinstance(hint, type)
        if hint.__name__ not in definitions:
            definitions[hint.__name__] = {}
            definitions[hint.__name__].update(_object(hint, definitions))
        return {"$ref": f"#/$defs/{hint.__name__}"}
    origin, parts = get_origin(hint), get_args(hint)
    if origin is tuple:
        return {"type": "array", "items": _of(parts[0], definitions)}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _of(parts[1], definitions)}
    if origin is UnionType:
        return {"anyOf": [_of(part, definitions) for part in parts]}
    return dict(_PLAIN[hint])


def _attributes(kind: type) -> dict[str, str]:
    """What a dataclass's docstring says of its attributes."""
    return {name: " ".join(text.split()) for name, text in _ATTRIBUTE.findall(kind.__doc__ or "")}


def _described(told: Mapping[str, str], name: str) -> dict[str, str]:
    return {"description": told[name]} if name in told else {}


def _told(kind: type, of: object) -> dict[str, str]:
    """The schema of a property of that type."""
    return {**_PLAIN[kind], "description": (of.__doc__ or "").strip()}


def published() -> str:
    """The text of ``docs/report.schema.json``."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(published(), end="")
