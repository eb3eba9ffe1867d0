"""A run in a server's store, as a worker writes it: one request a page."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from engram_store.model import PageReceipt
from engram_store.wire import ARROW, WirePage, pack_page, receipt_of
from io_connectors.engram.arrow import edge_batch, memory_batch
from io_connectors.engram.http.client import Server
from io_connectors.engram.http.run import HttpRun, page_path, run_path
from io_connectors.engram.targets import STAGES, Capabilities, receipt_for
from io_connectors.pages import MappedPage

if TYPE_CHECKING:
    from engram_store.edges_check import EdgeCheck

CAPABILITIES = Capabilities(pages=True, ledger=True, edges=True, undo=True, most_per_space=None)


@dataclass(frozen=True, slots=True)
class HttpTargetSpec:
    """A run in a server's store.

    Attributes:
        server: The server; the key in it is a reference.
        run: The run's name.
        vector_type: ``float16`` or ``float32``.
    """

    server: Server
    run: str
    vector_type: str = "float16"

    def open(self) -> HttpTarget:
        """The target, opened in the process that calls."""
        return HttpTarget(self.server, self.run, self.vector_type)


class HttpTarget:
    """The server as target: it acknowledges a page when it is on its disk."""

    capabilities = CAPABILITIES

    def __init__(self, server: Server, run_id: str, vector_type: str) -> None:
        self._server = server
        self._run = HttpRun(server, run_id, {})
        self._vector_type = vector_type

    def write(self, page: MappedPage) -> PageReceipt:
        """Sends a page once; a page that had arrived already is the same again."""
        memories = memory_batch(page.memories, self._vector_type)
        letters = {
            stage: [asdict(letter) for letter in page.dead_letters if letter.stage == stage]
            for stage in STAGES
        }
        edges = edge_batch(page.edges)
        body = pack_page(WirePage(memories, edges, receipt_for(page, memories, edges), letters))
        path = page_path(self._run.id, page.page_id)
        answer = self._server.request("PUT", path, content=body, headers={"Content-Type": ARROW})
        return receipt_of(self._server.document(answer))

    def check_edges(self) -> EdgeCheck:
        """Counts the run's edges and orphans by origin."""
        from engram_store.edges_check import edge_check_of

        return edge_check_of(self._server.ask("POST", f"{run_path(self._run.id)}/check_edges"))

    def save_finding(self, name: str, finding: object) -> None:
        """Keeps what a check found beside the run, as JSON."""
        self._run.save_finding(name, finding)
