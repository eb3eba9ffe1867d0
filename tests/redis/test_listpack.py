"""Listpacks whose elements' sizes just fit: Redis and Valkey write them differently."""

from __future__ import annotations

import struct

import pytest

from io_connectors.redis.rdb.listpack import listpack

#: What an element of more than 4,095 bytes has beside its text.
_HEAD = 5


def _packed(text: bytes, size: bytes) -> bytes:
    data = b"\xf0" + struct.pack("<I", len(text)) + text + size + b"\x07\x01"
    return struct.pack("<IH", len(data) + 7, 2) + data + b"\xff"


@pytest.mark.parametrize(
    ("size", "written"),
    [
        (16_382, b"\x7f\xfe"),
        (16_383, b"\x7f\xff"),  # Valkey 9.1
        (16_383, b"\x00\xff\xff"),  # Redis
        (16_384, b"\x01\x80\x80"),
        (2_097_151, b"\x7f\xff\xff"),
        (2_097_151, b"\x00\xff\xff\xff"),
    ],
)
def test_size_of_an_element_in_either_form(size: int, written: bytes) -> None:
    text = b"x" * (size - _HEAD)
    assert listpack(_packed(text, written)) == [text, b"7"]
