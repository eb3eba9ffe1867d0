"""What JSON cannot say, as an object that names its type.

``{"$type": "bytes", "base64": "AP8="}``, and ``{"$type": "float", "value": "NaN"}`` likewise for
``Infinity`` and ``-Infinity``.
"""

from __future__ import annotations

import base64
import math

_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def tagged_bytes(value: bytes | bytearray) -> dict[str, str]:
    """Bytes, by their base64."""
    return {"$type": "bytes", "base64": base64.b64encode(value).decode()}


def json_float(value: float) -> float | dict[str, str]:
    """A float itself if it is finite, else by its name."""
    return value if math.isfinite(value) else {"$type": "float", "value": _NOT_FINITE[str(value)]}
