"""JSON documents, taken over only where a reader of them sees all that stands in them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import orjson


def lossless(text: bytes) -> bytes | None:
    """The document without blanks between its parts, members in its own order.

    Returns:
        None if it is no JSON, or if it names a member twice, has a whole number beyond 64 bits or
        digits beyond a double's, is nested too deeply, or has half of a surrogate pair.
    """
    try:
        document = json.loads(
            text.decode(), object_pairs_hook=_once_each, parse_float=_double, parse_constant=_no_number
        )
        return orjson.dumps(document)
    except (ValueError, ArithmeticError, RecursionError, orjson.JSONEncodeError):
        return None


def _once_each(members: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(members)
    if len(document) < len(members):
        raise ValueError("a member is named twice")
    return document


def _double(digits: str) -> float:
    number = float(digits)
    if Decimal(repr(number)) != Decimal(digits):
        raise ValueError(f"{digits} is no double")
    return number


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
