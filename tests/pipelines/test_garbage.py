"""How often Python looks for garbage in cycles: rarely while pages are read, and as before afterwards."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator

import pytest

from io_connectors.garbage import rare_collections

_FOUND = (701, 9, 8)


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*_FOUND)
    yield
    gc.set_threshold(*before)


def test_collections_are_rare_as_long_as_anything_is_read() -> None:
    first, second = rare_collections(), rare_collections()
    first.__enter__()
    assert gc.get_threshold()[0] > 100_000
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold()[0] > 100_000
    second.__exit__(None, None, None)
    assert gc.get_threshold() == _FOUND


def test_a_reader_that_fails_or_is_given_up_ends_it() -> None:
    with pytest.raises(ValueError), rare_collections():
        raise ValueError
    assert gc.get_threshold() == _FOUND
    pages = _pages()
    next(pages)
    assert gc.get_threshold() != _FOUND
    pages.close()
    assert gc.get_threshold() == _FOUND


def _pages() -> Generator[int, None, None]:
    with rare_collections():
        yield from range(3)
