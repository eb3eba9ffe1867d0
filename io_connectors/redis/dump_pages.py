"""The pages of a dump file: spans of keys, named by what stands in them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from io_connectors.redis.keyspace import KeyPage, Selection
from io_connectors.redis.rdb import Index, Span, read_span

#: Bytes of a dump that a page is meant to hold.
PAGE_BYTES = 16 * 1024 * 1024

_DIGEST_BYTES = 16

#: (database, type) → keys.
Counts = Mapping[tuple[int, str], int]


class Counted(NamedTuple):
    """A span, and the selected keys in it."""

    span: Span
    keys: int


def takes_all(index: Index, selection: Selection) -> bool:
    """Whether every key of a file is selected, so that none need be looked at for that."""
    return not selection.match and all(map(selection.takes_db, index.databases))


def counted(path: Path, index: Index, selection: Selection) -> tuple[list[Counted], Counts]:
    """Counts the selected keys; the file is read again only where its index cannot tell.

    Raises:
        SourceError: The file has changed since it was indexed.
    """
    if takes_all(index, selection):
        totals = {(db, kind): n for db, tally in index.databases.items() for kind, n in tally.types.items()}
        return [Counted(span, span.keys) for span in index.spans], totals
    spans, counts = [], Counter[tuple[int, str]]()
    for span in index.spans:
        rows = read_span(path, index.magic, span)
        found = Counter((row.db, row.type) for row in rows if selection.takes(row.db, row.key))
        counts.update(found)
        spans.append(Counted(span, found.total()))
    return spans, counts


def pages(spans: Iterable[Counted], page_keys: int, salt: str) -> dict[str, KeyPage]:
    """Neighbouring spans together, as long as they are no more than a page.

    A page's name is made of the digests of its bytes, not of where these stand: a newer dump has
    the same pages where it has the same keys.

    Args:
        spans: In the file's order.
        page_keys: Keys a page at most.
        salt: What else decides what becomes of the same bytes.
    """
    found: dict[str, KeyPage] = {}
    for group in _groups(spans, page_keys):
        name = _name([one.span for one in group], salt)
        while name in found:
            name += "-again"
        rows = sum(one.keys for one in group)
        if rows:
            found[name] = KeyPage(rows, tuple(one.span for one in group if one.keys))
    return found


def content_digest(spans: Iterable[Span]) -> str:
    """What tells a file's keys from those of another."""
    return _digest(f"{span.db}:{span.digest}" for span in spans)


def _groups(spans: Iterable[Counted], page_keys: int) -> Iterator[list[Counted]]:
    group: list[Counted] = []
    keys = size = 0
    for one in spans:
        bytes_ = one.span.stop - one.span.start
        if group and (keys + one.span.keys > page_keys or size + bytes_ > PAGE_BYTES):
            yield group
            group, keys, size = [], 0, 0
        group.append(one)
        keys, size = keys + one.span.keys, size + bytes_
    if group:
        yield group


def _name(spans: Sequence[Span], salt: str) -> str:
    return f"keys-{_digest([salt, content_digest(spans)])}"


def _digest(parts: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=_DIGEST_BYTES).hexdigest()
