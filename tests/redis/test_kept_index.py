"""The index of a dump file that an earlier command kept, and when it does not hold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from demo import cache
from io_connectors.redis import dump, kept_index
from io_connectors.redis.dump import DumpChoices, DumpKeyspace
from io_connectors.redis.kept_index import KeptIndex
from io_connectors.redis.keyspace import Selection
from io_connectors.redis.rdb import Index, index_file
from tests.redis.conftest import MADE_AT

_KEYS = 100
_NAME = "dump-index.json"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dump of some hundred keys, for which an index would be kept."""
    monkeypatch.setattr(kept_index, "_LEAST_BYTES", 0)
    path = tmp_path / "dump.rdb"
    cache.build(path, products=50, made_at=MADE_AT)
    monkeypatch.setattr(kept_index, "_SETTLED_SECONDS", -60)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "run"
    made.mkdir()
    return made


def test_kept_index_is_the_same_and_spares_the_pass(
    file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _opened(file, folder)
    plan = first.plan({}, anew=False)
    monkeypatch.setattr(dump, "index_file", _must_not_be_called)
    second = _opened(file, folder)
    assert second.index == first.index
    assert second.plan(plan.boundaries, anew=False).pages == plan.pages


def test_index_of_a_file_that_was_touched_does_not_hold(file: Path, folder: Path) -> None:
    _keep(file, folder)
    before = file.stat()
    file.write_bytes(file.read_bytes())
    # Dates of change of contents can be set, those of inodes cannot.
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert KeptIndex(file, _KEYS, folder).load() is None


def test_index_of_another_file_in_its_place_does_not_hold(file: Path, folder: Path, tmp_path: Path) -> None:
    _keep(file, folder)
    other = tmp_path / "other.rdb"
    other.write_bytes(file.read_bytes())
    other.replace(file)
    assert KeptIndex(file, _KEYS, folder).load() is None


def test_index_with_other_spans_does_not_hold(file: Path, folder: Path) -> None:
    _keep(file, folder)
    assert KeptIndex(file, _KEYS + 1, folder).load() is None


@pytest.mark.parametrize("content", ["", "null", "[]", "{}", '{"facts": 7}', "\0"])
def test_what_is_no_index_is_made_anew(content: str, file: Path, folder: Path) -> None:
    index = _keep(file, folder)
    (folder / _NAME).write_text(content)
    assert _opened(file, folder).index == index


def test_index_without_its_spans_is_made_anew(file: Path, folder: Path) -> None:
    index = _keep(file, folder)
    kept = folder / _NAME
    kept.write_text(kept.read_text().replace('"spans"', '"other"'))
    assert _opened(file, folder).index == index


def test_nothing_is_kept_without_a_folder(file: Path, tmp_path: Path) -> None:
    for folder in (None, tmp_path / "run"):
        _opened(file, folder).plan({}, anew=False)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_small_file_is_indexed_each_time(file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_index, "_LEAST_BYTES", file.stat().st_size + 1)
    _opened(file, folder).plan({}, anew=False)
    assert not (folder / _NAME).exists()


def test_file_that_changed_a_moment_ago_is_not_trusted(
    file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_index, "_SETTLED_SECONDS", 3)
    os.utime(file)
    _opened(file, folder).plan({}, anew=False)
    assert not (folder / _NAME).exists()


def test_file_that_changes_meanwhile_is_not_trusted(file: Path, folder: Path) -> None:
    keyspace = _opened(file, folder)
    os.utime(file)
    keyspace.plan({}, anew=False)
    assert not (folder / _NAME).exists()


def test_index_of_a_damaged_file_is_not_kept(file: Path, folder: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])
    _opened(file, folder, salvage=True).plan({}, anew=False)
    assert not (folder / _NAME).exists()


def _opened(file: Path, folder: Path | None, *, salvage: bool = False) -> DumpKeyspace:
    return dump.open_dump(file, DumpChoices(Selection(None), _KEYS, salvage=salvage), folder)


def _keep(file: Path, folder: Path) -> Index:
    index = index_file(file, span_keys=_KEYS)
    KeptIndex(file, _KEYS, folder).save(index)
    assert KeptIndex(file, _KEYS, folder).load() == index
    return index


def _must_not_be_called(*_: object, **__: object) -> Index:
    raise AssertionError("the file was read from end to end")
