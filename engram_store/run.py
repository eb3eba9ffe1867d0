"""One migration run in the store: its manifest, its pages and its dead letters.

The pages are the ledger: a page whose memories file exists was acknowledged, and its receipt
stands in the file's footer.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pyarrow as pa

from engram_store import files, findings, pages
from engram_store.dead_letters import DeadLetters
from engram_store.errors import IntegrityError
from engram_store.model import EDGE_SCHEMA, PageReceipt
from engram_store.moments import unix_seconds

_SUFFIX = ".parquet"


class Run:
    """A run's folder. It pickles as a path, so Beam workers get it cheaply.

    Args:
        path: ``<store>/runs/<run>``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def id(self) -> str:
        """The run's name."""
        return self.path.name

    @property
    def manifest(self) -> dict[str, Any]:
        """What the launcher saved about this run.

        Raises:
            IntegrityError: It cannot be read.
        """
        try:
            manifest: dict[str, Any] = orjson.loads(self._manifest_path.read_bytes())
            unix_seconds(manifest["started_at"])
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise IntegrityError(
                f"The manifest of run `{self.id}` cannot be read.",
                why=str(error),
                suggestion="Undo the run and migrate again.",
            ) from error
        return manifest

    def save_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Replaces the manifest; ``started_at`` is set to now if it is not given."""
        stamped = {"started_at": datetime.now(timezone.utc).isoformat(), **manifest}
        files.write_bytes(self._manifest_path, orjson.dumps(stamped, option=orjson.OPT_INDENT_2))

    @property
    def started_at(self) -> float:
        """When the run started, in Unix seconds: the instant for which its activations hold."""
        return unix_seconds(self.manifest["started_at"])

    @property
    def model(self) -> str:
        """The embedding model that made the run's vectors."""
        return str(self.manifest.get("model", ""))

    def create(self, manifest: Mapping[str, Any]) -> Run:
        """Makes the folders and, last, the manifest."""
        for folder in (self._memories, self._edges, self.path / "dead_letters"):
            files.make_folder(folder)
        self.save_manifest(manifest)
        return self

    def exists(self) -> bool:
        """Whether the run was created to the end."""
        return self._manifest_path.exists()

    def write_page(
        self, memories: pa.RecordBatch, edges: pa.RecordBatch, receipt: PageReceipt
    ) -> PageReceipt:
        """Writes a page, edges first; when this returns, it is on the disk and acknowledged.

        The same rows again give the same files, byte by byte.

        Args:
            memories: Rows of ``memory_schema``; may be none.
            edges: Rows of ``EDGE_SCHEMA``; may be none.
            receipt: The page's receipt; ``bytes`` and ``written_at`` are filled in here.

        Raises:
            MappingError: The columns are not those of a page.
            IntegrityError: The receipt does not count these rows.
            TargetTerminalError: The disk is full or may not be written; the page is not there.
        """
        pages.require_count("edges", receipt.edges, edges.num_rows, receipt.page_id)
        edges_path = self.edges_path(receipt.page_id)
        if edges.num_rows:
            pages.write_edges(edges_path, edges)
        else:
            files.remove_file(edges_path)
        memories_path = self.memories_path(receipt.page_id)
        pages.write_memories(memories_path, memories, receipt)
        with files.disk_errors(memories_path):
            return self._stamped(receipt, memories_path.stat())

    def page_ids(self) -> set[str]:
        """The acknowledged pages."""
        return _page_ids(self._memories)

    def plan_pages(self, page_ids: Iterable[str]) -> None:
        """Says of which pages this attempt will consist, before it writes any.

        From then until ``commit_pages``, readers see what was committed before, or nothing.
        """
        files.write_bytes(self._planned_path, orjson.dumps(sorted(page_ids)))

    def commit_pages(self, page_ids: Iterable[str]) -> None:
        """Says that these pages, all of them acknowledged, are the run from now on.

        Pages that they replace stay until ``keep_only``, for readers of the old generation.
        """
        files.write_bytes(self._committed_path, orjson.dumps(sorted(page_ids)))

    def planned_page_ids(self) -> set[str]:
        """The acknowledged pages of the attempt that is under way, or was the last."""
        return self._listed(self._planned_path)

    def committed_page_ids(self) -> set[str]:
        """The pages that count for readers; of a run that was never planned, all of them."""
        if not self._committed_path.exists() and self._planned_path.exists():
            return set()
        return self._listed(self._committed_path)

    def has_page(self, page_id: str) -> bool:
        """Whether a page is acknowledged."""
        return self.memories_path(page_id).exists()

    def memories(self, page_id: str, columns: Sequence[str] | None = None) -> pa.RecordBatch:
        """A page's memories as they lie on the disk, all columns or some.

        Raises:
            IntegrityError: The page is damaged.
        """
        return pages.read_page(self.memories_path(page_id), columns)

    def edges(self, page_id: str, columns: Sequence[str] | None = None) -> pa.RecordBatch:
        """A page's edges as they lie on the disk, checked or not, all columns or some.

        Raises:
            IntegrityError: The page is damaged.
        """
        path = self.edges_path(page_id)
        if path.exists():
            return pages.read_page(path, columns)
        return pa.RecordBatch.from_pylist([], EDGE_SCHEMA).select(columns or EDGE_SCHEMA.names)

    def receipts(self, page_ids: Iterable[str] | None = None) -> Iterator[PageReceipt]:
        """The receipts of all acknowledged pages, or of some, by page id.

        Raises:
            IntegrityError: A page is damaged.
        """
        for page_id in sorted(self.page_ids() if page_ids is None else page_ids):
            yield self.receipt(page_id)

    def receipt(self, page_id: str) -> PageReceipt:
        """The receipt of one acknowledged page.

        Raises:
            IntegrityError: The page is damaged.
        """
        path = self.memories_path(page_id)
        # Asked first: of a page that is replaced meanwhile, an old receipt must not have the new file's time.
        facts = path.stat()
        return self._stamped(pages.read_receipt(pages.read_footer(path), path), facts)

    def write_dead_letters(self, stage: str, page_id: str, lines: Iterable[Mapping[str, Any]]) -> int:
        """Writes a page's refused records of one stage, replacing those of an earlier try.

        Returns:
            How many there are.
        """
        return self._letters.write(stage, page_id, lines)

    def dead_letters(self) -> Iterator[dict[str, Any]]:
        """All refused records, by stage and page."""
        return self._letters.read()

    def save_finding(self, name: str, finding: object) -> None:
        """Keeps what was found out about the run beside its pages, as ``<name>.json``."""
        findings.save(self.path, name, finding)

    def finding(self, name: str) -> Any:
        """What ``save_finding`` kept, or None."""
        return findings.load(self.path, name)

    def drop_orphans(self) -> None:
        """Forgets the list of orphan edges."""
        self.orphans_path.unlink(missing_ok=True)

    def place(self, name: str) -> str:
        """Where a person finds a part of the run, such as ``report.json``."""
        return str(self.path / name)

    def keep_only(self, page_ids: Set[str]) -> None:
        """Removes what does not belong to these pages, and what killed processes left.

        Memories go first, so that no page stays acknowledged without its edges.
        """
        for page_id in self.page_ids() - page_ids:
            self.memories_path(page_id).unlink()
        files.sync(self._memories)
        for page_id in _page_ids(self._edges) - self.page_ids():
            self.edges_path(page_id).unlink(missing_ok=True)
        self._letters.keep_only(page_ids)
        for folder in (self.path, self._memories, self._edges):
            files.remove_temporaries(folder)

    def remove(self) -> None:
        """Removes the run at one stroke: it is renamed first, then its files go."""
        trash = self.path.with_name(f"{files.TEMPORARY}{uuid4().hex}")
        self.path.rename(trash)
        files.sync(trash.parent)
        shutil.rmtree(trash)

    def memories_path(self, page_id: str) -> Path:
        """The file of a page's memories."""
        return self._memories / f"{files.file_name(page_id)}{_SUFFIX}"

    def edges_path(self, page_id: str) -> Path:
        """The file of a page's edges; there is none if the page has no edges."""
        return self._edges / f"{files.file_name(page_id)}{_SUFFIX}"

    def letters_path(self, stage: str, page_id: str) -> Path:
        """The file of a page's refused records of one stage; there is none if none was refused."""
        return self._letters.path(stage, page_id)

    @property
    def orphans_path(self) -> Path:
        """The file of the run's orphan edges, as they were last checked."""
        return self.path / "orphans.parquet"

    def _listed(self, path: Path) -> set[str]:
        """The acknowledged pages that a file lists; all of them if there is no such file."""
        acknowledged = self.page_ids()
        return acknowledged & findings.names(path, acknowledged)

    def _stamped(self, receipt: PageReceipt, facts: os.stat_result) -> PageReceipt:
        size = facts.st_size
        if receipt.edges:
            size += self._edges_size(receipt.page_id)
        return replace(receipt, bytes=size, written_at=facts.st_mtime)

    def _edges_size(self, page_id: str) -> int:
        try:
            return self.edges_path(page_id).stat().st_size
        except FileNotFoundError as error:
            raise IntegrityError(
                f"Page `{page_id}` of run `{self.id}` has lost its edges.",
                why=str(error),
                suggestion="Remove the page's memories file and give the same command again.",
                example=f"rm '{self.memories_path(page_id)}'",
            ) from error

    @property
    def _planned_path(self) -> Path:
        return self.path / "planned.json"

    @property
    def _committed_path(self) -> Path:
        return self.path / "committed.json"

    @property
    def _manifest_path(self) -> Path:
        return self.path / "MANIFEST.json"

    @property
    def _memories(self) -> Path:
        return self.path / "memories"

    @property
    def _edges(self) -> Path:
        return self.path / "edges"

    @property
    def _letters(self) -> DeadLetters:
        return DeadLetters(self.path / "dead_letters")


def _page_ids(folder: Path) -> set[str]:
    """The pages that have a file in a folder."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return set()
    return {page for name in names if (page := files.page_of(name, _SUFFIX)) is not None}
