"""Claims: never two holders at once; what a dead process left is taken over, a live one's is not."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from engram_store.errors import TargetTransientError
from io_connectors.engram.objects import lock
from io_connectors.engram.objects.bucket import Bucket
from io_connectors.engram.objects.location import Location
from io_connectors.engram.objects.lock import Claim


@pytest.fixture
def bucket(bucket_url: str) -> Bucket:
    return Bucket(Location.parse(bucket_url))


def claimed(bucket: Bucket, **changes: Any) -> None:
    """Puts a claim of another's."""
    claim = {"process": os.getpid(), "host": "elsewhere", "machine": "another one", "since": "noon"}
    bucket.put("locks/other.json", orjson.dumps({**claim, **changes}))


def test_one_at_a_time(bucket: Bucket) -> None:
    first, second = Claim(bucket), Claim(bucket)
    with first.held():
        with pytest.raises(TargetTransientError, match=f"in use by process {os.getpid()} on"), second.held():
            pass
        first.require()
    with second.held():
        pass
    assert bucket.objects("locks") == {}


def test_of_many_at_once_never_two_hold(bucket: Bucket) -> None:
    holding, most = 0, 0
    guard = threading.Lock()

    def claim() -> None:
        nonlocal holding, most
        for _ in range(4):
            try:
                with Claim(bucket).held():
                    with guard:
                        holding, most = holding + 1, max(most, holding + 1)
                    time.sleep(0.05)
                    with guard:
                        holding -= 1
            except TargetTransientError:
                continue

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most <= 1
    assert bucket.objects("locks") == {}


def test_another_machine_is_believed_for_a_minute(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed(bucket)
    refused: Callable[[], object] = Claim(bucket).held().__enter__
    with pytest.raises(TargetTransientError, match="on elsewhere since noon"):
        refused()
    monkeypatch.setattr(lock, "_COUNTS", 1.0)
    time.sleep(2.1)
    with Claim(bucket).held():
        assert "locks/other.json" not in bucket.objects("locks")


def test_a_process_of_this_machine_that_is_gone_is_not_waited_for(bucket: Bucket) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    claimed(bucket, process=gone.pid, machine=lock._machine())
    with Claim(bucket).held():
        pass


@pytest.mark.parametrize("found", [b"", b"\xff", b"[]", b"{}"])
def test_a_claim_that_cannot_be_read_counts(bucket: Bucket, found: bytes) -> None:
    bucket.put("locks/other.json", found)
    with pytest.raises(TargetTransientError, match="process unknown"), Claim(bucket).held():
        pass


def test_a_holder_whose_claim_was_taken_away_does_not_publish(bucket: Bucket) -> None:
    claim = Claim(bucket)
    with claim.held():
        bucket.remove(bucket.objects("locks"))
        with pytest.raises(TargetTransientError, match="is gone"):
            claim.require()
