"""``make demo``: a real PostgreSQL, a shop in it, its migration, and a question to the memories."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

from demo import server, shop

TARGET = Path("demo-data")
QUESTION = "customers who like a garden chair"


def main() -> int:
    """Runs the demo; the exit code is that of the first command that failed."""
    folder = Path(tempfile.mkdtemp(prefix="engram-demo-"))
    try:
        with server.running(folder / "pg") as dsn:
            _say("A PostgreSQL server from a Python package, with a small shop in it:")
            _build(dsn)
            return _migrate(dsn) or _recall()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _build(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        for table, count in shop.build(connection).items():
            _say(f"  {table:<14}{count:>8,} rows")


def _migrate(dsn: str) -> int:
    # The same demo again starts anew instead of resuming the finished run.
    shutil.rmtree(TARGET, ignore_errors=True)
    return _run(
        "python", "-m", "pipelines.postgresql", "--source", dsn, "--target", f"./{TARGET}", "--validate"
    )


def _recall() -> int:
    code = _run("engram-migrate", "recall", "--target", f"./{TARGET}", "--space", "customers", QUESTION)
    for report in sorted(TARGET.rglob("report.html")):
        _say(f"\nThe report: {report}")
    return code


def _run(program: str, *arguments: str) -> int:
    _say(f"\n$ {shlex.join([program, *arguments])}")
    here = Path(sys.executable).with_name(program)
    return subprocess.run([here, *arguments], check=False).returncode


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
