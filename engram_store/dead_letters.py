"""The records of a run that were refused, by stage and page, as compressed JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import zstandard

from engram_store import files

_SUFFIX = ".jsonl.zst"


class DeadLetters:
    """The folder of a run's refused records.

    Args:
        folder: ``<run>/dead_letters``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, stage: str, page_id: str, lines: Iterable[Mapping[str, Any]]) -> int:
        """Writes a page's refused records of one stage, replacing those of an earlier try.

        Returns:
            How many there are.
        """
        rows = [orjson.dumps(dict(line), option=orjson.OPT_APPEND_NEWLINE) for line in lines]
        path = self.path(stage, page_id)
        if rows:
            files.make_folder(path.parent)
            files.write_bytes(path, zstandard.compress(b"".join(rows)))
        else:
            files.remove_file(path)
        return len(rows)

    def path(self, stage: str, page_id: str) -> Path:
        """The file of a page's refused records of one stage; there is none if none was refused."""
        return self._folder / files.file_name(stage) / f"{files.file_name(page_id)}{_SUFFIX}"

    def read(self) -> Iterator[dict[str, Any]]:
        """All refused records, by stage and page."""
        for path in sorted(self._files()):
            with zstandard.open(path, "rt", encoding="utf-8", newline="\n") as lines:
                yield from (orjson.loads(line) for line in lines)

    def keep_only(self, page_ids: Iterable[str]) -> None:
        """Removes those of other pages, and what killed processes left."""
        kept = set(page_ids)
        for path in self._files():
            if files.page_name(path.name.removesuffix(_SUFFIX)) not in kept:
                path.unlink()
        for folder in self._folder.iterdir():
            files.remove_temporaries(folder)

    def _files(self) -> Iterator[Path]:
        return self._folder.glob(f"*/[!.]*{_SUFFIX}")
