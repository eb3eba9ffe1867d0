"""Property values as JSON, without loss.

What JSON can say stands as it is: texts, booleans, whole numbers to the last of their 64 bits,
finite floats (−0.0 too), and lists. The rest is an object that names its type::

    {"$type": "zoned_datetime", "value": "2024-10-27T02:30+01:00[Europe/Paris]"}

likewise ``local_datetime``, ``date``, ``zoned_time``, ``local_time`` and ``duration`` with the
server's text; ``float`` with ``NaN``, ``Infinity`` or ``-Infinity``; ``point`` with ``srid`` and
``coordinates``; ``bytes`` with ``base64``; ``vector`` with ``dtype`` and ``values``. A property's
value is never a map, so that such an object in its place cannot be anything else.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

# Two threads that import a package and a part of it at once can meet in a half-made package:
# the package first, then nobody holds the part.
import neo4j  # noqa: F401
import orjson
from neo4j.spatial import Point

from engram_store.errors import MappingError
from io_connectors.neo4j.rows import TEMPORAL
from transforms.mapping.tagged import json_float, tagged_bytes

try:
    from neo4j.vector import Vector
except ImportError:  # before version 6 of the driver

    class Vector:  # type: ignore[no-redef]
        """A type that no value has."""


# Values of these types are their own JSON; floats may be.
_PLAIN = frozenset((str, int, bool, type(None)))
_PLAIN_OR_FLOAT = _PLAIN | {float}

_DURATION = re.compile(r"-?P.+")
_DATE_AND_TIME = re.compile(
    r"([+-]?[0-9]{4,}-[0-9]{2}-[0-9]{2})?"
    r"(?:(?:^|(?<=[0-9])T)([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)"
    r"(Z|[+-][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?(?:\[[^\]]+\])?)?"
)

# By the last part that the text has: a date, a time of day or an offset.
_WITH_DATE = ("", "date", "local_datetime", "zoned_datetime")
_WITHOUT_DATE = ("", "", "local_time", "zoned_time")


def node_content(labels: Sequence[str], keys: Sequence[str], values: Sequence[Any]) -> str:
    """A node as JSON text: its sorted labels, and its properties by name.

    Raises:
        MappingError: A value is of no known type, or is no Unicode text.
    """
    return _dumped({"labels": sorted(labels), "properties": properties(keys, values)})


def edge_properties(keys: Sequence[str], values: Sequence[Any]) -> str | None:
    """A relationship's properties as JSON text, or None if it has none.

    Raises:
        MappingError: A value is of no known type, or is no Unicode text.
    """
    return _dumped(properties(keys, values)) if keys else None


def properties(keys: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """Properties by name, as orjson may write them.

    Raises:
        MappingError: A value is of no known type.
    """
    written = dict(zip(keys, values, strict=True))
    for key, value in written.items():
        if type(value) not in _PLAIN:
            written[key] = json_value(value)
    return written


def json_value(value: Any) -> Any:
    """A value as orjson may write it (which writes NaN as null, if it is let).

    Raises:
        MappingError: Its type is not known.
    """
    kind = type(value)
    if kind in _PLAIN or (kind is list and _are_plain(value)):
        return value
    if kind is dict and len(value) == 1 and TEMPORAL in value:
        return temporal(value[TEMPORAL])
    if kind is float:
        return json_float(value)
    if kind is list:
        return [json_value(item) for item in value]
    return _tagged(value)


def _tagged(value: Any) -> dict[str, Any]:
    if isinstance(value, Point):
        return {"$type": "point", "srid": value.srid, "coordinates": [json_value(x) for x in value]}
    if isinstance(value, (bytes, bytearray)):
        return tagged_bytes(value)
    if isinstance(value, Vector):
        numbers = [json_value(x) for x in value.to_native()]
        return {"$type": "vector", "dtype": str(value.dtype.value), "values": numbers}
    raise MappingError(
        f"a value of the driver's type `{type(value).__name__}` has no JSON form",
        suggestion="remove the property, or turn it into a text in the source",
    )


def _are_plain(values: Sequence[Any]) -> bool:
    """Whether all values are their own JSON: of thousands of floats, none needs a look of its own."""
    types = set(map(type, values))
    if float not in types:
        return types <= _PLAIN
    return types <= _PLAIN_OR_FLOAT and all(math.isfinite(v) for v in values if type(v) is float)


def temporal(text: str) -> dict[str, str]:
    """A temporal value by the server's text, whose form tells the type.

    Raises:
        MappingError: The text is of no known form.
    """
    found = _DATE_AND_TIME.fullmatch(text)
    if found and found.lastindex:
        kinds = _WITHOUT_DATE if found[1] is None else _WITH_DATE
        return {"$type": kinds[found.lastindex], "value": text}
    if _DURATION.fullmatch(text):
        return {"$type": "duration", "value": text}
    raise MappingError(f"a temporal value has an unknown form: `{text}`")


def record_json(record: dict[str, Any], keys: Sequence[str], values: Sequence[Any]) -> str:
    """A refused record, as far as JSON can say it; in ASCII, so that it can be written whatever it holds."""
    return json.dumps({**record, "properties": {k: _shown(v) for k, v in zip(keys, values, strict=True)}})


def _shown(value: Any) -> Any:
    try:
        return json_value(value)
    except MappingError:
        return {"$type": "unknown", "python": type(value).__name__, "repr": repr(value)}


def _dumped(value: dict[str, Any]) -> str:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError as error:
        raise MappingError(f"its values cannot be written as JSON: {error}") from error
