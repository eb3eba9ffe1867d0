"""The index of a dump file: what is in it, and the spans by which it can be read in parts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engram_store.errors import SourceError
from io_connectors.redis.rdb.broken import BrokenFile
from io_connectors.redis.rdb.opened import opened
from io_connectors.redis.rdb.scan import Scan
from io_connectors.redis.rdb.spans import Span, Tally
from io_connectors.redis.rdb.window import WINDOW_BYTES

#: Keys a span.
SPAN_KEYS = 1000

#: Bytes behind which a span ends with the key that it is at, so that large neighbours can be parted.
SPAN_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Loss:
    """What cannot be read, or not be trusted, of a damaged file.

    Attributes:
        start: Where it begins. A wrong checksum does not tell where the damage is: then 0.
        stop: Where it ends.
        offset: Where the damage was noticed.
        reason: What is wrong.
    """

    start: int
    stop: int
    offset: int
    reason: str


@dataclass(frozen=True, slots=True)
class Index:
    """What the index pass knows of a file.

    Attributes:
        magic: The file's first nine bytes, as text.
        spans: The spans that together hold every key, in the file's order.
        databases: Database → numbers of keys.
        announced: Database → keys that the server said it would write, since Redis 3.2.
        aux: What the server tells of itself and of the dump; ``ctime`` is the dump's clock.
        functions: Libraries of functions, which are not keys.
        module_data: Pieces of data that belong to modules rather than to keys.
        stop: The offset behind the dump: an append-only file goes on there.
        checked: Whether the file has a checksum (servers can be told to save without).
        loss: What was lost, if the file was read to salvage what can be.
    """

    magic: str
    spans: tuple[Span, ...]
    databases: Mapping[int, Tally]
    announced: Mapping[int, int]
    aux: Mapping[str, str]
    functions: int
    module_data: int
    stop: int
    checked: bool
    loss: Loss | None = None

    @property
    def keys(self) -> int:
        """Keys in all databases."""
        return sum(span.keys for span in self.spans)


def index_file(
    path: Path,
    *,
    span_keys: int = SPAN_KEYS,
    span_bytes: int = SPAN_BYTES,
    window: int = WINDOW_BYTES,
    salvage: bool = False,
) -> Index:
    """Reads a dump file once from end to end, without decoding its values.

    Args:
        path: An RDB file, or an append-only file that begins with one.
        span_keys: Keys a span at most.
        span_bytes: Bytes a span, beyond which it has at most one key.
        window: Bytes to read at once.
        salvage: Whether to index what can be read of a damaged file, rather than to refuse it.

    Raises:
        SourceError: The file cannot be read, is cut short, has a wrong checksum or is of a
            version that is not known.
    """
    with opened(path) as file:
        scan = Scan(file, os.fstat(file).st_size, window, span_keys, span_bytes)
        loss = None
        try:
            scan.run()
        except BrokenFile as broken:
            # Of a file whose head is not known nothing can be read.
            if not salvage or scan.whole == 0:
                raise _refused(path, broken) from broken
            scan.close_span()
            start = 0 if scan.ended else scan.whole
            loss = Loss(start, scan.stop, broken.offset, broken.reason)
        return _index(scan, loss)


def _index(scan: Scan, loss: Loss | None) -> Index:
    return Index(
        magic=scan.magic.decode(),
        spans=tuple(scan.spans),
        databases=scan.databases,
        announced=scan.announced,
        aux=scan.aux,
        functions=scan.functions,
        module_data=scan.module_data,
        stop=scan.stop,
        checked=scan.checked,
        loss=loss,
    )


def _refused(path: Path, broken: BrokenFile) -> SourceError:
    return SourceError(
        f"`{path}` is not a whole dump file",
        why=f"at byte {broken.offset}: {broken.reason}",
        suggestion="take the dump again, or migrate what can be read of this one",
        example="--salvage",
    )
