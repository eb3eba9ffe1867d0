"""``make demo``: a shop in a real PostgreSQL and its cache in a dump of Redis, migrated and asked."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

from demo import cache, server, shop

TARGET = Path("demo-data")
RUN = "demo"
QUESTION = "customers who like a garden chair"
SPACES = "session:*:sessions,leaderboard:*:leaderboard"


def main(arguments: list[str] | None = None) -> int:
    """Runs the demo; the exit code is that of the first command that failed."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--customers", type=int, default=shop.DEFAULT_CUSTOMERS, help="size of the shop")
    options = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="engram-demo-"))
    try:
        with server.running(folder / "pg") as dsn:
            _say("A PostgreSQL server from a Python package, with a small shop in it:")
            _build(dsn, options.customers)
            code = _migrate(dsn)
        code = code or _ask() or _migrate_cache(folder / "shop.rdb")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    code = code or _ask_cache()
    if not code:
        _say_goodbye()
    return code


def _build(dsn: str, customers: int) -> None:
    with psycopg.connect(dsn) as connection:
        for table, count in shop.build(connection, customers).items():
            _say(f"  {table:<14}{count:>8,} rows")


def _migrate(dsn: str) -> int:
    # The same demo again starts anew instead of resuming the finished run.
    shutil.rmtree(TARGET, ignore_errors=True)
    return _run(
        "python", "-m", "pipelines.postgresql", "--source", dsn, "--target", f"./{TARGET}", "--run", RUN
    )


def _ask() -> int:
    _say("\nThe database is gone; the memories stay. What do they recall?")
    code = _run("engram-migrate", "recall", QUESTION, "--space", "customers", "--target", f"./{TARGET}")
    return code or _run("engram-migrate", "edges", "orders", "orders_8", "--target", f"./{TARGET}")


def _migrate_cache(dump: Path) -> int:
    _say("\nThe shop's cache, as a dump file of Redis that is made here; no server is needed:")
    _say(f"  {cache.build(dump):,} keys")
    flags = ["--ttl-as-decay", "--zset-members-as-memories", "--key-to-space", SPACES]
    return _run(
        "python", "-m", "pipelines.redis", "--use-rdb", str(dump), *flags, "--target", f"./{TARGET}",
        *("--run", f"{RUN}-redis"),
    )  # fmt: skip


def _ask_cache() -> int:
    _say("\nA session decays by the time that it had left; members of the leaderboard have their ranks.")
    code = _run("engram-migrate", "get", "sessions", "redis_session:8", "--target", f"./{TARGET}")
    question = "folding garden chair bestsellers"
    return code or _run(
        "engram-migrate", "recall", question, "--space", "leaderboard", "--target", f"./{TARGET}"
    )


def _say_goodbye() -> None:
    _say(f"\nThe report:  {TARGET / 'runs' / RUN / 'report.html'}")
    _say("Your own:    README.md, `A first migration`")


def _run(program: str, *arguments: str) -> int:
    here = Path(sys.executable).with_name(program)
    shown = os.path.relpath(here) if here.is_relative_to(Path.cwd()) else program
    _say(f"\n$ {shlex.join([shown, *arguments])}")
    return subprocess.run([here, *arguments], check=False).returncode


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
