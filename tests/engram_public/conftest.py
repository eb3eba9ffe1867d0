from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engram_double.double import EngramDouble


@pytest.fixture
def double() -> Iterator[EngramDouble]:
    with EngramDouble() as double:
        yield double
