"""Times to live end to end: from a second to ten years, by the dump's clock and by ours."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from demo.rdb_writer import Dump, string
from tests.pipelines.stored import report
from tests.redis.conftest import MADE_AT
from tests.redis.migrations import found, in_process

SECONDS = [1, 10, 60, 600, 3_600, 36_000, 86_400, 864_000, 8_640_000, 86_400_000, 315_360_000]
#: Allowed by the contract: share of the true rate.
ERROR = 0.05
DEFAULT = 0.01


def _dump(path: Path, made_at: int | None, clock: float) -> Path:
    """A dump with a key for each time to live after the clock, one that stays and one that is over."""
    dump = Dump(b"REDIS0011")
    if made_at is not None:
        dump.aux(b"ctime", b"%d" % made_at)
    dump.select(0)
    for seconds in SECONDS:
        dump.key(0, b"ttl:%d" % seconds, string(b"x"), int((clock + seconds) * 1000))
    dump.key(0, b"stays", string(b"x"))
    dump.key(0, b"over", string(b"x"), int(clock * 1000))
    path.write_bytes(dump.finish())
    return path


def _rates(target: Path) -> dict[str, float]:
    return {name.removeprefix("redis_"): memory.decay_rate for name, memory in found(target).items()}


def test_decay_is_one_over_the_hours_left_by_the_dumps_clock(tmp_path: Path, target: Path) -> None:
    file = _dump(tmp_path / "dump.rdb", MADE_AT, MADE_AT)
    assert in_process("--use-rdb", file, "--target", target, "--ttl-as-decay") == 0
    rates = _rates(target)
    assert rates.pop("stays") == pytest.approx(DEFAULT)
    assert rates == {f"ttl:{s}": pytest.approx(1 / (s / 3600), rel=ERROR) for s in SECONDS}
    assert rates == {f"ttl:{s}": pytest.approx(3600 / s, rel=1e-6) for s in SECONDS}
    assert report(target)["expired"] == 1


def test_decay_by_our_clock(tmp_path: Path, target: Path) -> None:
    begun = time.time()
    file = _dump(tmp_path / "dump.rdb", MADE_AT, begun)
    assert in_process("--use-rdb", file, "--target", target, "--ttl-as-decay", "--ttl-clock", "now") == 0
    rates = _rates(target)
    long = [s for s in SECONDS if s >= 600]
    assert {name: rates[name] for name in rates if name in {f"ttl:{s}" for s in long}} == {
        f"ttl:{s}": pytest.approx(3600 / s, rel=ERROR) for s in long
    }
    assert "over" not in rates


def test_without_the_flag_times_to_live_decide_only_what_is_over(tmp_path: Path, target: Path) -> None:
    file = _dump(tmp_path / "dump.rdb", MADE_AT, MADE_AT)
    assert in_process("--use-rdb", file, "--target", target) == 0
    assert list(_rates(target).values()) == [pytest.approx(DEFAULT)] * (len(SECONDS) + 1)


def test_file_without_a_clock_is_dated_by_its_change_and_says_so(
    tmp_path: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _dump(tmp_path / "dump.rdb", None, MADE_AT)
    os.utime(file, (MADE_AT, MADE_AT))
    assert in_process("--use-rdb", file, "--target", target, "--ttl-as-decay") == 0
    assert "does not tell when it was made" in capsys.readouterr().out
    assert _rates(target)["ttl:3600"] == pytest.approx(1.0)


def test_resumed_run_counts_from_the_same_instant(tmp_path: Path, target: Path) -> None:
    file = _dump(tmp_path / "dump.rdb", MADE_AT, time.time())
    flags = ("--use-rdb", file, "--target", target, "--ttl-as-decay", "--ttl-clock", "now")
    assert in_process(*flags) == 0
    before = _rates(target)
    time.sleep(1.1)
    assert in_process(*flags) == 0
    assert _rates(target) == before
