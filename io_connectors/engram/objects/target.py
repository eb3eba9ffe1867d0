"""A run in object storage, as a worker writes it: each page put to its final key, from any machine.

A put is all of an object or nothing, so there are no temporary names. Dead letters go first, then
edges, then memories, whose object acknowledges the page.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import orjson

from engram_store.model import PageReceipt
from engram_store.run import Run
from io_connectors.engram.objects.bucket import Bucket
from io_connectors.engram.objects.location import Location
from io_connectors.engram.targets import STAGES, Capabilities, write_page
from io_connectors.pages import MappedPage
from io_connectors.retry import ONCE

if TYPE_CHECKING:
    from engram_store.edges_check import EdgeCheck

CAPABILITIES = Capabilities(
    pages=True, ledger=True, edges=True, undo=True, most_per_space=None, edges_at_workers=False
)


@dataclass(frozen=True, slots=True)
class ObjectTargetSpec:
    """A run in object storage; keys are the worker's own, from its environment.

    Attributes:
        location: Where the store is.
        run: The run's name.
        vector_type: ``float16`` or ``float32``.
    """

    location: Location
    run: str
    vector_type: str = "float16"

    def open(self) -> ObjectTarget:
        """The target, opened in the process that calls."""
        # A page that fails is written again as a whole.
        return ObjectTarget(Bucket(self.location, ONCE), self.run, self.vector_type)


class ObjectTarget:
    """Object storage as target; nothing of the launcher's machine is needed."""

    capabilities = CAPABILITIES

    def __init__(self, bucket: Bucket, run_id: str, vector_type: str) -> None:
        self._bucket = bucket
        self._run_id = run_id
        self._vector_type = vector_type
        self._folder = TemporaryDirectory(prefix="engram-pages-")
        self._run = Run(Path(self._folder.name, run_id)).create({})

    def write(self, page: MappedPage) -> PageReceipt:
        """Writes the page's files as the embedded store does, into a temporary folder, and puts them."""
        run, page_id = self._run, page.page_id
        receipt = write_page(run, page, self._vector_type)
        letters = [run.letters_path(stage, page_id) for stage in STAGES]
        paths = [*letters, run.edges_path(page_id), run.memories_path(page_id)]
        names = {self._name(path.relative_to(run.path).as_posix()): path for path in paths}
        # What an earlier try had, and this one has not.
        self._bucket.remove(self._bucket.facts(name for name, path in names.items() if not path.exists()))
        for name, path in names.items():
            if path.exists():
                sent = self._bucket.send(path, name)
                path.unlink()
        # The memories went last.
        return replace(receipt, written_at=sent.written / 1e9)

    def check_edges(self) -> EdgeCheck:
        """Counts the run's edges and orphans by origin; all pages are fetched for it."""
        from io_connectors.engram.objects.home import ObjectHome

        with TemporaryDirectory(prefix="engram-mirror-") as folder:
            return ObjectHome.open(self._bucket, Path(folder)).check_edges(self._run_id)

    def save_finding(self, name: str, finding: object) -> None:
        """Keeps what a check found beside the run, as JSON."""
        self._bucket.put(self._name(f"{name}.json"), orjson.dumps(finding, option=orjson.OPT_INDENT_2))

    def _name(self, part: str) -> str:
        return f"runs/{self._run_id}/{part}"
