"""LZF, by which Redis compresses strings of more than 20 bytes."""

from __future__ import annotations

from io_connectors.redis.rdb.broken import Broken

try:
    from lzf import decompress as _quick  # type: ignore[import-not-found, import-untyped, unused-ignore]
except ImportError:
    _quick = None

#: Three bytes give 264 at most.
_MOST = 88


def decompress(data: bytes, size: int) -> bytes:
    """The text of compressed bytes, by ``python-lzf`` where it is installed.

    Args:
        data: The compressed bytes.
        size: How long the text must be; nothing longer is ever made.

    Raises:
        Broken: They do not decompress to ``size`` bytes.
    """
    if not 0 < size <= len(data) * _MOST:
        raise Broken(f"{len(data)} compressed bytes cannot hold the {size} that are claimed")
    if _quick is None:
        return decompress_slowly(data, size)
    try:
        text: bytes | None = _quick(data, size)
    except ValueError as error:
        raise Broken(f"compressed bytes are broken: {error}") from error
    return _checked(text or b"", size)


def decompress_slowly(data: bytes, size: int) -> bytes:
    """The same in plain Python; see ``decompress``.

    A control byte below 32 announces that many bytes and one to be copied; any other a length
    (its upper three bits, 7 meaning that a byte more is to be added) and a distance (its lower
    five bits and a further byte) of a part of the text so far that comes again.
    """
    text = bytearray()
    position, end = 0, len(data)
    try:
        while position < end and len(text) <= size:
            control = data[position]
            position += 1
            if control < 32:
                text += data[position : position + control + 1]
                position += control + 1
                continue
            length = control >> 5
            if length == 7:
                length += data[position]
                position += 1
            distance = ((control & 31) << 8 | data[position]) + 1
            position += 1
            _repeat(text, distance, length + 2)
    except IndexError as error:
        raise Broken("compressed bytes end too early") from error
    if position != end:
        raise Broken("compressed bytes end too early or hold too much")
    return _checked(text, size)


def _repeat(text: bytearray, distance: int, length: int) -> None:
    if distance > len(text):
        raise Broken("compressed bytes refer to what is before their start")
    piece = text[-distance:] if distance <= length else text[-distance : length - distance]
    text += piece if len(piece) == length else (piece * (length // distance + 1))[:length]


def _checked(text: bytes | bytearray, size: int) -> bytes:
    if len(text) != size:
        raise Broken(f"compressed bytes do not give the {size} that are claimed")
    return bytes(text)
