"""What is served, compared page by page with what was acknowledged; what differs is named by id.

A page whose digests are right is right. Of any other, the records in its file are compared with
those that are served. If the file itself is not what its receipt says, only the source can tell
which is right: such a page is doubtful.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import pyarrow as pa

from engram_store.digests import combined
from engram_store.errors import IntegrityError, TargetTransientError
from engram_store.parts import Part
from io_connectors.engram.home import MemoryReader, RunHome, TargetRun
from transforms.validation.ledger import Ledger
from transforms.validation.rows import EDGES, MEMORIES, Difference, Key, Records, differences, name_of
from transforms.validation.served import Served, Tally

_MOST_NAMES = 50
_MANY = 5
#: Where everything is wrong, more lines would only fill the memory.
_MOST_LINES = 2_000
#: Ends of edges that are remembered to be there, or not.
_KNOWN_ENDS = 100_000
_REPLACED = "a newer run's record is there instead"


@dataclass(slots=True)
class Compared:
    """What the comparison came to.

    Attributes:
        wrong: What differs, by page and id.
        doubtful: Pages of which only the source can tell what they should hold.
        superseded: Memories that a newer run's record replaced, by space.
        orphans: Edges that are not served since an end is not, by origin.
        orphan_names: Up to fifty of them of each origin.
    """

    wrong: list[str] = field(default_factory=list)
    doubtful: set[str] = field(default_factory=set)
    superseded: Counter[str] = field(default_factory=Counter)
    orphans: Counter[str] = field(default_factory=Counter)
    orphan_names: dict[str, list[str]] = field(default_factory=dict)


class Comparison:
    """The comparison of one run.

    Args:
        home: The target.
        run: The run.
        reader: What readers are given.
        served: The look at all of it.
        ledger: What was acknowledged.
    """

    def __init__(
        self, home: RunHome, run: TargetRun, reader: MemoryReader, served: Served, ledger: Ledger
    ) -> None:
        self._home = home
        self._run = run
        self._reader = reader
        self._served = served
        self._ledger = ledger
        self._newer = _newer_runs(home, run)
        self._replaced: dict[Key, str] = {}
        self._is_there = lru_cache(_KNOWN_ENDS)(lambda space, id: reader.get(space, id) is not None)
        self.found = Compared()

    def go(self, files: bool) -> Compared:
        """Compares all pages.

        Args:
            files: Also compare the page files with their receipts where what is served is right.
        """
        for page in sorted(self._ledger.digests):
            if page not in self._ledger.receipts:
                self.found.doubtful.add(page)
                continue
            memories, edges = self._ledger.digests[page]
            self._page(MEMORIES, page, memories, self._served.memory(self._run.id, page), files)
            self._page(EDGES, page, edges, self._served.edge(self._run.id, page), files)
        self._unknown(MEMORIES, self._served.memories)
        self._unknown(EDGES, self._served.edges)
        self._settle_replaced_edges()
        return self.found

    def served_rows(self, kind: Records, page: str) -> pa.RecordBatch | None:
        """What is served of a page, read again; None if that is nothing."""
        tally = (self._served.memory if kind is MEMORIES else self._served.edge)(self._run.id, page)
        return self._rows(kind, tally.parts)

    def file_rows(self, kind: Records, page: str) -> pa.RecordBatch | None:
        """What the file of a page holds; None if there is no such page.

        Raises:
            IntegrityError: The file is damaged.
        """
        if page in self._ledger.lost:
            return None
        return self._run.memories(page) if kind is MEMORIES else self._run.edges(page)

    def unexplained(
        self, kind: Records, expected: pa.RecordBatch, found: Sequence[Difference]
    ) -> list[Difference]:
        """The differences that are neither a newer run's record in place of this one, nor an orphan."""
        return [d for d in found if not (d.missing and self._why_missing(kind, expected, d))]

    def _page(self, kind: Records, page: str, digest: str, tally: Tally, files: bool) -> None:
        right = tally.digest == digest or not digest
        if right and not (files and digest):
            return
        file = self._file(kind, page)
        if file is None:
            return
        sound = combined(kind.hashes(file)) == digest
        if right and sound:
            return
        there = self.served_rows(kind, page)
        there = file.slice(0, 0) if there is None else there
        if right:
            self._note(page, "in its file", differences(kind, there, file))
        else:
            what = "as served" if sound else "file and index differ"
            found = differences(kind, file, there)
            self._note(
                page, what, [d for d in found if not (d.missing and self._note_missing(kind, file, d))]
            )
        if not sound:
            self.found.doubtful.add(page)
            self.found.wrong.append(
                f"page {page}: the {_plural(kind)} in its file are not those of its receipt"
            )

    def _file(self, kind: Records, page: str) -> pa.RecordBatch | None:
        try:
            return self.file_rows(kind, page)
        except IntegrityError as error:
            self.found.wrong.append(f"page {page}: {error.what}")
        self.found.doubtful.add(page)
        return None

    def _note(self, page: str, where: str, found: Iterable[Difference]) -> None:
        lines = [f"{difference.line} (page {page}, {where})" for difference in found]
        if len(lines) > _MANY:
            lines.insert(0, f"page {page}: {len(lines):,} differences, {where}")
        self.found.wrong += lines[: max(0, _MOST_LINES - len(self.found.wrong))]

    def _unknown(self, kind: Records, tallies: dict[tuple[str, str], Tally]) -> None:
        """What is served of pages that are not the run's, or no run's."""
        for (run, page), tally in tallies.items():
            if run and (run != self._run.id or page in self._ledger.digests):
                continue
            rows = self._rows(kind, tally.parts)
            where = f"page {page}, which was not committed" if page else "no page holds it"
            for key in kind.keys(rows)[:_MOST_NAMES] if rows is not None else ():
                self.found.wrong.append(f"{name_of(key)}: is served, and should not be ({where})")

    def _why_missing(self, kind: Records, expected: pa.RecordBatch, difference: Difference) -> str:
        """Why a record may rightly be missing; empty if it may not."""
        group, id = difference.key
        if kind is MEMORIES:
            return _REPLACED if self._is_replaced(group, id) else ""
        row = {name: expected[name][difference.expected].as_py() for name in kind.fields[:4]}
        if self._is_orphan(row):
            return f"{name_of(difference.key)}: {row['source']} → {row['target'] or 'nothing'}"
        return _REPLACED if self._newer else ""

    def _note_missing(self, kind: Records, expected: pa.RecordBatch, difference: Difference) -> bool:
        """Counts a record that may rightly be missing, and says whether it is one."""
        why, group = self._why_missing(kind, expected, difference), str(difference.key[0])
        if why == _REPLACED and kind is MEMORIES:
            self.found.superseded[group] += 1
        elif why == _REPLACED:
            self._replaced[difference.key] = difference.line
        elif why:
            self.found.orphans[group] += 1
            self.found.orphan_names.setdefault(group, []).append(why)
        return bool(why)

    def _is_replaced(self, space: str | None, id: str | None) -> bool:
        if not self._newer or space is None or id is None:
            return False
        memory = self._reader.get(space, id)
        return memory is not None and memory.run in self._newer

    def _is_orphan(self, edge: dict[str, str | None]) -> bool:
        ends = ((edge["source_space"], edge["source"]), (edge["target_space"], edge["target"]))
        return any(id is None or not self._is_there(str(space), id) for space, id in ends)

    def _settle_replaced_edges(self) -> None:
        """Edges that are not served are named, but for those that newer runs have written again.

        What is served does not tell: the newer edge may be an orphan, and replaces the older even so.
        """
        for name in sorted(self._newer) if self._replaced else ():
            newer = self._home.run(name)
            for page in newer.committed_page_ids():
                for key in EDGES.keys(newer.edges(page)):
                    self._replaced.pop(key, None)
        self.found.wrong += self._replaced.values()

    def _rows(self, kind: Records, numbers: Sequence[int]) -> pa.RecordBatch | None:
        batches = [self._part(kind, number).rows for number in numbers]
        return pa.concat_batches(batches) if batches else None

    def _part(self, kind: Records, number: int) -> Part:
        parts = self._reader.parts()
        found = next(parts.memories(number) if kind is MEMORIES else parts.edges(number), None)
        if found is None or found.number != number:
            raise TargetTransientError(
                "the target changed while it was validated",
                why="another migration, or the server itself, made a new index meanwhile",
                suggestion="validate again",
            )
        return found


def _newer_runs(home: RunHome, run: TargetRun) -> frozenset[str]:
    """The runs whose records replace those of this one."""
    started = {name: home.run(name).started_at for name in home.runs()}
    own = started[run.id], run.id
    return frozenset(name for name, at in started.items() if (at, name) > own)


def _plural(kind: Records) -> str:
    return "memories" if kind is MEMORIES else "edges"
