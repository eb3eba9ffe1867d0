"""A small disk of its own, which a test fills and makes room on again."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


class SmallDisk:
    """A mounted disk in memory.

    Args:
        folder: Where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    @classmethod
    @contextmanager
    def mounted(cls, folder: Path, options: str) -> Iterator[SmallDisk]:
        """A disk for the length of the block; a skip where it cannot be mounted.

        Args:
            folder: Is made.
            options: ``size=300m``, for example.
        """
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
        if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("only root can mount a small disk")
        try:
            yield cls(folder)
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=False)

    def fill(self) -> None:
        """Takes all the room there is, to the last byte."""
        with suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(self.folder).free)
        with suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            while file.write(bytes(4096)):
                pass

    def fill_names(self) -> None:
        """Makes as many files as there can be."""
        self._ballast.mkdir()
        with suppress(OSError):
            for number in range(10_000_000):
                (self._ballast / str(number)).touch()

    def make_room(self) -> None:
        """Gives the room back."""
        if self._ballast.is_dir():
            shutil.rmtree(self._ballast)
        else:
            self._ballast.unlink(missing_ok=True)

    def read_only(self, on: bool) -> None:
        """Mounts it anew, so that nobody can write to it, or everybody again."""
        how = "remount,ro" if on else "remount,rw"
        subprocess.run(["mount", "-o", how, str(self.folder)], check=True)
