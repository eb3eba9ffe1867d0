"""The embedded store: a folder that holds runs, and the read index built from them."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from typing_extensions import Self

from engram_store import files
from engram_store.errors import ConfigurationError
from engram_store.lock import exclusive
from engram_store.reader import Reader
from engram_store.run import Run

if TYPE_CHECKING:
    from engram_store.edges_check import EdgeCheck
    from engram_store.finalize import FinalizeResult

FORMAT = 1
_RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Store:
    """An Engram store on a local disk; open it with ``Store.open``.

    Attributes:
        path: The store's folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock_depth = 0

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, create: bool = False) -> Self:
        """Opens a store; nothing is locked.

        Args:
            path: The store's folder.
            create: Make the store if the folder is empty or not there.

        Raises:
            ConfigurationError: There is no store, or one of a newer format.
            TargetTerminalError: The folder may not be written or the disk is full.
        """
        store = cls(Path(path).absolute())
        if create and not store._marker.exists():
            store._create()
        store._check_format()
        return store

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps other processes from writing; ``with store.lock(): ...`` may be nested.

        Raises:
            TargetTransientError: Another process writes to the store (named by its id).
            TargetTerminalError: The store may not be written.
        """
        if self._lock_depth:
            with self._deeper():
                yield
        else:
            with exclusive(self.path / "LOCK"), self._deeper():
                yield

    def create_run(self, run_id: str, manifest: Mapping[str, Any]) -> Run:
        """Makes a new run.

        Args:
            run_id: Letters, digits, ``.``, ``_``, ``-``; at most 100.
            manifest: Kept as JSON. ``started_at`` (RFC 3339 or Unix seconds; now, after all other runs,
                if it is not given) orders the runs and is the instant of their activations; ``model`` names
                the embedding model.

        Raises:
            ConfigurationError: The name is taken or impossible.
            TargetTerminalError: The store may not be written or the disk is full.
        """
        if not _RUN_NAME.fullmatch(run_id):
            raise ConfigurationError(
                f"`{run_id}` cannot name a run.",
                why="A run's name is a folder: letters, digits, `.`, `_` and `-`, at most 100.",
                suggestion="Choose another name.",
                example="2025-06-01-shop",
            )
        run = Run(self._runs / run_id)
        if run.exists():
            raise ConfigurationError(
                f"Run `{run_id}` is already in `{self.path}`.",
                why="Two runs cannot share a name.",
                suggestion="Resume that run, undo it, or choose another name.",
            )
        return run.create({"started_at": self._start_of_next(), **manifest})

    def run(self, run_id: str) -> Run:
        """A run of this store.

        Raises:
            ConfigurationError: There is none of that name.
        """
        run = Run(self._runs / run_id)
        if not (_RUN_NAME.fullmatch(run_id) and run.exists()):
            known = ", ".join(f"`{name}`" for name in self.runs()) or "none"
            raise ConfigurationError(
                f"There is no run `{run_id}` in `{self.path}`.",
                why=f"The runs there are: {known}.",
                suggestion="Give one of these names.",
            )
        return run

    def runs(self) -> list[str]:
        """The names of the runs, by name."""
        found = (Run(path) for path in sorted(self._runs.glob("[!.]*")))
        return [run.id for run in found if run.exists()]

    def undo(self, run_id: str) -> FinalizeResult:
        """Removes a run and finalizes again, so that what it had replaced is back.

        The run is gone from the moment at which its folder is renamed. Killed after that, the
        next ``finalize`` brings the read index up to date.

        Raises:
            ConfigurationError: There is no such run.
            TargetTransientError: Another process writes to the store.
        """
        with self.lock(), files.disk_errors(self._runs):
            self.run(run_id).remove()
            return self.finalize()

    def finalize(self) -> FinalizeResult:
        """Commits the runs: checks, joins and publishes all pages as what readers see.

        Of an id that several runs wrote, the newest run's record counts; edges are committed
        only where both ends are there. At once if nothing has changed; killed at any point,
        what was served before goes on being served.

        Raises:
            IntegrityError: An id stands twice within one run, or a page is damaged.
            TargetTransientError: Another process writes to the store.
            TargetTerminalError: The disk is full.
        """
        from engram_store.finalize import finalize

        with self.lock():
            files.remove_temporaries(self._runs)
            return finalize(self.path, self._all_runs())

    def check_edges(self, run_id: str) -> EdgeCheck:
        """Counts a run's edges and orphans by origin; all orphans go to its ``orphans.parquet``.

        An edge is an orphan unless both ends are among the memories of any run of the store.

        Raises:
            ConfigurationError: There is no such run.
            IntegrityError: A page is damaged.
            TargetTerminalError: The disk is full.
        """
        from engram_store.catalogue import catalogue, oldest_first
        from engram_store.edges_check import check_edges

        pages = list(catalogue(oldest_first(self._all_runs()), under_way=run_id))
        return check_edges(self.run(run_id), pages)

    def reader(self) -> Reader:
        """A reader of what was last finalized.

        Raises:
            TargetTerminalError: Nothing was finalized yet.
        """
        return Reader(self.path)

    def _create(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise ConfigurationError(f"`{self.path}` is a file.", why="A store is a folder.")
        if self.path.is_dir() and any(
            not left.name.startswith(files.TEMPORARY) for left in self.path.iterdir()
        ):
            raise self._no_store("The folder holds other files and no `STORE.json`.")
        files.make_folder(self.path)
        files.write_bytes(self._marker, orjson.dumps({"format": FORMAT}))

    def _check_format(self) -> None:
        try:
            found = orjson.loads(self._marker.read_bytes())["format"]
        except FileNotFoundError:
            raise self._no_store("There is no `STORE.json` in it.") from None
        except (KeyError, TypeError, ValueError) as error:
            raise self._no_store(f"Its `STORE.json` cannot be read: {error}.") from error
        if found > FORMAT:
            raise ConfigurationError(
                f"The store `{self.path}` has format {found}; this version knows up to {FORMAT}.",
                why="It was written by a newer Engram Migrate.",
                suggestion="Update Engram Migrate.",
                example="pip install --upgrade engram-migrate",
            )

    def _no_store(self, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"`{self.path}` is not an Engram store.",
            why=why,
            suggestion="Give the folder of a store, or an empty or new folder for a new one.",
            example="--target ./engram-data",
        )

    def _start_of_next(self) -> str:
        """Now; or just after the newest run, which must stay the older one if the clock was set back."""
        newest = max((run.started_at for run in self._all_runs()), default=0.0)
        return datetime.fromtimestamp(max(time.time(), newest + 0.001), timezone.utc).isoformat()

    def _all_runs(self) -> list[Run]:
        return [self.run(name) for name in self.runs()]

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._lock_depth += 1
        try:
            yield
        finally:
            self._lock_depth -= 1

    @property
    def _marker(self) -> Path:
        return self.path / "STORE.json"

    @property
    def _runs(self) -> Path:
        return self.path / "runs"
