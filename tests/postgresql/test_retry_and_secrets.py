"""The one retry policy, and secrets by reference."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from engram_store.errors import ConfigurationError, SourceError, SourceTransientError, TargetTransientError
from io_connectors.retry import RetryPolicy, retrying
from io_connectors.secrets import SecretRef


class Failing:
    """A call that fails with the given errors, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.waits: list[float] = []

    def __call__(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    def run(self, policy: RetryPolicy) -> str:
        return retrying(self, policy, self.waits.append)


def test_transient_errors_are_tried_again_with_growing_waits() -> None:
    call = Failing(*(SourceTransientError(str(n)) for n in range(4)))
    assert call.run(RetryPolicy(attempts=5, first_wait=1, longest_wait=3)) == "done"
    for wait, plain in zip(call.waits, (1, 2, 3, 3), strict=True):
        assert 0.75 * plain <= wait <= 1.25 * plain


def test_policy_is_used_up() -> None:
    call = Failing(*(SourceTransientError(str(n)) for n in range(4)))
    with pytest.raises(SourceTransientError, match="2"):
        call.run(RetryPolicy(attempts=3))
    assert len(call.waits) == 2


def test_final_errors_are_not_tried_again() -> None:
    call = Failing(SourceError("refused"))
    with pytest.raises(SourceError):
        call.run(RetryPolicy())
    assert call.waits == []


def test_time_that_the_target_names_costs_no_try() -> None:
    call = Failing(*(TargetTransientError("busy", retry_after=7.0) for _ in range(9)))
    assert call.run(RetryPolicy(attempts=2)) == "done"
    assert call.waits == [7.0] * 9


def test_secret_is_found_by_reference(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ENGRAM_MIGRATE_X", "before")
    kept = SecretRef.keep("X", "hush")
    file = tmp_path / "secret"
    file.write_text("hush\n")
    for reference in (kept, SecretRef(path=str(file))):
        assert reference.resolve() == "hush"
        assert b"hush" not in pickle.dumps(reference)
        assert "hush" not in repr(reference)


@pytest.mark.parametrize("reference", [SecretRef(variable="ENGRAM_MIGRATE_NONE"), SecretRef(path="/no/such")])
def test_missing_secret(reference: SecretRef) -> None:
    with pytest.raises(ConfigurationError) as missing:
        reference.resolve()
    assert missing.value.suggestion
