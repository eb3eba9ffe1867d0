"""Little memory: refused before the first record, or ended clearly; afterwards the same command goes on."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from pipelines.address_space import NEEDED_BYTES
from tests.endurance.conftest import PAGE
from tests.pipelines.command import until
from tests.pipelines.stored import Stored, page_files, stored
from tests.redis.migrations import migrate, start_migration

pytestmark = pytest.mark.endurance

_CGROUPS = Path("/sys/fs/cgroup/memory")
_NEEDED = NEEDED_BYTES >> 20


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("megabytes", [600, 900, 1_500, _NEEDED - 1, _NEEDED, 2 * _NEEDED])
def test_address_space(
    dump: Path, undisturbed: Callable[[], Stored], target: Path, workers: str, megabytes: int
) -> None:
    flags = ("--use-rdb", dump, *PAGE, "--parallel-workers", workers)
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, before[1]))
    try:
        process = start_migration(target, *flags)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    ended = process.end(120)
    if megabytes < _NEEDED:
        ended.failed(8, "address space", "ulimit -v")
        assert not target.exists()
    else:
        ended.succeeded()
        assert stored(target).differences(undisturbed()) == []


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A cgroup for memory of a test's own."""
    if os.geteuid() or not (_CGROUPS / "memory.limit_in_bytes").exists():
        pytest.skip("only root can limit memory, and only by cgroups of version 1")
    folder = _CGROUPS / f"engram-test-{uuid4().hex[:8]}"
    folder.mkdir()
    yield folder
    until(lambda: not (folder / "cgroup.procs").read_text().strip())
    folder.rmdir()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_system_kills_for_want_of_memory(
    cgroup: Path, dump: Path, undisturbed: Callable[[], Stored], target: Path, workers: str
) -> None:
    """With two workers, one of them is the victim; with one, it is the command itself."""
    process = start_migration(target, "--use-rdb", dump, *PAGE, "--parallel-workers", workers)
    until(lambda: len(page_files(target)) > 10 or not process.running())
    victim = process.workers()[0] if workers == "2" else process.family
    (cgroup / "cgroup.procs").write_text(str(victim.pid))
    used = victim.memory_info().rss
    # What was used before is not counted here: only what is asked for from now on.
    (cgroup / "memory.limit_in_bytes").write_text(str(min(used, 256 << 10)))
    ended = process.end(120)
    if workers == "2":
        ended.failed(75, "a worker process ended", "for want of memory", "--parallel-workers")
    else:
        assert ended.code == -9
    migrate(target, "--use-rdb", dump, *PAGE).succeeded()
    assert stored(target).differences(undisturbed()) == []
