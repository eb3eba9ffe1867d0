"""The embedded store as a home of runs: a store, with what only a launcher asks for."""

from __future__ import annotations

import shutil

from engram_store.store import Store
from io_connectors.engram.targets import EmbeddedTarget, EmbeddedTargetSpec


class EmbeddedHome(Store):
    """A store on a local disk, as a launcher and the verbs see it.

    Attributes:
        address: How ``--target`` named it.
    """

    address = ""
    capabilities = EmbeddedTarget.capabilities

    def read_back(self) -> None:
        """Nothing: the reader gives what the store has."""

    def free_bytes(self) -> int:
        """Bytes that are free on the store's disk."""
        return shutil.disk_usage(self.path).free

    def target(self, run_id: str, vector_type: str) -> EmbeddedTargetSpec:
        """The run's place as a worker opens it; every worker must see the folder."""
        return EmbeddedTargetSpec(str(self.path), run_id, vector_type)
