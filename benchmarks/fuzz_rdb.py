"""Coverage-guided fuzzing of the codec for dumps. No test runs it; it needs ``pip install atheris``.

    python -m benchmarks.fuzz_rdb CORPUS SAMPLES -max_total_time=600 -timeout=10 -rss_limit_mb=600

It begins with the files in the folder SAMPLES, and adds what leads to other parts of the codec to the
folder CORPUS; both must be there. An input that begins as a dump file is read as one, whether or not its
checksum is right; any other as a DUMP payload, to which the footer is added. It stops at an error that is
none of the tree, at rows that depend on the window, at an input that takes too long, and at too much
memory.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from struct import pack
from tempfile import TemporaryDirectory

import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]

from engram_store.errors import SourceError

with atheris.instrument_imports(include=["io_connectors.redis.rdb"]):
    from io_connectors.redis.rdb import Index, decode_dump, index_file, read_span
    from io_connectors.redis.rdb.crc import crc64

_MAGICS = (b"REDIS", b"VALKEY")
_VERSIONS = (13, 80)
_SMALL, _LARGE = 64, 1024 * 1024


def main() -> None:
    with TemporaryDirectory(prefix="engram-fuzz-") as folder:
        file = Path(folder) / "dump.rdb"

        def one(data: bytes) -> None:
            if data.startswith(_MAGICS):
                file.write_bytes(data)
                _read(file)
            else:
                _decode(data)

        atheris.Setup(sys.argv, one)
        atheris.Fuzz()


def _read(file: Path) -> None:
    with suppress(SourceError):
        index = index_file(file, window=_SMALL, salvage=True)
        rows = _rows(file, index, _SMALL)
        assert len(rows) == index.keys == sum(tally.types.total() for tally in index.databases.values())
        assert index == index_file(file, window=_LARGE, salvage=True)
        assert rows == _rows(file, index, _LARGE)


def _rows(file: Path, index: Index, window: int) -> list[str]:
    # Not every score equals itself.
    return [repr(row) for span in index.spans for row in read_span(file, index.magic, span, window)]


def _decode(value: bytes) -> None:
    for version in _VERSIONS:
        payload = value + pack("<H", version)
        with suppress(SourceError):
            decode_dump(payload + pack("<Q", crc64(payload)))


if __name__ == "__main__":
    main()
