"""The checksum against its definition, and both LZF decompressors against each other."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from io_connectors.redis.rdb import lzf
from io_connectors.redis.rdb.broken import Broken
from io_connectors.redis.rdb.crc import crc64
from io_connectors.redis.rdb.lzf import decompress, decompress_slowly

_POLYNOMIAL = 0xAD93D23594C935A9

#: Short words, so that there is much to compress.
_TEXTS = st.lists(st.sampled_from([b"a", b"ab", b"abcabcabd", b"\x00" * 40, b"xyz"]), min_size=1).map(
    b"".join
)


def crc64_by_definition(data: bytes) -> int:
    """Division by the polynomial, bit for bit, lowest bits first."""
    reflected = int(f"{_POLYNOMIAL:064b}"[::-1], 2)
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (reflected if crc & 1 else 0)
    return crc


def test_checksum_of_the_digits() -> None:
    assert crc64(b"123456789") == 0xE9C6D914C4B8D9CA


@given(st.binary(max_size=300), st.integers(0, 300))
def test_checksum_is_that_of_the_definition_and_can_be_gone_on_with(data: bytes, cut: int) -> None:
    assert crc64(data) == crc64_by_definition(data)
    assert crc64(memoryview(data)[cut:], crc64(data[:cut])) == crc64(data)


def both(data: bytes, size: int) -> tuple[bytes | None, bytes | None]:
    """What either decompressor gives, None for broken bytes."""

    def given_by(one: Callable[[bytes, int], bytes]) -> bytes | None:
        try:
            return one(data, size)
        except Broken:
            return None

    return given_by(decompress), given_by(decompress_slowly)


@given(st.one_of(_TEXTS, st.binary(min_size=1, max_size=400)))
def test_texts_that_the_library_compressed(text: bytes) -> None:
    packed = _library().compress(text + text)
    if packed is not None:
        assert both(packed, 2 * len(text)) == (text + text, text + text)


@given(_TEXTS, st.data())
def test_damaged_texts_give_the_same_with_and_without_the_library(text: bytes, data: st.DataObject) -> None:
    packed = bytearray(_library().compress(text * 3) or b"\x00a")
    packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    size = len(text) * 3 + data.draw(st.integers(-2, 2))
    quick, slow = both(bytes(packed), size)
    assert quick == slow


def _library() -> Any:
    return pytest.importorskip("lzf")


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lzf, "_quick", None)
    assert decompress(b"\x00a\xe0\x28\x00", 50) == b"a" * 50


@pytest.mark.parametrize(
    ("packed", "size", "reason"),
    [
        (b"\x00a\xe0\x28\x00", 49, "do not give the 49"),
        (b"\x00a\xe0\x28\x00", 51, "do not give the 51"),
        (b"\x05a", 2, "end too early"),
        (b"\x00a\xe0", 50, "end too early"),
        (b"\x00a\x20\x01", 4, "before their start"),
        (b"\x00a", 1 << 50, "cannot hold"),
        (b"", 0, "cannot hold"),
    ],
)
def test_broken_bytes_are_told_by_their_reason(
    monkeypatch: pytest.MonkeyPatch, packed: bytes, size: int, reason: str
) -> None:
    monkeypatch.setattr(lzf, "_quick", None)
    with pytest.raises(Broken, match=reason):
        decompress(packed, size)


def test_random_bytes_never_take_long() -> None:
    rng = random.Random(7)
    for _ in range(2000):
        data = rng.randbytes(rng.randint(1, 60))
        quick, slow = both(data, rng.randint(1, 88 * len(data)))
        assert quick == slow
