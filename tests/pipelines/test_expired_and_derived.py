"""Records that had expired, and memories beyond one a record: neither is taken for a loss, or hides one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from io_connectors.pages import SourcePage
from io_connectors.planned_pages import PlannedPage, PlannedPages, ReadPlannedPages
from io_connectors.redis.rows import HASH, STRING, ZSET, HashField, KeyRow
from pipelines.migration import Migration
from pipelines.planned import PlannedSource
from pipelines.read_and_map import ReadAndMap
from pipelines.report import Report
from pipelines.run_state import RunKey, open_run
from pipelines.settings.model import Settings
from transforms.mapping.keyspace_choices import KEYS, KeyspaceChoices, KeyspaceMapping
from transforms.mapping.keyspace_parts import HAS_FIELD, HAS_MEMBER, NEXT_RANKED
from transforms.mapping.redis import SYSTEM, MapRedis

ROWS = (
    KeyRow(0, b"greeting", STRING, b"Hello", None),
    KeyRow(0, b"over", STRING, b"gone", 1_000),
    KeyRow(0, b"user:1", HASH, [HashField(b"name", b"Ann", None), HashField(b"city", b"Paris", None)], None),
    KeyRow(0, b"board", ZSET, [(b"ann", 1.0), (b"bob", 2.0), (b"cy", 4.0)], None),
    KeyRow(0, b"large", STRING, b"x" * 1_000, None),
)
CHOICES = KeyspaceChoices(
    hash_fields_as_memories=True, zset_members_as_memories=True, ttl_as_decay=True, content_limit=500
)


class Keys:
    """Reads the keys above."""

    def read(self, page_id: str, place: None) -> SourcePage:
        return SourcePage(page_id, KEYS, ROWS)

    def close(self) -> None:
        """Nothing is open."""


def source(counted: int) -> PlannedSource:
    """The keys above, of which the source says how many there are."""

    def read(page_ids: Sequence[str]) -> ReadAndMap:
        pages = [PlannedPage(page_id, counted, None) for page_id in page_ids]
        mapping = KeyspaceMapping(CHOICES, 2_000)
        return ReadAndMap(ReadPlannedPages(PlannedPages(pages, Keys, {})), MapRedis(mapping))

    return PlannedSource(
        system=SYSTEM,
        shown="redis://test",
        snapshot="",
        page_rows={"keys-0": counted},
        page_tables={"keys-0": KEYS},
        tables={KEYS: ""},
        spaces=("redis",),
        references={},
        not_followed=(),
        bytes=0,
        read=read,
        added_edges=frozenset((HAS_FIELD, HAS_MEMBER, NEXT_RANKED)),
    )


def migrated(target: Path, counted: int) -> Report:
    settings = Settings(target=str(target), parallel_workers=1)
    key = RunKey(SYSTEM, "redis://test", CHOICES.digests(), "lexical", settings.vector_type)
    with open_run(settings, key, "redis://test", ("redis",)) as (store, run):
        return Migration(settings, (), store, run, source(counted)).go()


def test_all_keys_are_accounted_for(tmp_path: Path) -> None:
    report = migrated(tmp_path / "store", len(ROWS))
    assert [check.name for check in report.checks if not check.passed] == []
    counts = report.tables[KEYS]
    assert (counts.source, counts.written, counts.dead_letters, counts.expired) == (5, 3, 1, 1)
    assert (report.spaces, report.expired) == ({"redis": 8}, 1)
    lines = "\n".join(report.lines())
    assert "  1 records had expired and were left out" in lines
    assert "or is a dead letter: 5 in the source, 3 written, 1 refused, 1 expired" in lines
    assert {origin: edges.written for origin, edges in report.edges.items()} == {
        HAS_FIELD: 2,
        HAS_MEMBER: 3,
        NEXT_RANKED: 2,
    }
    saved = json.loads((tmp_path / "store" / "runs" / report.run / "report.json").read_text())
    assert (saved["expired"], saved["tables"][KEYS]["expired"]) == (1, 1)


@pytest.mark.parametrize("counted", [4, 6, 10])
def test_parts_and_expired_keys_hide_no_loss(tmp_path: Path, counted: int) -> None:
    report = migrated(tmp_path / "store", counted)
    assert [check.name for check in report.checks if not check.passed] == [
        "every record arrived, or is a dead letter"
    ]


def test_a_report_without_expired_keys_says_nothing_of_them(tmp_path: Path) -> None:
    report = replace(migrated(tmp_path / "store", len(ROWS)), expired=0)
    assert "had expired" not in "\n".join(report.lines())
