"""Tokens to features: cells of the vector, each with a signed whole weight.

A word weighs as much as its letter groups together: half of a vector's square is exact words,
half is spelling, which inflections and typing errors leave alone.

Weights are whole numbers, so that sums are exact and the same on every machine and in any
order. The hash is CRC-32 (fast, and the same everywhere), mixed once because CRC alone is
linear and lets related spellings fall into related cells.
"""

from __future__ import annotations

import math
import re
from functools import cache
from zlib import crc32

from engram_store.model import DIMENSION
from transforms.embedding.tokens import is_piece

# A token beyond this is an identifier or encoded data, not a word.
_LONGEST_WORD = 40

_STOP_WORD = 150
_IDENTIFIER = 400
_PIECE = 500
# Longer words are rarer and say more: a frequency table's effect, without the table.
_BY_LENGTH = (0, 300, 450, 650, 800, 900, 950, 1000)

#: The weights that a token of one feature can have, and so the ready rows there are.
PLAIN_WEIGHTS = (_STOP_WORD, _IDENTIFIER, _PIECE)

#: Bits of an entry that hold the cell.
CELL_BITS = DIMENSION.bit_length()
_CODES = 2 * DIMENSION

# A word is spread over four cells of half the weight: the same length, and two unrelated
# words that meet in one cell are not taken for related (the worst of 80,000 pairs of unlike
# short texts came out at 0.21 instead of 0.35).
_WORD_SEEDS = (0, 1, 2, 3)
_GROUP_SEED = 4
_DIGIT = re.compile(r"\d")


def code(token: str) -> int:
    """A token's cell and sign in one number below 1,536: twice the cell, plus one if negative."""
    return _mixed(crc32(token.encode("utf-8", "surrogatepass")))


def _mixed(hashed: int) -> int:
    return (hashed * 0x9E3779B1 >> 23) % _CODES


def entry(code: int, weight: int) -> int:
    """A feature in one number: the signed weight above ``CELL_BITS`` bits of cell."""
    signed = -weight if code & 1 else weight
    return (signed << CELL_BITS) + (code >> 1)


def plain_entries() -> list[int]:
    """The ready rows, of one entry each, in the order that ``plain_row`` counts them."""
    return [entry(code, weight) for weight in PLAIN_WEIGHTS for code in range(_CODES)]


def stop_word_row(word: str) -> int:
    """The ready row of a stop word."""
    return code(word)


def plain_row(token: str) -> int | None:
    """The ready row of a token that is one feature only, or None for a word with letter groups.

    Such are characters of scripts without spaces, and identifiers: whatever holds a digit or
    is too long to be a word. Row ``k * 1536 + code`` is code at ``PLAIN_WEIGHTS[k]``.
    """
    if len(token) > _LONGEST_WORD or _DIGIT.search(token):
        return _CODES + code(token)
    if is_piece(token):
        return 2 * _CODES + code(token)
    return None


def word_entries(word: str) -> list[int]:
    """A word's row: the word itself in four cells, and its groups of 3 and 4 letters."""
    # The edges are letters of their own: beginnings and endings carry much of a word.
    edged = f"<{word}>".encode("utf-32-le", "surrogatepass")
    weight = _BY_LENGTH[min(len(word), len(_BY_LENGTH) - 1)]
    bounds = _group_bounds(len(word) + 2)
    share = round(weight / math.sqrt(len(bounds)))
    whole = [entry(_mixed(crc32(edged, seed)), weight // 2) for seed in _WORD_SEEDS]
    groups = [entry(_mixed(crc32(edged[at:end], _GROUP_SEED)), share) for at, end in bounds]
    return whole + groups


@cache
def _group_bounds(letters: int) -> list[tuple[int, int]]:
    """Where the letter groups of a word of so many letters begin and end, in bytes of UTF-32."""
    return [(4 * at, 4 * (at + size)) for size in (3, 4) for at in range(letters - size + 1)]
