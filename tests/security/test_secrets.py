"""A password is nowhere but where it must be: in no process list, log, report, store or graph."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import apache_beam as beam
import psutil
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipelines import postgresql
from tests.pipelines.command import start
from tests.servers.postgres import DebianPostgres

ROWS = "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT n FROM generate_series(1, 2000) n"


@pytest.fixture(scope="module")
def dsn(debian_postgres: DebianPostgres) -> str:
    return debian_postgres.create_database("secrets", ROWS)


def test_password_of_the_environment_is_seen_nowhere(
    debian_postgres: DebianPostgres, dsn: str, tmp_path: Path
) -> None:
    password = debian_postgres.passwords["postgres"]
    address = dsn.replace(f":{password}@", "@")
    assert password not in address
    flags = ("--source", address, "--batch-size", "20", "--parallel-workers", "2", "--log-level", "debug")
    environment = {"ENGRAM_MIGRATE_SOURCE_PASSWORD": password}
    running = start("pipelines.postgresql", *flags, "--target", str(tmp_path / "s"), environment=environment)
    lines: set[str] = set()
    with ThreadPoolExecutor(1) as pool:
        # What it prints has to be read meanwhile: it says more than a pipe holds.
        ending = pool.submit(running.end)
        while not ending.done():
            lines |= command_lines(running.family)
            time.sleep(0.02)
    ended = ending.result()
    ended.succeeded()
    assert any("pipelines.worker" in line for line in lines)
    assert not any(password in line for line in lines)
    assert password not in ended.out + ended.err
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or password.encode() not in file.read_bytes(), file


def command_lines(process: psutil.Process) -> set[str]:
    """The command lines of a process and of those it started, as far as they still run."""
    lines = set()
    with suppress(psutil.NoSuchProcess):
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                lines.add(" ".join(one.cmdline()))
    return lines


def test_graph_carries_a_reference_only(
    debian_postgres: DebianPostgres, dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs: list[bytes] = []
    run = FnApiRunner.run_pipeline

    def spy(runner: FnApiRunner, pipeline: beam.Pipeline, options: PipelineOptions) -> object:
        graphs.append(pipeline.to_runner_api().SerializeToString())
        return run(runner, pipeline, options)

    monkeypatch.setattr(FnApiRunner, "run_pipeline", spy)
    password = debian_postgres.passwords["postgres"]
    assert password in dsn
    flags = ["--source", dsn, "--target", str(tmp_path / "s"), "--parallel-workers", "1"]
    assert postgresql.main(flags) == 0
    # One that migrates, and one that reads samples again.
    whole = b"".join(map(unpacked, graphs))
    assert len(whole) > 1000 and b"ENGRAM_MIGRATE_PASSWORD_" in whole
    assert password.encode() not in whole


def unpacked(graph: bytes) -> bytes:
    """The graph with the parts that Beam compresses in the clear beside it."""
    import base64
    import bz2
    import re
    import zlib

    parts = [graph]
    for found in re.findall(rb"[A-Za-z0-9+/=]{40,}", graph):
        for opened in (bz2.decompress, zlib.decompress):
            try:
                parts.append(opened(base64.b64decode(found)))
            except (OSError, ValueError, zlib.error):
                continue
    return b"\n".join(parts)
