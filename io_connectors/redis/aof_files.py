"""Append-only files as they lie on disk: a folder with a manifest, or one file as before Redis 7."""

from __future__ import annotations

import hashlib
import mmap
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engram_store.errors import SourceError

_LINE = re.compile(r"file (?P<name>.+) seq (?P<seq>\d+) type (?P<type>[bhi])\b.*")
_HISTORY = "h"

#: ``#TS:`` and Unix seconds, which servers write between commands if they are told to.
_TIMESTAMP = re.compile(rb"(?<![^\n])#TS:(\d{1,12})\r\n")


@dataclass(frozen=True, slots=True)
class AppendOnly:
    """The files that together are an append-only file.

    Attributes:
        path: What the user named: the folder or the file.
        files: All that count, in the order in which they are replayed; the first may be a dump.
    """

    path: Path
    files: tuple[Path, ...]

    @property
    def identity(self) -> str:
        """What tells this source from others."""
        return f"aof:{self.path}"

    @property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.stat().st_size for file in self.files)

    @property
    def dump_bytes(self) -> int:
        """Bytes of the dump that the files begin with; 0 if they begin with commands."""
        first = self.files[0]
        with reading(self.path), first.open("rb") as opened:
            is_dump = opened.read(6).startswith((b"REDIS", b"VALKEY"))
        return first.stat().st_size if is_dump else 0

    def digest(self) -> str:
        """What tells these files' contents from others.

        Raises:
            SourceError: One cannot be read.
        """
        digest = hashlib.blake2b(digest_size=16)
        with reading(self.path):
            for file in self.files:
                digest.update(b"%d:" % file.stat().st_size)
                with file.open("rb") as opened:
                    while part := opened.read(1024 * 1024):
                        digest.update(part)
        return digest.hexdigest()

    def last_written(self) -> tuple[int, bool]:
        """When the last command was written, in milliseconds since 1970.

        Returns:
            The time, and whether the file itself tells it; otherwise it is its date of change.
        """
        with reading(self.path):
            told = next(filter(None, map(_last_timestamp, reversed(self.files))), None)
            changed = max(file.stat().st_mtime_ns for file in self.files) // 1_000_000
        return (changed, False) if told is None else (told * 1000, True)


def find_append_only(path: Path) -> AppendOnly:
    """The append-only file that a path means.

    Args:
        path: The folder with the manifest, the folder around it, the manifest, or a single file.

    Raises:
        SourceError: There is none, or not all of it.
    """
    path = Path(os.path.abspath(path))
    with reading(path):
        if path.is_dir():
            return _of_manifest(path, _manifest_in(path))
        if path.suffix == ".manifest":
            return _of_manifest(path, path)
        with path.open("rb"):
            pass
        listing = next((file for file in path.parent.glob("*.manifest") if path in _listed(file)), None)
    if listing is not None:
        raise SourceError(
            f"`{path}` is only a part of an append-only file",
            why=f"`{listing.name}` lists it with others that are replayed together",
            suggestion="name the folder",
            example=f"--use-aof {path.parent}",
        )
    return AppendOnly(path, (path,))


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns the system's errors in a block into errors of the tree."""
    try:
        yield
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"`{path}` cannot be read",
            why=f"{error.filename or path}: {error.strerror}" if isinstance(error, OSError) else str(error),
            suggestion="name an append-only file, or the folder of one, that this user may read",
            example=f"ls -l {path}",
        ) from error


def _manifest_in(folder: Path) -> Path:
    found = [*folder.glob("*.manifest")] or [*folder.glob("*/*.manifest")]
    if len(found) == 1:
        return found[0]
    raise SourceError(
        f"`{folder}` has {'no' if not found else 'more than one'} manifest of append-only files",
        why="since Redis 7 a file that ends in .manifest says which files belong together"
        if not found
        else f"there are {', '.join(file.name for file in sorted(found)[:5])}",
        suggestion="name the folder that CONFIG GET appenddirname tells, or a single file",
        example=f"--use-aof {folder / 'appendonlydir'}",
    )


def _of_manifest(path: Path, manifest: Path) -> AppendOnly:
    files = _listed(manifest)
    missing = [file.name for file in files if not file.exists()]
    if missing or not files:
        raise SourceError(
            f"`{path}` is not a whole append-only file",
            why=f"`{manifest.name}` lists {', '.join(missing) or 'nothing'}"
            + (", which is not there" if missing else ""),
            suggestion="copy the whole folder while the server is stopped, or between two rewrites",
            example=f"ls -l {manifest.parent}",
        )
    return AppendOnly(path, files)


def _listed(manifest: Path) -> tuple[Path, ...]:
    """The files of a manifest that are replayed: its base, then its increments by number."""
    lines = [_LINE.fullmatch(line) for line in manifest.read_text().splitlines()]
    entries = [(found["type"] == "i", int(found["seq"]), found["name"]) for found in lines if found]
    kept = [
        entry for entry, found in zip(entries, filter(None, lines), strict=True) if found["type"] != _HISTORY
    ]
    return tuple(manifest.parent / _unquoted(name) for _, _, name in sorted(kept))


def _last_timestamp(file: Path) -> int | None:
    """The last time that a file tells, in seconds since 1970."""
    if not file.stat().st_size:
        return None
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = len(data)
        while (at := data.rfind(b"#TS:", 0, at)) >= 0:
            # A lookbehind sees what stands in front of the position.
            if found := _TIMESTAMP.match(data, at):
                return int(found[1])
    return None


def _unquoted(name: str) -> str:
    return shlex.split(name)[0] if name.startswith('"') else name
