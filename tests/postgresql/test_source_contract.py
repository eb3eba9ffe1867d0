"""Beam's own contract tests, against a real server with a held snapshot."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.coders import BytesCoder
from apache_beam.io import iobase, source_test_utils
from apache_beam.io.source_test_utils import (
    assert_reentrant_reads_succeed,
    assert_sources_equal_reference_source,
    assert_split_at_fraction_exhaustive,
)
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given
from hypothesis import strategies as st

from io_connectors.planned_pages import PlannedPages
from io_connectors.postgresql.catalogue import Relation, Table, TableName
from io_connectors.postgresql.introspect import Selection
from io_connectors.postgresql.plan import PagePlan, Plan
from io_connectors.postgresql.reads import TableRead
from io_connectors.postgresql.session import PostgresAddress
from io_connectors.postgresql.source import Place, ReadFromPostgres, postgres_pages
from tests.beam_graph import graph_bytes
from tests.postgresql.planning import Planned, planned
from tests.servers.samples import SampleDatabases


class Comparable(iobase.BoundedSource):
    """Pages as bytes, which the contract tests can sort and compare."""

    def __init__(self, pages: PlannedPages[Place]) -> None:
        super().__init__()
        self._pages = pages

    def estimate_size(self) -> int:
        return self._pages.estimate_size()

    def get_range_tracker(self, start: int | None, stop: int | None) -> Any:
        return self._pages.get_range_tracker(start, stop)

    def split(self, size: int, start: int | None = None, stop: int | None = None) -> Iterator[Any]:
        for bundle in self._pages.split(size, start, stop):
            yield bundle._replace(source=Comparable(bundle.source))

    def read(self, tracker: Any) -> Iterator[bytes]:
        return (repr(page).encode() for page in self._pages.read(tracker))

    def default_output_coder(self) -> beam.coders.Coder:
        return BytesCoder()


@pytest.fixture(scope="module")
def pages(sample_database: SampleDatabases) -> Iterator[Planned]:
    selection = Selection(("app.city", "app.msg", "app.ev_note"))
    with planned(sample_database("torture"), page_rows=25, selection=selection) as found:
        assert len(found.plan.pages) == 6
        yield found


def test_splits_read_what_the_whole_reads(pages: Planned) -> None:
    whole = Comparable(pages.source())
    bundles = [(b.source, b.start_position, b.stop_position) for b in whole.split(1)]
    assert len(bundles) > 2
    assert_sources_equal_reference_source((whole, None, None), bundles)


def test_reads_can_begin_anew(pages: Planned) -> None:
    assert_reentrant_reads_succeed((Comparable(pages.source()), None, None))


def test_dynamic_splits(pages: Planned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_test_utils, "MAX_CONCURRENT_SPLITTING_TRIALS_PER_ITEM", 4)
    assert_split_at_fraction_exhaustive(Comparable(pages.source(list(pages.plan.pages)[-3:])))


def test_pipeline_reads_every_page(pages: Planned) -> None:
    ids = list(pages.plan.pages)
    planned_rows = [(page_id, page.rows) for page_id, page in pages.plan.pages.items()]
    with beam.Pipeline(FnApiRunner()) as pipeline:
        read = pipeline | ReadFromPostgres(pages.address, pages.plan, ids)
        seen = read | beam.Map(lambda page: (page.page_id, len(page)))
        assert_that(seen, equal_to(planned_rows))


NAME = TableName("s", "t")
READ = TableRead(
    Table(NAME, (), ("id",), (Relation(NAME, 1, "r", True, 0, 0, 0),)), Relation(NAME, 1, "r", True, 0, 0, 0)
)


@given(st.lists(st.integers(0, 2000), min_size=1, max_size=300), st.data())
def test_splits_cover_the_pages_in_order(rows: list[int], data: st.DataObject) -> None:
    plan = Plan.of([READ], [PagePlan(0, i, ("(0,0)",), None, n, 0) for i, n in enumerate(rows)], "snapshot")
    ids = list(plan.pages)
    source = postgres_pages(PostgresAddress("dbname=x"), plan, ids)
    start = data.draw(st.integers(0, len(ids) - 1))
    stop = data.draw(st.integers(start + 1, len(ids)))
    bundles = list(source.split(1, start, stop))
    covered = [page.page_id for b in bundles for page in b.source._pages[b.start_position : b.stop_position]]
    assert covered == ids[start:stop]
    assert sum(b.weight for b in bundles) == sum(rows[start:stop])
    assert all(len(b.source._pages) == b.stop_position for b in bundles)


def test_no_secret_travels_with_the_graph(pages: Planned, sample_database: SampleDatabases) -> None:
    password = sample_database.server.passwords["postgres"].encode()
    pipeline = beam.Pipeline()
    _ = pipeline | ReadFromPostgres(pages.address, pages.plan, list(pages.plan.pages))
    graph = graph_bytes(pipeline)
    assert pages.plan.snapshot.encode() in graph  # so we do see into it
    assert password not in graph
    assert password not in pickle.dumps(pages.source())
    assert password.decode() not in repr(pages.address) + str(pages.source().display_data())
