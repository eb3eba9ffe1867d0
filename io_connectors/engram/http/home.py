"""A server's store as a home of runs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

from engram_store.errors import ConfigurationError
from io_connectors.engram.http.client import BASE, Server
from io_connectors.engram.http.hold import TOKEN, Hold
from io_connectors.engram.http.reader import HttpReader
from io_connectors.engram.http.run import HttpRun, run_path
from io_connectors.engram.http.target import CAPABILITIES, HttpTargetSpec
from io_connectors.secrets import SecretRef

if TYPE_CHECKING:
    from engram_store.edges_check import EdgeCheck
    from engram_store.finalize import FinalizeResult

#: What our server says that it is, and the version of its extensions that this client speaks.
_SERVER = "engram-migrate"
_API = 1


class HttpHome:
    """A server, as a launcher and the verbs see it.

    Attributes:
        address: How ``--target`` named it.
    """

    capabilities = CAPABILITIES

    def __init__(self, server: Server) -> None:
        self.address = server.url
        self._server = server
        self._token = uuid4().hex
        self._headers = {TOKEN: self._token}

    @classmethod
    def open(cls, server: Server) -> HttpHome:
        """Finds out which server answers, and opens it.

        Raises:
            ConfigurationError: Another server answers.
            TargetTransientError: No server answers.
        """
        answer = server.find(BASE)
        identity = None if answer is None else server.document(answer)
        if not isinstance(identity, dict) or identity.get("server") != _SERVER:
            raise ConfigurationError(
                f"the server at `{server.url}` is not one of Engram Migrate",
                why="it does not say so at `/api/v1/engram`",
                suggestion="name a store's folder, or start a server for it",
                example="engram-migrate serve ./engram-data",
            )
        if identity.get("api") != _API:
            raise ConfigurationError(
                f"the server at `{server.url}` speaks version {identity.get('api')} of the interface,"
                f" and this program version {_API}",
                suggestion="use the same release on both sides",
                example="pip install --upgrade engram-migrate",
            )
        return cls(server)

    def lock(self) -> AbstractContextManager[None]:
        """Keeps other migrations from writing, as long as the block and its process last."""
        return Hold(self._server, self._token).held()

    def runs(self) -> list[str]:
        """The names of the runs, by name."""
        return list(self._server.ask("GET", f"{BASE}/runs")["runs"])

    def run(self, run_id: str) -> HttpRun:
        """A run.

        Raises:
            ConfigurationError: There is none of that name.
        """
        self._server.ask("GET", run_path(run_id))
        return HttpRun(self._server, run_id, self._headers)

    def create_run(self, run_id: str, manifest: Mapping[str, Any]) -> HttpRun:
        """Makes a new run."""
        self._server.ask("PUT", run_path(run_id), json=dict(manifest), headers=self._headers)
        return HttpRun(self._server, run_id, self._headers)

    def undo(self, run_id: str) -> FinalizeResult:
        """Removes a run and finalizes again, so that what it had replaced is back."""
        self.run(run_id)
        # That it is not there now means that an earlier try took it back, and its answer was lost.
        answer = self._server.find(run_path(run_id), method="DELETE", headers=self._headers)
        if answer is not None:
            self._server.document(answer)
        return self.finalize()

    def finalize(self) -> FinalizeResult:
        """Makes of the committed pages of all runs what readers see; at once if nothing has changed."""
        from engram_store.finalize import FinalizeResult

        return FinalizeResult(**self._server.ask("POST", f"{BASE}/finalize", headers=self._headers))

    def check_edges(self, run_id: str) -> EdgeCheck:
        """Counts a run's edges and orphans by origin."""
        return self.target(run_id, "float16").open().check_edges()

    def read_back(self) -> None:
        """Nothing: the reader gives what the server has."""

    def reader(self) -> AbstractContextManager[HttpReader]:
        """A reader of what was last finalized."""
        return nullcontext(HttpReader(self._server))

    def free_bytes(self) -> int:
        """Bytes that are free on the server's disk."""
        return int(self._server.ask("GET", f"{BASE}/disk")["free_bytes"])

    def target(self, run_id: str, vector_type: str) -> HttpTargetSpec:
        """The run's place as a worker opens it."""
        return HttpTargetSpec(self._server, run_id, vector_type)


def server_at(url: str, key: SecretRef | None) -> Server:
    """The server at an address.

    Raises:
        ConfigurationError: It is no address of a server.
    """
    parts = urlsplit(url)
    try:
        sound = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:
        sound = False
    if not sound or parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError(
            f"`{parts.scheme}://…{parts.path}` is no address of a server",
            why="it must be a scheme, a host and a port, and hold no key",
            suggestion="give the key by ENGRAM_MIGRATE_TARGET_KEY or --target-key-file",
            example="--target http://127.0.0.1:7432",
        )
    return Server(url.rstrip("/"), key)
