"""An append-only file as a keyspace: ``--use-aof``. It is replayed into a dump file, and that is read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engram_store.files import replacing
from engram_store.scratch import scratch_folder
from io_connectors.redis.aof_files import AppendOnly
from io_connectors.redis.dump import DumpChoices, DumpKeyspace, Written, open_dump
from io_connectors.redis.keyspace import KeyspacePlan
from io_connectors.redis.replay import replay

#: How dumps that are kept between attempts begin.
_KEPT = "replayed-"


@dataclass(frozen=True, slots=True)
class AppendOnlyKeyspace:
    """An append-only file, replayed; see ``Keyspace``.

    Attributes:
        dump: What it was replayed into.
        kept: Where that is kept, so that later attempts find the same pages: each replay has the
            keys in another order. None, or a folder that is not there: it is not kept.
        notes: What is to be said about the replay; None if an earlier attempt made it.
    """

    dump: DumpKeyspace
    kept: Path | None
    notes: tuple[str, ...] | None

    @property
    def identity(self) -> str:
        """As ``Keyspace.identity``."""
        return self.dump.identity

    @property
    def display(self) -> str:
        """As ``Keyspace.display``."""
        return self.dump.display

    def plan(self, saved: Mapping[str, Any], anew: bool) -> KeyspacePlan:
        """The pages of the dump; what the replay had to say is saved with them."""
        plan = self._kept_dump().plan(saved, anew)
        notes = saved.get("replay", ()) if self.notes is None else self.notes
        boundaries = {**plan.boundaries, "replay": list(notes)}
        return replace(plan, boundaries=boundaries, notes=(*plan.notes, *notes))

    def _kept_dump(self) -> DumpKeyspace:
        if self.kept is None or self.notes is None or not self.kept.parent.is_dir():
            return self.dump
        for earlier in self.kept.parent.glob(f"{_KEPT}*"):
            earlier.unlink()
        with replacing(self.kept) as moved:
            shutil.move(self.dump.path, moved)
        return replace(self.dump, path=self.kept)


@contextmanager
def open_append_only(
    source: AppendOnly, choices: DumpChoices, folder: Path | None
) -> Iterator[AppendOnlyKeyspace]:
    """Replays an append-only file, unless an earlier attempt at the run has done so.

    Args:
        source: Its files.
        choices: How the dump is read that it is replayed into.
        folder: The run's folder, which need not be there yet; None to keep nothing.

    Raises:
        SourceError: It is damaged, or has what the server does not know.
        ConfigurationError: There is no server that can replay it.
    """
    mode = "salvaged-" if choices.salvage else ""
    kept = folder / f"{_KEPT}{mode}{source.digest()}.rdb" if folder else None
    with scratch_folder("engram-replay-") as private:
        if kept and kept.exists():
            file, notes = kept, None
        else:
            file, notes = replay(source, private, choices.salvage)
        # What was replayed just now is still to be moved.
        beside = folder if file == kept else None
        dump = open_dump(file, choices, beside, source.identity, str(source.path), _written(source))
        yield AppendOnlyKeyspace(dump, kept, notes)


def _written(source: AppendOnly) -> Written:
    moment, told = source.last_written()
    return Written(moment, "" if told else "the append-only file does not tell when it was written")
