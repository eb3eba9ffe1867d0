"""CRC-64 as Redis uses it: the Jones polynomial, reflected, from 0."""

from __future__ import annotations

import anycrc  # type: ignore[import-untyped]

_CRC64 = anycrc.Model("CRC64-REDIS")


def crc64(data: bytes | memoryview, before: int = 0) -> int:
    """The checksum of ``data``.

    Args:
        data: Any bytes.
        before: The checksum of what came before them.
    """
    checksum: int = _CRC64.calc(data, before)
    return checksum
