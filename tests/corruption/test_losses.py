"""What is lost on the way from the source is named, and fails beyond ``--max-loss``."""

from __future__ import annotations

from pathlib import Path

import pytest

from io_connectors.engram.address import open_home
from pipelines.validation.checks import in_target
from pipelines.validation.evidence import gather
from tests.corruption.damage import index
from tests.corruption.made import RUN


@pytest.mark.parametrize(("max_loss", "passed"), [(0.01, True), (0.001, False), (0.0, False)])
def test_a_loss_is_named_even_where_it_is_allowed(store: Path, max_loss: float, passed: bool) -> None:
    """One of 160 users is lost, and the index counts as if it had never been there."""
    index(
        "DELETE FROM memory WHERE number = :m",
        "DELETE FROM memory_key WHERE number = :m",
        "UPDATE space SET memories = memories - 1 WHERE name = 'users'",
        "UPDATE page_space SET memories = memories - 1 WHERE first = :m - 5",
    )(store)
    home = open_home(str(store))
    with home.reader() as reader:
        evidence, _ = gather(home, home.run(RUN), reader, files=False, max_loss=max_loss)
    check = in_target(evidence)
    assert (check.passed, check.details) == (passed, ("users: 160 written, 159 in the target",))
