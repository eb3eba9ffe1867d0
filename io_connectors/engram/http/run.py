"""One run in a server's store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

import pyarrow as pa

from engram_store.errors import ConfigurationError
from engram_store.model import PageReceipt
from engram_store.moments import unix_seconds
from engram_store.wire import receipt_of, unpack_batch
from io_connectors.engram.http.client import BASE, Server, segment

#: Receipts that are asked for at once.
_AT_ONCE = 1_000


class HttpRun:
    """A run, as a launcher and the verbs see it.

    Args:
        server: The server.
        run_id: The run's name.
        headers: What shows the server that the holder asks.
    """

    def __init__(self, server: Server, run_id: str, headers: Mapping[str, str]) -> None:
        self.id = run_id
        self._server = server
        self._path = run_path(run_id)
        self._headers = headers

    @property
    def manifest(self) -> dict[str, Any]:
        """What the launcher saved about this run."""
        manifest: dict[str, Any] = self._server.ask("GET", self._path)
        return manifest

    @property
    def started_at(self) -> float:
        """When the run started, in Unix seconds: the instant for which its activations hold."""
        return unix_seconds(self.manifest["started_at"])

    @property
    def model(self) -> str:
        """The embedding model that made the run's vectors."""
        return str(self.manifest.get("model", ""))

    def save_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Replaces the manifest."""
        self._change("PUT", "manifest", dict(manifest))

    def page_ids(self) -> set[str]:
        """The acknowledged pages."""
        return set(self._server.ask("GET", f"{self._path}/pages")["acknowledged"])

    def committed_page_ids(self) -> set[str]:
        """The pages that count for readers."""
        return set(self._server.ask("GET", f"{self._path}/pages")["committed"])

    def planned_page_ids(self) -> set[str]:
        """The acknowledged pages of the attempt that is under way, or was the last."""
        return set(self._server.ask("GET", f"{self._path}/pages")["planned"])

    def plan_pages(self, page_ids: Iterable[str]) -> None:
        """Says of which pages this attempt will consist, before it writes any."""
        self._change("PUT", "plan", sorted(page_ids))

    def commit_pages(self, page_ids: Iterable[str]) -> None:
        """Says that these pages, all of them acknowledged, are the run from now on."""
        self._change("PUT", "commit", sorted(page_ids))

    def keep_only(self, page_ids: Set[str]) -> None:
        """Removes what does not belong to these pages."""
        self._change("POST", "keep_only", sorted(page_ids))

    def receipts(self, page_ids: Iterable[str] | None = None) -> Iterator[PageReceipt]:
        """The receipts of all acknowledged pages, or of some, by page id."""
        names = sorted(self.page_ids() if page_ids is None else page_ids)
        for start in range(0, len(names), _AT_ONCE):
            part = names[start : start + _AT_ONCE]
            found = self._server.ask("POST", f"{self._path}/receipts", json=part)
            yield from map(receipt_of, found["receipts"])

    def memories(self, page_id: str, columns: Sequence[str] | None = None) -> pa.RecordBatch:
        """A page's memories as they are kept, all columns or some."""
        return self._page(page_id, "memories", columns)

    def edges(self, page_id: str, columns: Sequence[str] | None = None) -> pa.RecordBatch:
        """A page's edges as they are kept, checked or not, all columns or some."""
        return self._page(page_id, "edges", columns)

    def _page(self, page_id: str, part: str, columns: Sequence[str] | None) -> pa.RecordBatch:
        params = {"part": part, **({"columns": ",".join(columns)} if columns else {})}
        answer = self._server.find(page_path(self.id, page_id), params=params)
        if answer is None:
            raise ConfigurationError(f"there is no page `{page_id}` in run `{self.id}`")
        return unpack_batch(answer.content)

    def dead_letters(self) -> Iterator[dict[str, Any]]:
        """All refused records, by stage and page."""
        return self._server.lines(f"{self._path}/dead_letters")

    def save_finding(self, name: str, finding: object) -> None:
        """Keeps what was found out about the run, as JSON."""
        self._change("PUT", f"{segment(name)}.json", finding)

    def finding(self, name: str) -> Any:
        """What ``save_finding`` kept, or None."""
        answer = self._server.find(f"{self._path}/{segment(name)}.json")
        return None if answer is None else self._server.document(answer)

    def drop_orphans(self) -> None:
        """Forgets the list of orphan edges."""
        self._server.ask("DELETE", f"{self._path}/orphans", headers=self._headers)

    def place(self, name: str) -> str:
        """Where a person finds a part of the run, such as ``report.json``."""
        return f"{self._server.url}{self._path}/{name}"

    def _change(self, method: str, name: str, document: object) -> None:
        self._server.ask(method, f"{self._path}/{name}", json=document, headers=self._headers)


def run_path(run_id: str) -> str:
    """The path of a run."""
    return f"{BASE}/runs/{segment(run_id)}"


def page_path(run_id: str, page_id: str) -> str:
    """The path of a page."""
    return f"{run_path(run_id)}/pages/{segment(page_id)}"
