"""Every sample, with any number of workers and any page size, is in the store as it is known to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.command import migration, start
from tests.pipelines.stored import Stored, only_run, report, stored
from tests.servers.samples import SAMPLE_NAMES, SampleDatabases

Migrated = Callable[[str, int, int], Path]

#: In pages of seven rows it takes a minute and a half.
_LARGEST = "pagila"


def _cases() -> list[object]:
    cases = [(name, workers, 1000) for name in SAMPLE_NAMES for workers in (1, 2, 4)]
    cases += [(name, 2, 7) for name in SAMPLE_NAMES if name != _LARGEST]
    cases += [("torture", workers, rows) for workers in (1, 2, 4) for rows in (1, 7)]
    cases += [(name, 1, 1) for name in ("northwind", "iso3166")]
    everything = [(name, workers, rows) for name in SAMPLE_NAMES for workers in (1, 2, 4) for rows in (1, 7)]
    chosen = dict.fromkeys(cases)
    rest = [case for case in everything if case not in chosen]
    return [*chosen, *(pytest.param(*case, marks=pytest.mark.exhaustive) for case in rest)]


@pytest.fixture(scope="module")
def migrated(sample_database: SampleDatabases, tmp_path_factory: pytest.TempPathFactory) -> Migrated:
    @cache
    def target(name: str, workers: int, rows: int) -> Path:
        folder = tmp_path_factory.mktemp(name) / "store"
        flags = ("--parallel-workers", str(workers), "--batch-size", str(rows), "--on-orphan", "quarantine")
        # In pages of one row, of which each is a file, the larger samples take many minutes.
        ended = start(*migration(sample_database(name), folder, *flags)).end(3600 if rows == 1 else 600)
        ended.succeeded()
        return folder

    return target


@pytest.fixture(scope="module")
def expected(migrated: Migrated) -> Callable[[str], Stored]:
    return cache(lambda name: stored(migrated(name, 1, 1000)))


@pytest.mark.parametrize(("name", "workers", "rows"), _cases())
def test_store_holds_what_is_known_of_the_sample(
    migrated: Migrated,
    expected: Callable[[str], Stored],
    sample_database: SampleDatabases,
    name: str,
    workers: int,
    rows: int,
) -> None:
    target = migrated(name, workers, rows)
    found, truth = stored(target), sample_database.truth[name]
    assert found.kinds == _rows(truth)
    assert found.origins == _edges(truth)
    assert found.types == _edges_by_type(truth)
    assert _quarantined(target) == _orphans(truth)
    assert found.differences(expected(name)) == []
    _check_report(report(target), truth)


def _check_report(document: dict[str, Any], truth: dict[str, Any]) -> None:
    rows = {table: count["written"] for table, count in document["tables"].items()}
    assert {table: n for table, n in rows.items() if n} == _rows(truth)
    edges = document["edges"]
    assert {origin: edge["written"] - edge["orphans"] for origin, edge in edges.items()} == {
        _origin(key): key["expected_edges"] for key in truth["foreign_keys"]
    }
    assert {origin: edge["orphans"] for origin, edge in edges.items() if edge["orphans"]} == _orphans(truth)
    assert document["valid"] and document["dead_letters"] == 0


def _rows(truth: dict[str, Any]) -> Counter[str]:
    """Rows by table; those of partitions are their root's."""
    tables = truth["tables"].items()
    return Counter(
        {
            name: table["rows_only"]
            for name, table in tables
            if not table["is_partition"] and table["rows_only"]
        }
    )


def _edges(truth: dict[str, Any]) -> dict[str, int]:
    return {_origin(key): key["expected_edges"] for key in truth["foreign_keys"] if key["expected_edges"]}


def _edges_by_type(truth: dict[str, Any]) -> Counter[str]:
    edges: Counter[str] = Counter()
    for key in truth["foreign_keys"]:
        edges[key["name"]] += key["expected_edges"]
    return +edges


def _orphans(truth: dict[str, Any]) -> dict[str, int]:
    return {_origin(key): key["orphans"] for key in truth["foreign_keys"] if key["orphans"]}


def _origin(key: dict[str, Any]) -> str:
    return f"{key['child']}.{key['name']}"


def _quarantined(target: Path) -> dict[str, int]:
    from pyarrow.parquet import read_table

    path = only_run(target).orphans_path
    return dict(Counter(read_table(path)["origin"].to_pylist())) if path.exists() else {}
