"""Object storage as a home of runs: the bucket is the store, and a folder mirrors it for what needs files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from engram_store import files
from engram_store.errors import ConfigurationError, IntegrityError
from engram_store.reader import Reader
from engram_store.serving import CURRENT
from engram_store.store import FORMAT
from io_connectors.engram.embedded import EmbeddedHome
from io_connectors.engram.objects.bucket import Bucket
from io_connectors.engram.objects.lock import Claim
from io_connectors.engram.objects.mirror import Mirror
from io_connectors.engram.objects.run import ObjectRun
from io_connectors.engram.objects.target import CAPABILITIES, ObjectTargetSpec

if TYPE_CHECKING:
    from engram_store.edges_check import EdgeCheck
    from engram_store.finalize import FinalizeResult

_MARKER = "STORE.json"
#: An object here says that a run is taken back, until all of its objects are gone.
_UNDONE = "undone"
_GENERATION = re.compile(r"[0-9a-f]{1,64}")


class ObjectHome:
    """A store in object storage, as a launcher and the verbs see it.

    Args:
        mirror: The mirror of the store.

    Attributes:
        address: How ``--target`` named it.
    """

    capabilities = CAPABILITIES

    def __init__(self, mirror: Mirror) -> None:
        self.address = mirror.bucket.location.url
        self._mirror = mirror
        self._bucket = mirror.bucket
        self._local = EmbeddedHome.open(mirror.folder)
        self._claim = Claim(self._bucket)
        self._depth = 0

    @classmethod
    def open(cls, bucket: Bucket, folder: Path, *, create: bool = False) -> ObjectHome:
        """Opens a store and its mirror.

        Args:
            bucket: The store.
            folder: The mirror's folder, which is made if it is not there.
            create: Make the store if nothing is below the prefix.

        Raises:
            ConfigurationError: There is no store, or one of a newer format.
        """
        if bucket.read(_MARKER) is None:
            empty = bucket.is_empty()
            if not (create and empty):
                raise ConfigurationError(
                    f"`{bucket.shown}` is no Engram store",
                    why="nothing is there" if empty else "there are other objects, and no `STORE.json`",
                    suggestion="give the address of a store, or of an empty prefix for a new one",
                    example="--target s3://bucket/prefix",
                )
            bucket.put(_MARKER, orjson.dumps({"format": FORMAT}))
        mirror = Mirror(bucket, folder)
        mirror.refresh(_MARKER)
        return cls(mirror)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps other migrations from writing, as long as the block and its process last; may be nested."""
        if self._depth:
            yield
            return
        with self._local.lock(), self._claim.held():
            self._depth += 1
            try:
                self._sweep()
                yield
            finally:
                self._depth -= 1

    def runs(self) -> list[str]:
        """The names of the runs, by name."""
        names = set(self._bucket.folders("runs")) - {
            Path(name).name for name in self._bucket.objects(_UNDONE)
        }
        manifests = {f"runs/{name}/MANIFEST.json" for name in names}
        known = {f"runs/{name}/MANIFEST.json" for name in self._local.runs()}
        self._mirror.refresh(*sorted(manifests))
        for name in known - manifests:
            files.remove_file(self._mirror.folder / name)
        return self._local.runs()

    def run(self, run_id: str) -> ObjectRun:
        """A run.

        Raises:
            ConfigurationError: There is none of that name.
        """
        self.runs()
        return ObjectRun(self._mirror, self._local.run(run_id).id)

    def create_run(self, run_id: str, manifest: Mapping[str, Any]) -> ObjectRun:
        """Makes a new run.

        Raises:
            ConfigurationError: The name is taken or impossible.
        """
        self.runs()
        run = ObjectRun(self._mirror, self._local.create_run(run_id, manifest).id)
        self._mirror.push(f"runs/{run.id}/MANIFEST.json")
        return run

    def undo(self, run_id: str) -> FinalizeResult:
        """Removes a run and finalizes again; it is gone from the moment at which it is marked."""
        with self.lock():
            run = self.run(run_id)
            self._bucket.put(f"{_UNDONE}/{run.id}", b"")
            self._sweep()
            return self.finalize()

    def finalize(self) -> FinalizeResult:
        """Finalizes in the mirror, puts the generation, and ``CURRENT`` last of all.

        Raises:
            IntegrityError: An id stands twice within one run, or a page is damaged.
            TargetTransientError: Another migration writes to the store, or the storage is not to be had.
        """
        with self.lock():
            self._mirror.drop_others("runs", self._mirror.pull("runs"))
            result = self._local.finalize()
            published = self._publish(result.generation)
        # What was built before a kill is new to readers all the same.
        return replace(result, rebuilt=result.rebuilt or published)

    def check_edges(self, run_id: str) -> EdgeCheck:
        """Counts a run's edges and orphans by origin, in the mirror."""
        self._mirror.drop_others("runs", self._mirror.pull("runs"))
        found = self._local.check_edges(run_id)
        self._mirror.push(f"runs/{run_id}/orphans.parquet")
        return found

    def read_back(self) -> None:
        """Nothing: the mirror has what the bucket has."""

    def reader(self) -> Reader:
        """A reader of what was last finalized, in the mirror.

        Raises:
            TargetTerminalError: Nothing was finalized yet.
            IntegrityError: ``CURRENT`` or what it names is damaged.
        """
        self._mirror.pull("runs")
        self._pull_generation()
        return self._local.reader()

    def free_bytes(self) -> int:
        """Bytes that are free on the mirror's disk; the bucket has no such number."""
        return self._local.free_bytes()

    def target(self, run_id: str, vector_type: str) -> ObjectTargetSpec:
        """The run's place as a worker opens it."""
        return ObjectTargetSpec(self._bucket.location, run_id, vector_type)

    def _sweep(self) -> None:
        for mark in self._bucket.objects(_UNDONE):
            self._bucket.remove_folder(f"runs/{Path(mark).name}")
            self._bucket.remove([mark])

    def _publish(self, generation: str) -> bool:
        """Makes readers see a generation; says whether they saw another one before."""
        folder = f"serving/{generation}"
        for path in sorted((self._mirror.folder / folder).iterdir()):
            self._mirror.push(f"{folder}/{path.name}")
        published = self._bucket.read(CURRENT) != generation.encode()
        if published:
            self._claim.require()
            self._mirror.push(CURRENT)
        for other in self._bucket.folders("serving"):
            if other != generation:
                self._bucket.remove_folder(f"serving/{other}")
        return published

    def _pull_generation(self) -> None:
        self._mirror.refresh(CURRENT)
        path = self._mirror.folder / CURRENT
        if not path.exists():
            return
        generation = path.read_bytes().decode(errors="replace")
        if not _GENERATION.fullmatch(generation) or not self._mirror.pull(f"serving/{generation}"):
            raise IntegrityError(
                f"`{self._bucket.shown}/{CURRENT}` names no generation that is there",
                why=f"it says `{generation[:80]}`",
                suggestion="build it again from the pages",
                example=f"engram-migrate finalize --target '{self.address}'",
            )
