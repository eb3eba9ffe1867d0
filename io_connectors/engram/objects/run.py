"""One run in object storage: read through the mirror, which is brought up to date first; written to both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

import pyarrow as pa

from engram_store import files
from engram_store.errors import IntegrityError
from engram_store.model import PageReceipt
from engram_store.run import Run
from io_connectors.engram.objects.mirror import Mirror

_SUFFIXES = (".parquet", ".jsonl.zst")


class ObjectRun(Run):
    """A run, as a launcher and the verbs see it. The pages in the bucket are its ledger, not their copies.

    Args:
        mirror: The mirror of the store.
        run_id: The run's name.
    """

    def __init__(self, mirror: Mirror, run_id: str) -> None:
        super().__init__(mirror.folder / "runs" / run_id)
        self._mirror = mirror

    @property
    def manifest(self) -> dict[str, Any]:
        """What the launcher saved about this run."""
        self._refresh("MANIFEST.json")
        return super().manifest

    def save_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Replaces the manifest."""
        super().save_manifest(manifest)
        self._push("MANIFEST.json")

    def page_ids(self) -> set[str]:
        """The acknowledged pages, as the bucket lists them."""
        return {page for name in self._list("memories") if (page := _page_of(name)) is not None}

    def plan_pages(self, page_ids: Iterable[str]) -> None:
        """Says of which pages this attempt will consist, before it writes any."""
        super().plan_pages(page_ids)
        self._push("planned.json")

    def planned_page_ids(self) -> set[str]:
        """The acknowledged pages of the attempt that is under way, or was the last."""
        self._refresh("planned.json")
        return super().planned_page_ids()

    def commit_pages(self, page_ids: Iterable[str]) -> None:
        """Says that these pages, all of them acknowledged, are the run from now on."""
        super().commit_pages(page_ids)
        self._push("committed.json")

    def committed_page_ids(self) -> set[str]:
        """The pages that count for readers."""
        self._refresh("planned.json", "committed.json")
        return super().committed_page_ids()

    def receipts(self, page_ids: Iterable[str] | None = None) -> Iterator[PageReceipt]:
        """The receipts of all acknowledged pages, or of some, by page id; the pages are fetched for it.

        Raises:
            IntegrityError: A page is damaged or lost.
        """
        pages = self.page_ids() if page_ids is None else set(page_ids)
        if pages:
            found: set[str] = set()
            for part in ("edges", "memories"):
                found = set(self._mirror.pull(self._name(part), lambda name: _page_of(name) in pages))
            lost = pages - {_page_of(name) for name in found}
            if lost:
                raise _lost(self.id, min(lost))
        yield from super().receipts(pages)

    def memories(self, page_id: str, columns: Sequence[str] | None = None) -> pa.RecordBatch:
        """A page's memories as they are kept, all columns or some."""
        self._bring("memories", page_id)
        if not self.memories_path(page_id).exists():
            raise _lost(self.id, page_id)
        return super().memories(page_id, columns)

    def edges(self, page_id: str, columns: Sequence[str] | None = None) -> pa.RecordBatch:
        """A page's edges as they are kept, checked or not, all columns or some."""
        self._bring("edges", page_id)
        return super().edges(page_id, columns)

    def dead_letters(self) -> Iterator[dict[str, Any]]:
        """All refused records, by stage and page."""
        folder = self._name("dead_letters")
        self._mirror.drop_others(folder, self._mirror.pull(folder))
        yield from super().dead_letters()

    def save_finding(self, name: str, finding: object) -> None:
        """Keeps what was found out about the run, as JSON."""
        super().save_finding(name, finding)
        self._push(f"{name}.json")

    def finding(self, name: str) -> Any:
        """What ``save_finding`` kept, or None."""
        self._refresh(f"{name}.json")
        return super().finding(name)

    def drop_orphans(self) -> None:
        """Forgets the list of orphan edges."""
        self._mirror.remove([self._name(self.orphans_path.name)])

    def keep_only(self, page_ids: Set[str]) -> None:
        """Removes what does not belong to these pages; memories first, as the store does."""
        for part in ("memories", "edges", "dead_letters"):
            self._mirror.remove(name for name in self._list(part) if _page_of(name) not in page_ids)

    def place(self, name: str) -> str:
        """Where a person finds a part of the run, such as ``report.json``."""
        return f"{self._mirror.bucket.shown}/{self._name(name)}"

    def _name(self, part: str) -> str:
        return f"runs/{self.id}/{part}"

    def _list(self, part: str) -> list[str]:
        return list(self._mirror.bucket.objects(self._name(part)))

    def _refresh(self, *parts: str) -> None:
        self._mirror.refresh(*map(self._name, parts))

    def _bring(self, part: str, page_id: str) -> None:
        self._refresh(f"{part}/{files.file_name(page_id)}.parquet")

    def _push(self, part: str) -> None:
        self._mirror.push(self._name(part))


def _page_of(name: str) -> str | None:
    """The page that an object belongs to, or None."""
    return files.page_of(name.rsplit("/", 1)[-1], *_SUFFIXES)


def _lost(run: str, page_id: str) -> IntegrityError:
    return IntegrityError(
        f"page `{page_id}` of run `{run}` is not in the bucket any more",
        why="its object was there before",
        suggestion="give the command of the migration again: the page is read once more",
    )
