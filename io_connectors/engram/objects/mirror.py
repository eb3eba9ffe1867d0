"""A folder that has the objects of a store as files, and is never believed over them.

A file is an object's copy if it has its size and its time of writing; whatever differs is fetched again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from engram_store import files
from engram_store.errors import ConfigurationError, TargetTransientError
from io_connectors.engram.objects.bucket import Bucket, Facts

#: Says of which store a folder is the mirror.
_OF = "MIRROR_OF"


class Mirror:
    """The copy of a store on this machine.

    Args:
        bucket: The store.
        folder: The folder, which is made if it is not there.

    Raises:
        ConfigurationError: The folder is something else.
    """

    def __init__(self, bucket: Bucket, folder: Path) -> None:
        self.bucket = bucket
        self.folder = folder.absolute()
        self._claim()

    def pull(self, folder: str, wanted: Callable[[str], bool] = lambda name: True) -> dict[str, Facts]:
        """Brings the files below a folder up to date.

        Returns:
            The objects that are wanted.
        """
        found = {name: facts for name, facts in self.bucket.objects(folder).items() if wanted(name)}
        self._take(found)
        return found

    def drop_others(self, folder: str, found: Mapping[str, Facts]) -> None:
        """Removes the files below a folder that are copies of no object."""
        for path in (self.folder / folder).rglob("*"):
            ours = path.name.startswith(files.TEMPORARY)
            if path.is_file() and not ours and path.relative_to(self.folder).as_posix() not in found:
                path.unlink()

    def refresh(self, *names: str) -> None:
        """Brings some files up to date; those without an object are removed."""
        found = self.bucket.facts(names)
        self._take(found)
        for name in set(names) - found.keys():
            files.remove_file(self.folder / name)

    def push(self, name: str) -> None:
        """Makes an object of a file, unless it is one already."""
        path = self.folder / name
        facts = self.bucket.facts([name]).get(name)
        if facts is None or not _same(path, facts):
            _stamp(path, self.bucket.send(path, name))

    def remove(self, names: Iterable[str]) -> None:
        """Removes objects and their copies."""
        names = list(names)
        self.bucket.remove(names)
        for name in names:
            (self.folder / name).unlink(missing_ok=True)

    def _take(self, found: Mapping[str, Facts]) -> None:
        old = [name for name, facts in found.items() if not _same(self.folder / name, facts)]
        for parent in {(self.folder / name).parent for name in old}:
            files.make_folder(parent)
        self.bucket.at_once(lambda name: self._fetch(name, found[name]), old)

    def _fetch(self, name: str, facts: Facts) -> None:
        path = self.folder / name
        try:
            with files.replacing(path) as temporary:
                self.bucket.fetch(name, temporary)
                size = temporary.stat().st_size
                if size != facts.size:
                    raise _changed(self.bucket.shown, name, f"{size} bytes came, {facts.size} were listed")
                _stamp(temporary, facts)
        except FileNotFoundError as error:
            raise _changed(self.bucket.shown, name, "it was listed, and is gone") from error

    def _claim(self) -> None:
        mark, of = self.folder / _OF, self.bucket.shown
        if not mark.exists() and not (self.folder.exists() and any(self.folder.iterdir())):
            files.make_folder(self.folder)
            files.write_bytes(mark, of.encode())
        if not mark.exists() or mark.read_text() != of:
            raise ConfigurationError(
                f"`{self.folder}` is no mirror of `{of}`",
                why=f"it mirrors `{mark.read_text()}`" if mark.exists() else "it holds something else",
                suggestion="name an empty or new folder",
                example="--staging ./engram-staging/another",
            )


def _same(path: Path, facts: Facts) -> bool:
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    return (found.st_size, found.st_mtime_ns) == (facts.size, facts.written)


def _stamp(path: Path, facts: Facts) -> None:
    os.utime(path, ns=(facts.written, facts.written))


def _changed(shown: str, name: str, why: str) -> TargetTransientError:
    return TargetTransientError(
        f"`{shown}/{name}` changed while it was read",
        why=why,
        suggestion="see that nothing else writes there, and give the same command again",
    )
