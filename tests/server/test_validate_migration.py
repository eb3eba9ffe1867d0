"""The script that validates a migration into a server, in five steps with exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from demo import cache
from engram_store.store import Store
from tests.docs.markdown import REPOSITORY
from tests.engram_double.double import EngramDouble
from tests.pipelines.command import Ended
from tests.server.serving import Serving
from tests.servers.ports import free_port

SCRIPT = REPOSITORY / "scripts" / "validate_migration.sh"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``engram-migrate`` of this tree."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "engram-migrate"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pipelines "$@"\n')
    program.chmod(0o755)
    return folder


def run(programs: Path, *arguments: str) -> Ended:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ENGRAM")},
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "no_proxy": "127.0.0.1",
    }
    done = subprocess.run(
        [str(SCRIPT), *arguments], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.mark.slow
def test_a_migration_passes_and_a_spoilt_one_does_not(programs: Path, tmp_path: Path) -> None:
    from pipelines.__main__ import main

    dump, store = tmp_path / "shop.rdb", tmp_path / "store"
    cache.build(dump, products=20)
    flags = ("--use-rdb", str(dump), "--target", str(store), "--parallel-workers", "1")
    assert main(["redis", *flags]) == 0
    with Serving(store) as server:
        passed = run(programs, "redis", str(dump), server.url, "redis")
        nowhere = run(programs, "redis", str(dump), server.url, "nowhere")
    assert passed.code == 0, passed
    for step in ("1/5 counts: passed", "3/5 edges: passed", "4/5 embeddings: passed"):
        assert step in passed.out
    assert "✓ samples are as the source has them" in passed.out
    assert "✓ look-ups take at most twice the source's time" in passed.out
    assert nowhere.code == 6 and "1/5 counts: FAILED" in nowhere.out

    (page,) = (store / "runs").glob("*/memories/*.parquet")
    with Store.open(store).reader() as reader:
        assert reader.spaces()
    data = bytearray(page.read_bytes())
    data[len(data) // 2] ^= 0x40
    page.write_bytes(data)
    with Serving(store) as server:
        spoilt = run(programs, "redis", str(dump), server.url, "redis")
    assert spoilt.code == 6 and "✗ " in spoilt.out, spoilt


@pytest.mark.parametrize("arguments", [(), ("redis",), ("mysql", "x", "http://127.0.0.1:1", "s")])
def test_wrong_usage(programs: Path, arguments: tuple[str, ...]) -> None:
    ended = run(programs, *arguments)
    assert ended.code == 2 and ended.err.startswith("usage: ")


def test_a_server_that_is_not_there(programs: Path) -> None:
    assert run(programs, "redis", "x", f"http://127.0.0.1:{free_port()}", "redis").code == 4


@pytest.mark.slow
def test_of_the_public_server_every_memory_is_read_back(programs: Path, tmp_path: Path) -> None:
    from pipelines.__main__ import main

    dump, staging = tmp_path / "shop.rdb", ("--staging", str(tmp_path / "staging"))
    cache.build(dump, products=20)
    with EngramDouble() as double:
        flags = ("--use-rdb", str(dump), "--target", double.url, "--parallel-workers", "1")
        assert main(["redis", *flags, *staging, "--on-absorbed", "disambiguate"]) == 0
        passed = run(programs, "redis", str(dump), double.url, "redis", *staging)
        double.spaces["redis"].memories.pop("redis_product:3")
        spoilt = run(programs, "redis", str(dump), double.url, "redis", *staging)
    assert passed.code == 0, passed
    assert "1/5 counts: passed" in passed.out
    assert "✓ every memory was read back from the Engram server" in passed.out
    assert spoilt.code == 6 and "lost: redis/redis_product:3" in spoilt.out
