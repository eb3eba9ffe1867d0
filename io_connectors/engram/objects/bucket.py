"""The objects of a store: put, listed, fetched and removed, with the one retry policy."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
from pyarrow import fs

from engram_store.errors import IntegrityError, TargetTransientError
from io_connectors.engram.objects.faults import no_bucket, storage_errors
from io_connectors.engram.objects.location import Location
from io_connectors.retry import DEFAULT_POLICY, RetryPolicy, retrying

T = TypeVar("T")

#: Requests that are under way at once.
AT_ONCE = 16
#: Bytes of a large object that are in memory at once.
_PIECE = 1 << 22


@dataclass(frozen=True, slots=True)
class Facts:
    """What tells one state of an object from another, as the storage lists it.

    Attributes:
        size: In bytes.
        written: When it was put, by the storage's clock, in nanoseconds since 1970; S3 gives whole seconds.
    """

    size: int
    written: int


class Bucket:
    """A store's prefix in a bucket. Names are relative to it, with ``/`` between their parts.

    Args:
        location: Where it is.
        policy: How often each request is tried.

    Raises:
        ConfigurationError: There is no such bucket, or it is in another region.
        TargetTerminalError: The storage refuses access.
        TargetTransientError: The storage cannot be reached.
    """

    def __init__(self, location: Location, policy: RetryPolicy = DEFAULT_POLICY) -> None:
        self.location = location
        self._policy = policy
        self.shown = location.shown
        with storage_errors(self.shown):
            self._files, self._base = location.open()
        self._require()

    def facts(self, names: Iterable[str]) -> dict[str, Facts]:
        """The facts of those objects that are there."""
        names = list(names)
        paths = [self._path(name) for name in names]
        found = self._ask("", lambda: self._files.get_file_info(paths)) if paths else []
        return {name: _facts(info) for name, info in zip(names, found, strict=True) if info.is_file}

    def objects(self, folder: str) -> dict[str, Facts]:
        """All objects below a folder, by name.

        Raises:
            IntegrityError: An object has a name that no file of a store could have.
        """
        start = len(self._base) + 1
        found = self._select(folder, recursive=True)
        names = {info.path[start:]: _facts(info) for info in found if info.is_file}
        for name in names:
            if {"", ".", ".."} & set(name.split("/")):
                raise IntegrityError(
                    f"`{self.shown}` has an object of the name `{name}`",
                    why="no file of a store could be named so",
                    suggestion="remove the object",
                )
        return names

    def folders(self, folder: str) -> list[str]:
        """The names of the folders in a folder; of the whole store for ``""``."""
        return sorted(info.base_name for info in self._select(folder, recursive=False) if not info.is_file)

    def is_empty(self) -> bool:
        """Whether nothing is below the prefix."""
        return not self._select("", recursive=False)

    def read(self, name: str) -> bytes | None:
        """A small object, or None."""
        try:
            return self._ask(name, lambda: self._read(name))
        except FileNotFoundError:
            return None

    def fetch(self, name: str, path: Path) -> None:
        """Copies an object into a file.

        Raises:
            FileNotFoundError: It is not there.
        """
        self._ask(name, lambda: self._fetch(name, path))

    def put(self, name: str, data: bytes) -> None:
        """Makes or replaces a small object; readers see the old or the new one."""
        self._ask(name, lambda: self._put(name, data))

    def send(self, path: Path, name: str) -> Facts:
        """Makes or replaces an object from a file; readers see the old or the new one.

        Raises:
            TargetTransientError: The storage has not all of it.
        """
        return self._ask(name, lambda: self._send(path, name))

    def remove(self, names: Iterable[str]) -> None:
        """Removes those objects that are there."""
        self.at_once(lambda name: self._ask(name, lambda: self._remove(name)), names)

    def remove_folder(self, folder: str) -> None:
        """Removes a folder and all below it, if it is there."""
        with suppress(FileNotFoundError):
            self._ask(folder, lambda: self._files.delete_dir(self._path(folder)))

    def at_once(self, work: Callable[[str], object], names: Iterable[str]) -> None:
        """Does something with many objects, some at a time; the first error ends it."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in pool.map(work, names):
                pass

    def _require(self) -> None:
        # A list of what is in a bucket that is not there is empty, and no error.
        root = self._base.split("/", 1)[0]
        info = self._ask("", lambda: self._files.get_file_info(root))
        if info.type == fs.FileType.NotFound:
            raise no_bucket(self.shown, f"the storage knows no `{root}`")

    def _select(self, folder: str, *, recursive: bool) -> list[fs.FileInfo]:
        selector = fs.FileSelector(self._path(folder).rstrip("/"), recursive=recursive, allow_not_found=True)
        return list(self._ask(folder, lambda: self._files.get_file_info(selector)))

    def _read(self, name: str) -> bytes:
        with self._reading(name) as stream:
            return bytes(stream.read())

    def _fetch(self, name: str, path: Path) -> None:
        with self._reading(name) as stream, path.open("wb") as file:
            shutil.copyfileobj(stream, file, _PIECE)

    def _put(self, name: str, data: bytes) -> None:
        with self._writing(name) as stream:
            stream.write(data)

    def _send(self, path: Path, name: str) -> Facts:
        with path.open("rb") as file, self._writing(name) as stream:
            shutil.copyfileobj(file, stream, _PIECE)
        sent = self.facts([name]).get(name)
        if sent is None or sent.size != path.stat().st_size:
            raise TargetTransientError(
                f"`{self.shown}/{name}` is not what was sent",
                why=f"{path.stat().st_size} bytes were sent, the storage has {sent.size if sent else 'none'}",
                suggestion="see that nothing else writes there, and give the same command again",
            )
        return sent

    def _remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            self._files.delete_file(self._path(name))

    def _reading(self, name: str) -> pa.NativeFile:
        # Compressed files are objects as they are.
        return self._files.open_input_stream(self._path(name), compression=None)

    def _writing(self, name: str) -> pa.NativeFile:
        return self._files.open_output_stream(self._path(name), compression=None)

    def _ask(self, name: str, ask: Callable[[], T]) -> T:
        def asked() -> T:
            with storage_errors(self.shown, name):
                return ask()

        return retrying(asked, self._policy)

    def _path(self, name: str) -> str:
        return f"{self._base}/{name}"


def _facts(info: fs.FileInfo) -> Facts:
    return Facts(info.size, info.mtime_ns)
