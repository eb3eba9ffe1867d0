"""Text to tokens: words, single symbols, and characters with their pairs where a script has no spaces."""

from __future__ import annotations

import itertools
import re
import unicodedata

# Han, kana, Thai, Lao, Burmese, Khmer: written without spaces between words.
_UNSPACED = (
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
)
_SYMBOLS = "\u20a0-\u20cf\u2100-\u2bff\U0001f000-\U0001faff"

_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_IS_OTHER = re.compile(f"[{_UNSPACED}{_SYMBOLS}]")
_ASCII = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)}
# Some characters unfold into a phrase of 18; a text's bound holds after folding as well.
_ROOM = 64


def tokens(text: str) -> list[str]:
    """The tokens of a text, in order, case-folded and in compatibility form (NFKC).

    Punctuation and white space give none. A run of a script without spaces gives its
    characters and the pairs of neighbours, in place of words that only a dictionary could find.
    """
    if text.isascii():
        return text.translate(_ASCII).split()
    folded = _folded(text)
    runs: list[str] = _RUNS.findall(folded)
    if _IS_UNSPACED.search(folded) is None:
        return runs
    return [piece for run in runs for piece in (_pieces(run) if is_piece(run) else (run,))]


def is_piece(token: str) -> bool:
    """Whether a token is from a script without spaces."""
    return not token.isascii() and _IS_UNSPACED.match(token) is not None


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", folded)[: len(text) + _ROOM]


def _pieces(run: str) -> list[str]:
    return [*run, *(first + second for first, second in itertools.pairwise(run))]


def _is_letter(character: str) -> bool:
    # Marks too, without which Hindi or Tamil words fall to pieces; but not the variation
    # selectors from U+FE00 on, which only choose a glyph.
    is_mark = unicodedata.category(character) in ("Mn", "Mc") and character < "\ufe00"
    return (character.isalnum() or is_mark) and not _IS_OTHER.match(character)


def _ranges(first: int, last: int) -> str:
    """The letters, digits and marks of scripts with spaces, as ranges of a character class."""
    codes = [code for code in range(first, last) if _is_letter(chr(code))]
    starts = [code for before, code in itertools.pairwise([-1, *codes]) if code != before + 1]
    ends = [code for code, after in itertools.pairwise([*codes, -1]) if after != code + 1]
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in zip(starts, ends, strict=True))


# ``re`` looks up the first 65,536 characters in a table and the others one range after the
# other: the guard keeps the common ones out of the long way (6 instead of 15 µs a short text).
_FAR = rf"(?![\0-\uffff])[{_ranges(0x10000, 0x20000)}]"
_RUNS = re.compile(f"[{_ranges(0, 0x10000)}]+|(?:{_FAR})+|[{_UNSPACED}]+|[{_SYMBOLS}]")
