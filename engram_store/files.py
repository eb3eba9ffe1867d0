"""Writing files so that a reader sees all of a file or nothing of it."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, unquote
from uuid import uuid4

from engram_store.errors import ConfigurationError, TargetTerminalError

#: Nothing whose name starts so is part of the store; it is left by a process that was killed.
TEMPORARY = ".tmp-"

#: What the system says where there is no room.
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_LONGEST_NAME = 230


def disk_full(path: Path, cause: object) -> TargetTerminalError:
    """The error for a disk that has no room left for ``path``."""
    return TargetTerminalError(
        f"The disk is full: `{path}` could not be written.",
        why=str(cause),
        suggestion="Free some space (or lift the quota), then give the same command again: it goes on.",
        example=f"df -h {path.parent}; df -i {path.parent}",
    )


def not_writable(path: Path, cause: object) -> TargetTerminalError:
    """The error for a place where this user may not write."""
    return TargetTerminalError(
        f"`{path}` may not be written.",
        why=str(cause),
        suggestion="Give this user the right to write there, or choose another folder with `--target`.",
        example=f"ls -ld {path.parent}",
    )


def _folder_gone(folder: Path, cause: object) -> TargetTerminalError:
    return TargetTerminalError(
        f"The folder `{folder}` is no longer there.",
        why=f"It was removed, or its disk was taken away: {cause}",
        suggestion="Put it back and give the same command again; without it, that begins anew.",
        example=f"ls -ld {folder.parent}",
    )


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns a full or forbidden disk into a `TargetTerminalError` that names ``path``."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise disk_full(path, error) from error
        if error.errno in _FORBIDDEN:
            raise not_writable(path, error) from error
        if not path.parent.is_dir():
            raise _folder_gone(path.parent, error) from error
        raise


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Turns DuckDB's and SQLite's complaints about the disk into a `TargetTerminalError`."""
    import duckdb

    try:
        with disk_errors(path):
            yield
    except (duckdb.IOException, duckdb.OutOfMemoryException, sqlite3.OperationalError) as error:
        raise disk_full(path, error) if _says_full(str(error)) else _database_failed(path, error) from error


def _says_full(text: str) -> bool:
    return any(sign in text for sign in ("is full", "No space left", "File too large", "max_temp_directory"))


def _database_failed(path: Path, error: Exception) -> TargetTerminalError:
    return TargetTerminalError(
        f"The database in `{path}` could not be written or read.",
        why=str(error),
        suggestion="Look at the disk and at the memory; then give the same command again: it starts afresh.",
        example=f"df -h {path.parent}",
    )


def sync(path: Path, *, cached: bool = True) -> None:
    """Waits until a file, or a folder's list of names, is on the disk.

    Args:
        path: The file or folder.
        cached: Whether it may stay in the system's memory; see ``drop_from_cache``.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        if not cached:
            drop_from_cache(descriptor)
    finally:
        os.close(descriptor)


def drop_from_cache(descriptor: int) -> None:
    """Gives back the memory in which the system keeps an open file, once it is on the disk.

    What is written once and read once or twice would push the pages of the database that is being read
    out of the memory; and where the system has to find new memory for each file, writing takes longer.
    """
    if hasattr(os, "posix_fadvise"):
        # Only advice: a file system that takes none keeps the file as well.
        with suppress(OSError):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


@contextmanager
def replacing(path: Path, *, cached: bool = True) -> Iterator[Path]:
    """Gives a temporary path to write; it becomes ``path``, durably, when the block ends well.

    Args:
        path: The file.
        cached: As ``sync`` has it.

    Raises:
        TargetTerminalError: The disk is full or may not be written; ``path`` is as it was.
    """
    temporary = path.with_name(f"{TEMPORARY}{uuid4().hex}")
    with disk_errors(path):
        try:
            yield temporary
            sync(temporary, cached=cached)
            os.replace(temporary, path)
            sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Replaces a file, as ``replacing`` does."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def remove_file(path: Path) -> None:
    """Removes a file if it is there, durably."""
    if path.exists():
        path.unlink()
        sync(path.parent)


def make_folder(path: Path) -> None:
    """Makes a folder and its parents, durably."""
    if path.is_dir():
        return
    make_folder(path.parent)
    with disk_errors(path):
        path.mkdir(exist_ok=True)
        sync(path.parent)


def remove_temporaries(folder: Path) -> None:
    """Removes what killed processes left half-written in a folder."""
    for left in folder.glob(f"{TEMPORARY}*"):
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink(missing_ok=True)


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """A folder for work in progress; whatever is still in it at the end is removed."""
    folder = parent / f"{TEMPORARY}{uuid4().hex}"
    make_folder(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def file_name(name: str) -> str:
    """A page's name as a file name: one to one, whatever characters it holds.

    Raises:
        ConfigurationError: The name is empty or too long for a file.
    """
    quoted = quote(name, safe=" +,=@()")
    if quoted.startswith("."):
        quoted = f"%2E{quoted[1:]}"
    if not 0 < len(quoted) <= _LONGEST_NAME:
        raise ConfigurationError(
            f"`{name[:80]}` cannot name a page.",
            why=f"As a file name it has {len(quoted)} characters; 1 to {_LONGEST_NAME} are possible.",
            suggestion="Give the page a shorter name.",
        )
    return quoted


def page_name(stem: str) -> str:
    """The page's name back from ``file_name``."""
    return unquote(stem)


def page_of(file: str, *suffixes: str) -> str | None:
    """The page that a file belongs to; None of one that is half-written, or of another kind."""
    for suffix in suffixes:
        if file.endswith(suffix) and not file.startswith("."):
            return page_name(file.removesuffix(suffix))
    return None
